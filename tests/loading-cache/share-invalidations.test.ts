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

/** A bus within one process. Messages arrive synchronously, unless `hold` was called. */
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

  /** Stops delivery: later messages are only added to `messages`. */
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

/** Two processes whose caches contain `a` and `b`. */
async function two() {
  const bus = new TestBus();
  const [one, other] = [process(bus, 'one'), process(bus, 'other')];
  for (const { cache } of [one, other]) await cache.getMany(['a', 'b']);
  return { bus, one, other };
}

const cachedKeys = (cache: LoadingCache<string, string>) => ['a', 'b'].filter((key) => cache.peek(key) !== undefined);

describe('caches on one bus', () => {
  it.each<[string, (cache: LoadingCache<string, string>) => void, string[], string[]]>([
    ['set', (cache) => cache.set('a', 'new'), ['a', 'b'], ['b']],
    ['delete', (cache) => cache.delete('a'), ['b'], ['b']],
    ['expire', (cache) => cache.expire('a'), ['b'], ['b']],
    ['deleteMatching by tag', (cache) => cache.deleteMatching({ tag: 'b' }), ['a'], ['a']],
    ['expireMatching by prefix', (cache) => cache.expireMatching({ prefix: 'a' }), ['b'], ['b']],
    ['deleteMatching by glob', (cache) => cache.deleteMatching({ glob: '?' }), [], []],
    ['clear', (cache) => cache.clear(), [], []],
  ])('%s on one cache invalidates the other cache', async (_, act, left, leftInOther) => {
    const { bus, one, other } = await two();
    act(one.cache);
    expect([cachedKeys(one.cache), cachedKeys(other.cache)]).toEqual([left, leftInOther]);
    expect([bus.messages.length, other.shared.stats]).toEqual([1, { published: 0, received: 1, gaps: 0, failures: 0 }]);
    await settle();
    expect(one.shared.stats).toEqual({ published: 1, received: 0, gaps: 0, failures: 0 });
  });

  it('Published messages contain no values', async () => {
    const { bus, one } = await two();
    one.cache.set('a', 'a secret', { tags: ['x'] });
    expect(JSON.parse(bus.messages[0]!)).toEqual({
      topic: 'invalidations',
      origin: 'one',
      number: 1,
      invalidation: { kind: 'delete', key: 'a' },
    });
  });

  it('A load publishes no message', async () => {
    const { bus, one } = await two();
    await one.cache.get('c');
    await one.cache.refresh('a');
    expect(bus.messages).toEqual([]);
  });

  it('A load in flight is not cached after an invalidation from the bus', async () => {
    const bus = new TestBus();
    const origin = defer<string>();
    const cache = loadingCache<string, string>({ load: () => origin.promise, capacity: 10 });
    shareInvalidations(cache, bus);
    const read = cache.get('a');
    process(bus, 'other').cache.delete('a');
    origin.resolve('old');
    expect([await read, cache.peek('a')]).toEqual(['old', undefined]);
  });

  it('A received expiration allows stale values, and a received deletion does not', async () => {
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

  it('A cache ignores messages of other topics', async () => {
    const bus = new TestBus();
    const [one, other] = [process(bus, 'one', { topic: 'users' }), process(bus, 'other', { topic: 'prices' })];
    await other.cache.get('a');
    one.cache.clear();
    expect([cachedKeys(other.cache), other.shared.stats.received]).toEqual([['a'], 0]);
  });

  it('Numeric keys are invalidated through the bus', async () => {
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

  it('Caches without a given origin get distinct origins', async () => {
    const bus = new TestBus();
    const caches = Array.from({ length: 2 }, () => loadingCache<string, string>({ load: (key) => key, capacity: 10 }));
    for (const cache of caches) {
      shareInvalidations(cache, bus);
      await cache.get('a');
    }
    caches[0]!.delete('a');
    expect(caches[1]!.peek('a')).toBeUndefined();
  });

  it('stop ends publishing and the subscription', async () => {
    const { bus, one, other } = await two();
    other.shared.stop();
    one.cache.clear();
    other.cache.clear();
    await other.cache.get('a');
    one.cache.clear();
    expect([cachedKeys(other.cache), bus.messages.length, bus.subscribers.size]).toEqual([['a'], 2, 1]);
  });
});

describe('a lost message', () => {
  it('The next message reveals a gap, and the cache is cleared once', async () => {
    const { bus, one, other } = await two();
    one.cache.delete('x');
    bus.hold();
    one.cache.delete('a');
    one.cache.delete('y');
    bus.deliver(bus.messages[2]!);
    expect([cachedKeys(other.cache), other.shared.stats]).toEqual([
      [],
      { published: 0, received: 2, gaps: 1, failures: 0 },
    ]);
    await other.cache.get('b');
    one.cache.delete('z');
    bus.deliver(bus.messages[3]!);
    expect(cachedKeys(other.cache)).toEqual(['b']);
  });

  it('A message out of order or from a restarted sender counts as a gap, and a duplicate does not', async () => {
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

  it('A gap clears only the cache that noticed it and publishes nothing', async () => {
    const { bus, other } = await two();
    const [first] = bus.subscribers;
    first!.onGap();
    expect([cachedKeys(other.cache), bus.messages]).toEqual([['a', 'b'], []]);
  });

  it('Messages from before the first received message do not count as a gap', async () => {
    const { bus, one, other } = await two();
    bus.hold();
    for (let i = 0; i < 5; i++) one.cache.delete('x');
    bus.deliver(bus.messages[4]!);
    expect([cachedKeys(other.cache), other.shared.stats.gaps]).toEqual([['a', 'b'], 0]);
  });

  it('A gap reported by the bus clears the cache and publishes nothing', async () => {
    const { bus, other } = await two();
    for (const subscriber of bus.subscribers) subscriber.onGap();
    expect([cachedKeys(other.cache), other.shared.stats.gaps, bus.messages]).toEqual([[], 1, []]);
  });

  it('A failed publish calls onError and counts as a gap for other caches', async () => {
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
    expect([cachedKeys(other.cache), other.shared.stats.gaps]).toEqual([[], 1]);
  });

  it('A message of an unknown kind counts as a gap', async () => {
    const { bus, other } = await two();
    const unknown = [{ kind: 'shrink' }, { kind: 'delete' }, { kind: 'delete', key: null }, 7, null];
    for (const [index, invalidation] of unknown.entries()) {
      await other.cache.get('a');
      bus.deliver(JSON.stringify({ topic: 'invalidations', origin: `new${index}`, number: 1, invalidation }));
      expect([cachedKeys(other.cache), other.shared.stats.gaps]).toEqual([[], index + 1]);
    }
  });
});

it('Text that is not an invalidation message is ignored', async () => {
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
  expect([cachedKeys(other.cache), other.shared.stats]).toEqual([
    ['a', 'b'],
    { published: 0, received: 0, gaps: 0, failures: 0 },
  ]);
});

it('A cache tracks the sequence numbers of the 1,000 most recent senders', async () => {
  const { bus, other } = await two();
  const send = (origin: string, number: number) => {
    const invalidation = { kind: 'delete', key: 'x' };
    bus.deliver(JSON.stringify({ topic: 'invalidations', origin, number, invalidation }));
  };
  for (let i = 0; i < 1000; i++) send(`p${i}`, 1);
  send('p0', 2);
  send('new', 1);
  send('p1', 7); // no longer tracked
  expect(other.shared.stats.gaps).toBe(0);
  send('p0', 7);
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

it('shareInvalidations rejects an object that is not a cache or not a bus', () => {
  const { cache } = process(new TestBus(), 'one');
  expect(() => shareInvalidations(new Map() as never, new TestBus())).toThrow('"cache" must be an object with on,');
  expect(() => shareInvalidations(cache, {} as never)).toThrow('"bus" must be an object with publish, subscribe');
});

it('Deletion of a key that cannot be serialized publishes a clear', async () => {
  const bus = new TestBus();
  const square = memoize(async (n: number) => n * n, { capacity: 10 });
  shareInvalidations(square.cache, bus);
  square.cache.delete(Number.NaN);
  expect(JSON.parse(bus.messages[0]!).invalidation).toEqual({ kind: 'clear' });
});

it('A stopped cache ignores messages and gaps although the bus still delivers them', async () => {
  const { bus, one, other } = await two();
  const subscribers = [...bus.subscribers];
  other.shared.stop();
  for (const subscriber of subscribers) bus.subscribers.add(subscriber);
  one.cache.clear();
  subscribers[1]!.onGap();
  expect([cachedKeys(other.cache), other.shared.stats.gaps]).toEqual([['a', 'b'], 0]);
});

it('An error thrown by onError is reported as uncaught', async () => {
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

it('shareInvalidations rejects a bus whose subscribe returns no function', () => {
  const { cache } = process(new TestBus(), 'one');
  const bus = { publish: () => {}, subscribe: () => undefined as never };
  expect(() => shareInvalidations(cache, bus)).toThrow('"bus.subscribe" must be a function');
});
