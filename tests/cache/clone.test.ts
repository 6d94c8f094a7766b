import type { Cache, CacheOptions } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { CACHES, removalsOf } from './caches.js';

interface User {
  name: string;
  roles: string[];
}

const ada = (): User => ({ name: 'Ada', roles: ['admin'] });

/** All methods that return the value of the key 1. */
const READS: readonly (readonly [name: string, read: (cache: Cache<number, User>) => User | undefined])[] = [
  ['get', (cache) => cache.get(1)],
  ['peek', (cache) => cache.peek(1)],
  ['getOrInsert', (cache) => cache.getOrInsert(1, { name: 'another', roles: [] })],
  ['getOrInsertComputed', (cache) => cache.getOrInsertComputed(1, () => ({ name: 'another', roles: [] }))],
  ['values', (cache) => [...cache.values()][0]],
  ['entries', (cache) => [...cache.entries()][0]?.[1]],
  ['the iterator', (cache) => [...cache][0]?.[1]],
  ['dump', (cache) => cache.dump().entries[0]?.value],
  [
    'forEach',
    (cache) => {
      const values: User[] = [];
      cache.forEach((value) => void values.push(value));
      return values[0];
    },
  ],
];

/** All methods that store a value under the key 1. */
const WRITES: readonly (readonly [name: string, write: (cache: Cache<number, User>, user: User) => void])[] = [
  ['set', (cache, user) => cache.set(1, user)],
  ['set with options', (cache, user) => cache.set(1, user, { ttl: '1h' })],
  ['getOrInsert', (cache, user) => cache.getOrInsert(1, user)],
  ['getOrInsertComputed', (cache, user) => cache.getOrInsertComputed(1, () => user)],
  ['restore', (cache, user) => cache.restore({ entries: [{ key: 1, value: user }] })],
];

describe.each(CACHES)('%s with clone', (_name, make) => {
  const cloning = (options: Partial<CacheOptions<number, User>> = {}) =>
    make<number, User>({ capacity: 10, clone: 'structured', ...options });

  it.each(READS)('a caller that changes the value of %s does not change the cached one', (_method, read) => {
    const cache = cloning();
    cache.set(1, ada());
    const value = read(cache);
    expect(value).toEqual(ada());
    value?.roles.push('changed');
    expect(cache.get(1)).toEqual(ada());
  });

  it.each(WRITES)('a caller that changes a value after %s does not change the cached one', (_method, write) => {
    const cache = cloning();
    const user = ada();
    write(cache, user);
    user.roles.push('changed');
    expect(cache.get(1)).toEqual(ada());
  });

  it('a clone that fails throws its error, and a failed set leaves the entry unchanged', () => {
    const failure = new Error('no copy');
    let isFailing = false;
    const cache = cloning({
      clone: (user) => {
        if (isFailing) throw failure;
        return { ...user };
      },
    });
    cache.set(1, ada());
    isFailing = true;
    expect(() => cache.set(1, { name: 'Bob', roles: [] })).toThrow(failure);
    expect(() => cache.set(2, { name: 'Bob', roles: [] })).toThrow(failure);
    expect(() => cache.get(1)).toThrow(failure);
    isFailing = false;
    expect([cache.get(1), cache.size]).toEqual([ada(), 1]);
  });

  it('a value that structuredClone rejects throws DataCloneError, and is not stored', () => {
    const cache = make<number, unknown>({ capacity: 10, clone: 'structured' });
    expect(() => cache.set(1, { run: () => {} })).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
    expect(cache.has(1)).toBe(false);
  });

  it('a miss makes no copy, and undefined is a value', () => {
    const seen: unknown[] = [];
    const cache = make<number, number | undefined>({
      capacity: 10,
      clone: (value) => {
        seen.push(value);
        return value;
      },
    });
    expect([cache.get(1), cache.peek(1), cache.has(1)]).toEqual([undefined, undefined, false]);
    expect(seen).toEqual([]);
    cache.set(1, undefined);
    expect([cache.get(1), cache.has(1)]).toEqual([undefined, true]);
    expect(seen).toEqual([undefined, undefined]);
  });

  it('a listener for removals receives the stored value without another copy', () => {
    let copies = 0;
    const cache = cloning({
      clone: (user) => {
        copies++;
        return { ...user };
      },
    });
    const removals = removalsOf(cache);
    cache.set(1, ada());
    cache.delete(1);
    expect([removals, copies]).toEqual([[{ key: 1, value: ada(), reason: 'deleted' }], 1]);
  });
});

describe('A cache without clone', () => {
  it.each(CACHES)('%s returns the stored value itself', (_name, make) => {
    const cache = make<number, User>({ capacity: 10 });
    const user = ada();
    cache.set(1, user);
    for (const [, read] of READS) expect(read(cache)).toBe(user);
  });
});

describe('The option clone', () => {
  class Temperature {
    readonly #kelvin: number;
    constructor(kelvin: number) {
      this.#kelvin = kelvin;
    }
    get kelvin(): number {
      return this.#kelvin;
    }
  }

  it.each(CACHES)('%s keeps Map, Set, Date and cycles with structured', (_name, make) => {
    const cache = make<string, unknown>({ capacity: 10, clone: 'structured' });
    const value = { map: new Map([['a', new Set([1])]]), date: new Date(0), self: undefined as unknown };
    value.self = value;
    cache.set('a', value);
    const copy = cache.get('a') as typeof value;
    expect(copy).toEqual(value);
    expect(copy.self).toBe(copy);
    expect(copy).not.toBe(value);
  });

  it.each(CACHES)('%s loses the class of an instance with structured, and keeps it with a function', (_name, make) => {
    const structured = make<number, Temperature>({ capacity: 10, clone: 'structured' });
    structured.set(1, new Temperature(300));
    expect(structured.get(1)).not.toBeInstanceOf(Temperature);
    const own = make<number, Temperature>({ capacity: 10, clone: ({ kelvin }) => new Temperature(kelvin) });
    const original = new Temperature(300);
    own.set(1, original);
    expect(own.get(1)?.kelvin).toBe(300);
    expect(own.get(1)).not.toBe(original);
  });

  it.each(CACHES)('%s calls a clone function without a receiver', (_name, make) => {
    const receivers: unknown[] = [];
    const cache = make<number, number>({
      capacity: 10,
      clone: function (this: unknown, value) {
        receivers.push(this);
        return value;
      },
    });
    cache.set(1, 1);
    cache.get(1);
    cache.restore(cache.dump());
    expect(receivers).toEqual([undefined, undefined, undefined, undefined]);
  });

  it.each(CACHES)('%s rejects any other value', (_name, make) => {
    for (const clone of ['deep', true, null, {}] as never[]) {
      expect(() => make({ capacity: 1, clone })).toThrow(expect.objectContaining({ option: 'clone', value: clone }));
    }
  });
});
