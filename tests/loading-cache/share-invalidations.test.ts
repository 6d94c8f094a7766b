import {
  type Invalidation,
  type InvalidationBus,
  type InvalidationSubscriber,
  type LoadingCache,
  loadingCache,
  memoize,
  shareInvalidations,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

/** All processes in one: messages arrive at once, unless they are held back. */
class TestBus implements InvalidationBus {
  readonly subscribers = new Set<InvalidationSubscriber>();
  readonly messages: string[] = [];
  #isHeld = false;
  fail: unknown;

  publish(message: string): void {
    if (this.fail !== undefined) throw this.fail;
    this.messages.push(message);
    if (!this.#isHeld) this.deliver(message);
  }

  deliver(message: string): void {
    for (const subscriber of this.subscribers) subscriber.onMessage(message);
  }

  /** From now on messages are only kept in `messages`. */
  hold(): void {
    this.#isHeld = true;
  }

  subscribe(subscriber: InvalidationSubscriber): () => void {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }
}

function process(bus: InvalidationBus, origin: string, options = {}) {
  const clock = new TestClock();
  let loads = 0;
  const cache = loadingCache<string, string>({
    load: async (key) => `${key} ${origin}${++loads}`,
    tags: (value) => [value.slice(0, 1)],
    staleIfError: '1h',
    capacity: 100,
    clock,
  });
  return { cache, clock, shared: shareInvalidations(cache, bus, { origin, ...options }) };
}

/** Two processes that have `a` and `b`. */
async function two() {
  const bus = new TestBus();
  const [one, other] = [process(bus, 'one'), process(bus, 'other')];
  for (const { cache } of [one, other]) await cache.getMany(['a', 'b']);
  return { bus, one, other };
}

const has = (cache: LoadingCache<string, string>) => ['a', 'b'].filter((key) => cache.peek(key) !== undefined);

describe('caches on one bus', () => {
  it.each<[string, (cache: LoadingCache<string, string>) => void, string[], string[]]>([
    ['set', (cache) => cache.set('a', 'new'), ['a', 'b'], ['b']],
    ['delete', (cache) => cache.delete('a'), ['b'], ['b']],
    ['expire', (cache) => cache.expire('a'), ['b'], ['b']],
    ['deleteMatching by tag', (cache) => cache.deleteMatching({ tag: 'b' }), ['a'], ['a']],
    ['expireMatching by prefix', (cache) => cache.expireMatching({ prefix: 'a' }), ['b'], ['b']],
    ['deleteMatching by glob', (cache) => cache.deleteMatching({ glob: '?' }), [], []],
    ['clear', (cache) => cache.clear(), [], []],
  ])('do what one of them does: %s', async (_, act, left, leftThere) => {
    const { bus, one, other } = await two();
    act(one.cache);
    expect([has(one.cache), has(other.cache)]).toEqual([left, leftThere]);
    expect([bus.messages.length, other.shared.stats]).toEqual([1, { published: 0, received: 1, gaps: 0, failures: 0 }]);
    await settle();
    expect(one.shared.stats).toEqual({ published: 1, received: 0, gaps: 0, failures: 0 });
  });

  it('send no values', async () => {
    const { bus, one } = await two();
    one.cache.set('a', 'a secret', { tags: ['x'] });
    expect(JSON.parse(bus.messages[0]!)).toEqual({
      topic: 'invalidations',
      origin: 'one',
      number: 1,
      invalidation: { kind: 'delete', key: 'a' },
    });
  });

  it('of which one loads tell nobody', async () => {
    const { bus, one } = await two();
    await one.cache.get('c');
    await one.cache.refresh('a');
    expect(bus.messages).toEqual([]);
  });

  it('do not keep a load that was under way', async () => {
    const bus = new TestBus();
    const origin = defer<string>();
    const cache = loadingCache<string, string>({ load: () => origin.promise, capacity: 10 });
    shareInvalidations(cache, bus);
    const read = cache.get('a');
    process(bus, 'other').cache.delete('a');
    origin.resolve('old');
    expect([await read, cache.peek('a')]).toEqual(['old', undefined]);
  });

  it('expire what may be served stale, and delete what may not', async () => {
    const bus = new TestBus();
    const one = process(bus, 'one');
    let isDown = false;
    const cache = loadingCache<string, string>({
      load: async (key) => {
        if (isDown) throw new Error('down');
        return key;
      },
      staleIfError: '1h',
      capacity: 10,
    });
    shareInvalidations(cache, bus);
    await cache.get('a');
    isDown = true;
    one.cache.expire('a');
    expect(await cache.get('a')).toBe('a');
    one.cache.delete('a');
    await expect(cache.get('a')).rejects.toThrow('down');
  });

  it('hear only their topic', async () => {
    const bus = new TestBus();
    const [one, other] = [process(bus, 'one', { topic: 'users' }), process(bus, 'other', { topic: 'prices' })];
    await other.cache.get('a');
    one.cache.clear();
    expect([has(other.cache), other.shared.stats.received]).toEqual([['a'], 0]);
  });

  it('may have numbers for keys', async () => {
    const bus = new TestBus();
    const make = (origin: string) => {
      const square = memoize(async (n: number) => n * n, { capacity: 10 });
      shareInvalidations(square.cache, bus, { origin });
      return square;
    };
    const [one, other] = [make('one'), make('other')];
    await other(7);
    one.cache.delete(7);
    expect(other.cache.peek(7)).toBeUndefined();
  });

  it('have a name of their own each', async () => {
    const bus = new TestBus();
    const caches = Array.from({ length: 2 }, () => loadingCache<string, string>({ load: (key) => key, capacity: 10 }));
    for (const cache of caches) {
      shareInvalidations(cache, bus);
      await cache.get('a');
    }
    caches[0]!.delete('a');
    expect(caches[1]!.peek('a')).toBeUndefined();
  });

  it('stop when they are told to', async () => {
    const { bus, one, other } = await two();
    other.shared.stop();
    one.cache.clear();
    other.cache.clear();
    await other.cache.get('a');
    one.cache.clear();
    expect([has(other.cache), bus.messages.length, bus.subscribers.size]).toEqual([['a'], 2, 1]);
  });
});

describe('a message that was missed', () => {
  it('is noticed by the next one, and everything is cleared', async () => {
    const { bus, one, other } = await two();
    one.cache.delete('x');
    bus.hold();
    one.cache.delete('a');
    one.cache.delete('y');
    bus.deliver(bus.messages[2]!);
    expect([has(other.cache), other.shared.stats]).toEqual([[], { published: 0, received: 2, gaps: 1, failures: 0 }]);
    await other.cache.get('b');
    one.cache.delete('z');
    bus.deliver(bus.messages[3]!);
    expect(has(other.cache)).toEqual(['b']);
  });

  it('is assumed when one comes out of turn, and when a sender begins anew; not when one comes twice', async () => {
    const { bus, one, other } = await two();
    bus.hold();
    for (const key of ['x', 'y', 'z']) one.cache.delete(key);
    for (const [number, gaps] of [
      [1, 0],
      [1, 0],
      [2, 0],
      [2, 0],
      [3, 0],
      [2, 1],
      [3, 1],
      [1, 2],
      [2, 2],
    ] as const) {
      bus.deliver(bus.messages[number - 1]!);
      expect(other.shared.stats.gaps).toBe(gaps);
    }
  });

  it('clears its cache and no other', async () => {
    const { bus, other } = await two();
    const [first] = bus.subscribers;
    first!.onGap();
    expect([has(other.cache), bus.messages]).toEqual([['a', 'b'], []]);
  });

  it("before the first one that came is nobody's loss", async () => {
    const { bus, one, other } = await two();
    bus.hold();
    for (let i = 0; i < 5; i++) one.cache.delete('x');
    bus.deliver(bus.messages[4]!);
    expect([has(other.cache), other.shared.stats.gaps]).toEqual([['a', 'b'], 0]);
  });

  it('is to be feared after a gap', async () => {
    const { bus, other } = await two();
    for (const subscriber of bus.subscribers) subscriber.onGap();
    expect([has(other.cache), other.shared.stats.gaps, bus.messages]).toEqual([[], 1, []]);
  });

  it('is one, too, that could not be sent', async () => {
    const { bus, one, other } = await two();
    const errors: unknown[] = [];
    one.shared.stop();
    const shared = shareInvalidations(one.cache, bus, {
      origin: 'uno',
      onError: (error: unknown, invalidation: Invalidation<string | number>) => errors.push([error, invalidation]),
    });
    one.cache.delete('x');
    bus.fail = new Error('cut off');
    one.cache.delete('a');
    await settle();
    expect(errors).toEqual([[bus.fail, { kind: 'delete', key: 'a' }]]);
    bus.publish = () => Promise.reject(new Error('refused')) as never;
    one.cache.delete('a');
    await settle();
    expect(shared.stats).toEqual({ published: 1, received: 0, gaps: 0, failures: 2 });
    bus.fail = undefined;
    Reflect.deleteProperty(bus, 'publish');
    one.cache.delete('y');
    expect([has(other.cache), other.shared.stats.gaps]).toEqual([[], 1]);
  });

  it('is what one is of a kind that is not known yet', async () => {
    const { bus, other } = await two();
    const unknown = [{ kind: 'shrink' }, { kind: 'delete' }, { kind: 'delete', key: null }, 7, null];
    for (const [index, invalidation] of unknown.entries()) {
      await other.cache.get('a');
      bus.deliver(JSON.stringify({ topic: 'invalidations', origin: `new${index}`, number: 1, invalidation }));
      expect([has(other.cache), other.shared.stats.gaps]).toEqual([[], index + 1]);
    }
  });
});

it('what is no message of theirs is none of their business', async () => {
  const { bus, other } = await two();
  for (const text of [
    '',
    'hello',
    'null',
    '7',
    '{}',
    '{"topic":"invalidations"}',
    '{"topic":"invalidations","origin":"x"}',
  ]) {
    bus.deliver(text);
  }
  expect([has(other.cache), other.shared.stats]).toEqual([
    ['a', 'b'],
    { published: 0, received: 0, gaps: 0, failures: 0 },
  ]);
});

it('remembers the numbers of a thousand senders, those heard of last', async () => {
  const { bus, other } = await two();
  const tell = (origin: string, number: number) => {
    const invalidation = { kind: 'delete', key: 'x' };
    bus.deliver(JSON.stringify({ topic: 'invalidations', origin, number, invalidation }));
  };
  for (let i = 0; i < 1000; i++) tell(`p${i}`, 1);
  tell('p0', 2);
  tell('new', 1);
  tell('p1', 7); // forgotten
  expect(other.shared.stats.gaps).toBe(0);
  tell('p0', 7);
  expect(other.shared.stats.gaps).toBe(1);
});

it.each([
  [{ topic: 7 }, '"topic" must be a string'],
  [{ origin: 7 }, '"origin" must be a string'],
  [{ onError: 7 }, '"onError" must be a function'],
  [{ channel: 'x' }, '"channel" is unknown'],
])('shareInvalidations rejects the options %o', (options, message) => {
  const { cache } = process(new TestBus(), 'one');
  expect(() => shareInvalidations(cache, new TestBus(), options as never)).toThrow(message);
});

it('refuses what is no cache and no bus', () => {
  const { cache } = process(new TestBus(), 'one');
  expect(() => shareInvalidations(new Map() as never, new TestBus())).toThrow('"cache" must be an object with on,');
  expect(() => shareInvalidations(cache, {} as never)).toThrow('"bus" must be an object with publish, subscribe');
});

it('a key that no message can have clears the others', async () => {
  const bus = new TestBus();
  const square = memoize(async (n: number) => n * n, { capacity: 10 });
  shareInvalidations(square.cache, bus);
  square.cache.delete(Number.NaN);
  expect(JSON.parse(bus.messages[0]!).invalidation).toEqual({ kind: 'clear' });
});

it('what has stopped hears nothing, even from a bus that goes on', async () => {
  const { bus, one, other } = await two();
  const subscribers = [...bus.subscribers];
  other.shared.stop();
  for (const subscriber of subscribers) bus.subscribers.add(subscriber);
  one.cache.clear();
  subscribers[1]!.onGap();
  expect([has(other.cache), other.shared.stats.gaps]).toEqual([['a', 'b'], 0]);
});

it('an error of onError surfaces by itself', async () => {
  const bus = new TestBus();
  const { cache } = process(new TestBus(), 'one');
  bus.fail = new Error('cut off');
  const thrown = new Error('thrown');
  const onError = () => {
    throw thrown;
  };
  shareInvalidations(cache, bus, { onError });
  using uncaught = catchUncaught();
  cache.delete('a');
  await settle();
  expect([uncaught.errors, uncaught.rejections]).toEqual([[thrown], []]);
});

it('a bus whose subscription cannot be ended is refused', () => {
  const { cache } = process(new TestBus(), 'one');
  const bus = { publish: () => {}, subscribe: () => undefined as never };
  expect(() => shareInvalidations(cache, bus)).toThrow('"bus.subscribe" must be a function');
});
