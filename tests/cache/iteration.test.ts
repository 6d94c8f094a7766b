/** Iteration visits the entries that existed at its start and still exist when it reaches them. It always ends. */
import { describe, expect, it, vi } from 'vitest';
import { EntryTable } from '../../src/cache/entry-table.js';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES } from './caches.js';

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

describe.each(CACHES)('iteration of %s', (_name, make) => {
  const filled = (capacity = 6) => {
    const cache = make<string, number>({ capacity });
    for (const [n, letter] of LETTERS.entries()) cache.set(letter, n);
    return cache;
  };
  /** The visited keys, at most `most`, while `change` runs at each step. */
  const visit = (cache: ReturnType<typeof filled>, change: (key: string, nth: number) => void, most = 6) => {
    const visited: string[] = [];
    for (const key of cache.keys()) {
      visited.push(key);
      if (visited.length > most) throw new Error(`more than there were: ${visited.join()}`);
      change(key, visited.length);
    }
    return visited;
  };

  it('Iteration visits each entry once', () => {
    expect(visit(filled(), () => {}).sort()).toEqual(LETTERS);
    const seen: string[] = [];
    filled().forEach((_value, key) => {
      seen.push(key);
    });
    expect(seen.sort()).toEqual(LETTERS);
    expect([...filled().values()].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('Iteration visits all entries while each is deleted', () => {
    const cache = filled();
    expect(visit(cache, (key) => cache.delete(key)).sort()).toEqual(LETTERS);
    expect(cache.size).toBe(0);
  });

  it('forEach visits all entries while each is deleted', () => {
    const cache = filled();
    const seen: string[] = [];
    cache.forEach((_value, key) => {
      seen.push(key);
      cache.delete(key);
    });
    expect(seen.sort()).toEqual(LETTERS);
  });

  it('Iteration skips entries that were deleted before it reached them', () => {
    const cache = filled();
    const order = [...cache.keys()];
    const [first, second, third] = order as [string, string, string];
    const visited = visit(cache, (key) => key === first && [second, third].map((one) => cache.delete(one)));
    expect(visited).toEqual(order.filter((key) => key !== second && key !== third));
  });

  it('Iteration ends while each step inserts a key, with and without free capacity', () => {
    for (const capacity of [6, 7, 100]) {
      const cache = filled(capacity);
      const visited = visit(cache, (_key, nth) => cache.set(`new ${nth}`, nth));
      expect(new Set(visited).size).toBe(visited.length);
      expect(LETTERS).toEqual(expect.arrayContaining(visited));
      if (capacity === 100) expect(visited.sort()).toEqual(LETTERS);
    }
  });

  it.each(['get', 'set', 'getOrInsert', 'delete and set'] as const)(
    'Iteration visits each entry once while each step calls %s',
    (what) => {
      for (const whose of ['its own', 'the first', 'the last']) {
        const cache = filled();
        const order = [...cache.keys()];
        const visited = visit(cache, (own) => {
          const key = whose === 'its own' ? own : (order.at(whose === 'the first' ? 0 : -1) as string);
          if (what === 'get') cache.get(key);
          if (what === 'set') cache.set(key, 9);
          if (what === 'getOrInsert') cache.getOrInsert(key, 9);
          if (what === 'delete and set') cache.delete(key);
          if (what === 'delete and set') cache.set(key, 9);
        });
        expect(visited).toEqual(order);
      }
    },
  );

  it('Iteration returns the value at the time of the visit', () => {
    const cache = filled();
    const [first] = cache.keys();
    const visited = new Map<string, number>();
    for (const [key, value] of cache) {
      if (key === first) for (const letter of LETTERS) cache.set(letter, 7);
      visited.set(key, value);
    }
    visited.delete(first as string);
    expect([...visited.values()]).toEqual([7, 7, 7, 7, 7]);
  });

  it.each(['clear', 'resize'] as const)('Iteration ends after a %s', (what) => {
    const cache = filled();
    const visited = visit(cache, () => (what === 'clear' ? cache.clear() : cache.resize(1)));
    expect(visited.length).toBeLessThanOrEqual(what === 'clear' ? 1 : 2);
    expect(cache.size).toBe(what === 'clear' ? 0 : 1);
  });

  it('Iteration continues after a clear with keys that were set again', () => {
    const cache = filled();
    const visited = visit(cache, (_key, nth) => {
      if (nth !== 1) return;
      cache.clear();
      for (const letter of LETTERS) cache.set(letter, 8);
    });
    expect(visited.sort()).toEqual(LETTERS);
  });

  it('Iteration skips entries that have expired meanwhile', () => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity: 6, clock });
    for (const [n, letter] of LETTERS.entries()) cache.set(letter, n, { ttl: n < 3 ? 10 : 20 });
    const [first] = cache.keys();
    const visited = visit(cache, () => {
      clock.time = 10;
    });
    expect(visited.filter((key) => key !== first).every((key) => 'def'.includes(key))).toBe(true);
    clock.time = 20;
    expect([...cache]).toEqual([]);
  });

  it('Iterations may be left early, nested and interleaved', () => {
    const cache = filled();
    for (const _ of cache) break;
    const [one, other] = [cache.keys(), cache.keys()];
    const keys = [one.next(), other.next(), one.next(), other.next()].map(({ value }) => value);
    expect([keys[0], keys[2]]).toEqual([keys[1], keys[3]]);
    const pairs: string[] = [];
    for (const a of cache.keys()) for (const b of cache.keys()) pairs.push(a + b);
    expect(new Set(pairs).size).toBe(36);
  });

  it('Iteration does not count as a use of the entries', () => {
    const cache = filled();
    const before = [[...cache], cache.stats];
    for (const [key] of cache) cache.peek(key);
    for (const key of cache.keys()) cache.has(key);
    expect([...cache.keys(), ...cache.values()]).toHaveLength(12);
    expect([[...cache], cache.stats]).toEqual(before);
  });

  it('Iteration of an empty cache visits nothing', () => {
    const cache = make<string, number>({ capacity: 1 });
    expect([...cache, ...cache.keys(), ...cache.values(), ...cache.entries()]).toEqual([]);
  });

  describe('with many entries', () => {
    const COUNT = 5000;
    const setUp = () => {
      const cache = make<number, number>({ capacity: COUNT });
      for (let n = 0; n < COUNT; n++) cache.set(n, n);
      return cache;
    };
    /** The number of keys that `act` reads from the table. */
    const keysRead = (act: () => void) => {
      using keyOf = vi.spyOn(EntryTable.prototype, 'keyOf');
      act();
      return keyOf.mock.calls.length;
    };

    it.each(['keys', 'values', 'entries'] as const)('An iterator of %s reads one entry at a time', (what) => {
      const cache = setUp();
      const iterator = cache[what]();
      expect(keysRead(() => iterator.next())).toBeLessThanOrEqual(3);
      expect(keysRead(() => iterator.next())).toBeLessThanOrEqual(3);
    });

    it('Iterations in progress copy the remaining keys once, at the first change', () => {
      const cache = setUp();
      const [one, other] = [cache.keys(), cache.keys()];
      const expected = [...cache.keys()];
      const visited = [one.next().value, other.next().value, one.next().value];
      expect(keysRead(() => cache.delete(expected.at(-1) as number))).toBeLessThanOrEqual(2 * COUNT);
      expect(keysRead(() => cache.set(-1, 1).delete(-2))).toBeLessThanOrEqual(3);
      expect([...visited, ...one]).toEqual([expected[0], expected[0], ...expected.slice(1, -1)]);
      expect([...other]).toEqual(expected.slice(1, -1));
    });

    it('Abandoned and completed iterations add no cost to later changes', () => {
      const cache = setUp();
      for (const _ of cache) break;
      expect([...cache.keys()]).toHaveLength(COUNT);
      expect(keysRead(() => cache.set(-1, 1))).toBeLessThanOrEqual(3);
    });
  });

  it.each([
    ['get', (cache: ReturnType<typeof filled>, key: string) => cache.get(key)],
    ['set', (cache: ReturnType<typeof filled>, key: string) => cache.set(key, 1)],
    ['delete', (cache: ReturnType<typeof filled>, key: string) => cache.delete(key)],
    ['clear', (cache: ReturnType<typeof filled>) => cache.clear()],
    ['resize', (cache: ReturnType<typeof filled>) => cache.resize(3)],
    ['restore', (cache: ReturnType<typeof filled>) => cache.restore({ entries: [{ key: 'a', value: 1 }] })],
    ['insert', (cache: ReturnType<typeof filled>) => cache.set('new', 1)],
  ])(
    'An iterator that is paused during a %s of any entry visits the remaining entries in the original order',
    (_what, change) => {
      for (const key of LETTERS) {
        const cache = filled();
        const order = [...cache.keys()];
        const iterator = cache.keys();
        const visited = [iterator.next().value, iterator.next().value];
        change(cache, key);
        expect([...visited, ...iterator]).toEqual([
          ...order.slice(0, 2),
          ...order.slice(2).filter((letter) => cache.has(letter)),
        ]);
      }
    },
  );

  it('Iteration removes an expired entry that it reaches, and continues', () => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity: 6, clock });
    for (const [n, letter] of LETTERS.entries()) cache.set(letter, n, { ttl: n % 2 === 0 ? 10 : 20 });
    const order = [...cache.keys()];
    const iterator = cache.keys();
    const first = iterator.next().value as string;
    clock.time = 10;
    expect([first, ...iterator]).toEqual([first, ...order.slice(1).filter((letter) => 'bdf'.includes(letter))]);
    expect(cache.stats.expirations).toBe('ace'.includes(first) ? 2 : 3);
  });
});
