import { AsyncLocalStorage } from 'node:async_hooks';
import {
  constantBackoff,
  definePolicy,
  LruCache,
  loadingCache,
  pipeline,
  retry,
  timeout,
  type WriteContext,
  type WriteThroughOptions,
  writeAround,
  writeThrough,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

interface StoreCall extends Deferred<void> {
  readonly key: string;
  /** Undefined for a deletion. */
  readonly value: string | undefined;
  readonly context: WriteContext;
}

type Options = Partial<WriteThroughOptions<string, string>>;

/** A writer whose writes the test settles through `calls`. */
function setUp(options: Options = {}, make: typeof writeThrough<string, string> = writeThrough) {
  const cache = new Map<string, string>([['k', 'old']]);
  const calls: StoreCall[] = [];
  const call = (key: string, value: string | undefined, context: WriteContext) => {
    const made = { key, value, context, ...defer<void>() };
    calls.push(made);
    return made.promise;
  };
  const writer = make({
    cache,
    write: call,
    remove: (key, context) => call(key, undefined, context),
    ...options,
  });
  return { cache, calls, writer };
}

/** A remote cache whose changes the test settles through `changes`. */
function remoteCache() {
  const changes: (Deferred<void> & { readonly description: string })[] = [];
  const held = new Map<string, string>([['k', 'old']]);
  const hold = (description: string, apply: () => void) => {
    const deferred = { description, ...defer<void>() };
    changes.push(deferred);
    return deferred.promise.then(apply);
  };
  return {
    changes,
    held,
    set: (key: string, value: string) => hold(`set ${value}`, () => void held.set(key, value)),
    delete: (key: string) => hold('delete', () => void held.delete(key)),
  };
}

const inOrder = (make: typeof writeThrough<string, string>, options: Options) =>
  [make === writeThrough ? (options.order ?? 'store-first') : 'around', make, options] as const;
const around = writeAround as typeof writeThrough<string, string>;
const orders = [inOrder(writeThrough, {}), inOrder(writeThrough, { order: 'both' }), inOrder(around, {})];

describe('writeThrough', () => {
  it('The cache has the value only after the store has confirmed it', async () => {
    const { cache, calls, writer } = setUp();
    const write = watch(writer.set('k', 'new'));
    await settle();
    expect([calls[0]!.value, cache.get('k'), write.state]).toEqual(['new', 'old', 'pending']);
    calls[0]!.resolve();
    await settle();
    expect([cache.get('k'), write.state]).toEqual(['new', 'fulfilled']);
  });

  it('With order "both" the cache has the value in the same turn', async () => {
    const { cache, calls, writer } = setUp({ order: 'both' });
    const write = watch(writer.set('k', 'new'));
    expect([calls.length, cache.get('k')]).toEqual([1, 'new']);
    await settle();
    expect(write.state).toBe('pending');
    calls[0]!.resolve();
    await write.done;
    expect(cache.get('k')).toBe('new');
  });

  it('delete removes the key from the store first, and with order "both" from store and cache at once', async () => {
    const { cache, calls, writer } = setUp();
    const write = watch(writer.delete('k'));
    await settle();
    expect([calls[0]!.value, cache.get('k')]).toEqual([undefined, 'old']);
    calls[0]!.resolve();
    await write.done;
    expect(cache.has('k')).toBe(false);

    const other = setUp({ order: 'both' });
    watch(other.writer.delete('k'));
    expect(other.cache.has('k')).toBe(false);
    expect(other.calls.length).toBe(1);
  });

  it('With order "both" a change of the key in the cache during the write is overwritten afterwards', async () => {
    const { cache, calls, writer } = setUp({ order: 'both' });
    const write = watch(writer.set('k', 'new'));
    cache.set('k', 'loaded meanwhile, older');
    calls[0]!.resolve();
    await write.done;
    expect(cache.get('k')).toBe('new');
    const removal = watch(writer.delete('k'));
    cache.set('k', 'loaded meanwhile, older');
    calls[1]!.resolve();
    await removal.done;
    expect(cache.has('k')).toBe(false);
  });

  it('set passes ttl in milliseconds and a copy of tags to the cache, and no options if neither is given', async () => {
    const given: unknown[][] = [];
    const cache = { set: (...args: unknown[]) => given.push(args), delete: () => true };
    const writer = writeThrough<string, string>({ cache, write: () => {} });
    const tags = ['t'];
    const write = writer.set('a', '1', { ttl: '2s', tags });
    tags.push('u');
    await write;
    await writer.set('b', '2');
    await writer.set('c', '3', { ttl: Infinity });
    await writer.set('d', '4', { tags: [] });
    expect(given).toEqual([
      ['a', '1', { ttl: 2000, tags: ['t'] }],
      ['b', '2'],
      ['c', '3', { ttl: Infinity }],
      ['d', '4', { tags: [] }],
    ]);
  });

  it('An invalid ttl or tag is rejected before the store is called', async () => {
    const { calls, writer } = setUp();
    await expect(writer.set('k', 'v', { ttl: -1 })).rejects.toThrow('writeThrough: "ttl" must be');
    await expect(writer.set('k', 'v', { tags: [1] as never })).rejects.toThrow('writeThrough: "tags" must be');
    expect(calls).toEqual([]);
  });

  it.each([
    ['a Map', new Map<string, string>()],
    ['an lru-cache', new LRUCache<string, string>({ max: 10, ttl: 1000 })],
    ['an LruCache', new LruCache<string, string>({ capacity: 10 })],
    ['a loadingCache', loadingCache<string, string>({ load: () => 'loaded', capacity: 10 })],
  ])('writeThrough accepts %s as its cache', async (_, cache) => {
    const writer = writeThrough<string, string>({ cache, write: () => {}, remove: () => {} });
    await writer.set('k', 'v', { ttl: '1m' });
    expect(await cache.get('k')).toBe('v');
    await writer.delete('k');
    expect(await cache.get('k')).not.toBe('v');
  });

  it('A load that began before or during a write does not replace the written value', async () => {
    const loads: Deferred<string>[] = [];
    const cache = loadingCache<string, string>({
      load: () => {
        const load = defer<string>();
        loads.push(load);
        return load.promise;
      },
      capacity: 10,
    });
    for (const order of ['store-first', 'both'] as const) {
      cache.clear();
      loads.length = 0;
      const { calls, writer } = setUp({ cache, order });
      const before = watch(cache.get('k'));
      const write = watch(writer.set('k', 'new'));
      if (order === 'both') cache.delete('k'); // such as by an eviction
      const during = watch(cache.get('k'));
      loads[0]!.resolve('old');
      if (order === 'both') loads[1]!.resolve('old');
      calls[0]!.resolve();
      await Promise.all([write.done, before.done, during.done]);
      await settle();
      expect([order, cache.peek('k')]).toEqual([order, 'new']);
    }
  });
});

describe('writeAround', () => {
  it('writeAround deletes the key from the cache after the store has confirmed the write', async () => {
    const { cache, calls, writer } = setUp({}, around);
    const write = watch(writer.set('k', 'new'));
    await settle();
    expect(cache.get('k')).toBe('old');
    cache.set('k', 'loaded during the write');
    calls[0]!.resolve();
    await write.done;
    expect([cache.has('k'), write.state]).toEqual([false, 'fulfilled']);
  });

  it('delete of writeAround removes the key from store and cache', async () => {
    const { cache, calls, writer } = setUp({}, around);
    const write = watch(writer.delete('k'));
    calls[0]!.resolve();
    await write.done;
    expect([calls[0]!.value, cache.has('k')]).toEqual([undefined, false]);
  });
});

describe.each(orders)('writes with the order %s', (_, make, options) => {
  const setUpHere = (more: Options = {}) => setUp({ ...options, ...more }, make);

  it('Writes of one key run in sequence, and writes of other keys concurrently', async () => {
    const { cache, calls, writer } = setUpHere();
    const writes = [writer.set('k', '1'), writer.delete('k'), writer.set('k', '3'), writer.set('j', '4')].map(watch);
    await settle();
    expect(calls.map(({ key, value }) => [key, value])).toEqual([
      ['k', '1'],
      ['j', '4'],
    ]);
    expect(writer.writing).toBe(2);
    calls[0]!.resolve();
    await settle();
    expect(calls.map(({ value }) => value)).toEqual(['1', '4', undefined]);
    expect(writes.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'pending', 'pending']);
    calls[2]!.reject(new Error('down'));
    await settle();
    calls[3]!.resolve();
    calls[1]!.resolve();
    await settle();
    expect(writes.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(cache.get('k')).toBe(make === around ? undefined : '3');
    expect(writer.writing).toBe(0);
  });

  it('A failed write deletes the key from the cache and rejects with the failure', async () => {
    const { cache, calls, writer } = setUpHere();
    const error = new Error('down');
    for (const start of [() => writer.set('k', 'new'), () => writer.delete('k')]) {
      cache.set('k', 'old');
      const write = watch(start());
      calls.pop()!.reject(error);
      await write.done;
      expect([write.error, cache.has('k')]).toEqual([error, false]);
    }
  });

  it('A write function may return or throw synchronously', async () => {
    const { cache, writer } = setUpHere({
      write: (_, value) => {
        if (value === 'bad') throw new Error('thrown');
      },
    });
    await writer.set('k', 'good');
    expect(cache.get('k')).toBe(make === around ? undefined : 'good');
    await expect(writer.set('k', 'bad')).rejects.toThrow('thrown');
    expect(cache.has('k')).toBe(false);
  });

  it('A queued write that is aborted leaves store and cache unchanged', async () => {
    const { cache, calls, writer } = setUpHere();
    const { controller, listeners } = countingController();
    const { signal } = controller;
    const first = watch(writer.set('k', '1'));
    const second = watch(writer.set('k', '2', { signal }));
    const third = watch(writer.set('k', '3'));
    controller.abort('enough');
    await second.done;
    expect([second.error, calls.length, first.state, listeners()]).toEqual(['enough', 1, 'pending', 0]);
    calls[0]!.resolve();
    await settle();
    expect(calls.map(({ value }) => value)).toEqual(['1', '3']);
    expect(cache.get('k')).not.toBe('2');
    calls[1]!.resolve();
    await third.done;
    expect(writer.writing).toBe(0);

    const late = watch(writer.set('k', '4', { signal }));
    await late.done;
    expect([late.error, calls.length]).toEqual(['enough', 2]);
  });

  it('A queued write does not begin in the turn in which it is aborted', async () => {
    const { calls, writer } = setUpHere();
    const controller = new AbortController();
    watch(writer.set('k', '1'));
    const second = watch(writer.set('k', '2', { signal: controller.signal }));
    await settle();
    calls[0]!.resolve();
    controller.abort('enough');
    await settle();
    expect([second.error, calls.length, writer.writing]).toEqual(['enough', 1, 0]);
  });

  it('An abort during the write deletes the key from the cache before the caller is rejected', async () => {
    const { cache, calls, writer } = setUpHere();
    const { controller, listeners } = countingController();
    let cached: string | undefined = 'not asked';
    const write = writer.set('k', 'new', { signal: controller.signal }).catch((error) => {
      cached = cache.get('k');
      return error;
    });
    await settle();
    expect(calls[0]!.context.signal.aborted).toBe(false);
    controller.abort('enough');
    expect([await write, cached, calls[0]!.context.signal.reason]).toEqual(['enough', undefined, 'enough']);
    calls[0]!.resolve();
    await settle();
    expect([listeners(), writer.writing]).toEqual([0, 0]);
  });

  it('The next write of a key begins after an aborted write has settled, and the key is deleted from the cache twoAttempts', async () => {
    using uncaught = catchUncaught();
    const { cache, calls, writer } = setUpHere();
    const controller = new AbortController();
    const first = watch(writer.set('k', '1', { signal: controller.signal }));
    const second = watch(writer.set('k', '2'));
    controller.abort('enough');
    await settle();
    expect([first.state, second.state, calls.length]).toEqual(['rejected', 'pending', 1]);
    cache.set('k', 'read before the write has arrived');
    calls[0]!.reject(new Error('late'));
    await settle();
    expect([calls.length, cache.get('k')]).toEqual([2, options.order === 'both' ? '2' : undefined]);
    calls[1]!.resolve();
    await second.done;
    expect([second.state, uncaught.rejections]).toEqual(['fulfilled', []]);
  });

  it('The next write of a key begins after a timed-out write has settled, and the key is deleted from the cache twoAttempts', async () => {
    const clock = new TestClock();
    const { cache, calls, writer } = setUpHere({ policy: timeout({ duration: 100, clock }) });
    const first = watch(writer.set('k', '1'));
    const second = watch(writer.set('k', '2'));
    await clock.advance(100);
    expect([first.state, cache.has('k'), calls.length]).toEqual(['rejected', false, 1]);
    cache.set('k', 'read meanwhile');
    calls[0]!.resolve();
    await settle();
    expect([calls.length, cache.get('k')]).toEqual([2, options.order === 'both' ? '2' : undefined]);
    calls[1]!.resolve();
    await second.done;
    expect([second.state, clock.pendingTimers]).toEqual(['fulfilled', 0]);
  });

  it('The next write of a key waits for all attempts of a policy after one attempt has succeeded', async () => {
    const clock = new TestClock();
    const twoAttempts = retry({ clock, maxAttempts: 2, backoff: constantBackoff(10) });
    const policy = pipeline(twoAttempts, timeout({ duration: 100, clock }));
    const { cache, calls, writer } = setUpHere({ policy });
    const first = watch(writer.set('k', '1'));
    watch(writer.set('k', '2'));
    await clock.advance(110);
    calls[1]!.resolve();
    await settle();
    expect([first.state, cache.get('k'), calls.length]).toEqual(['fulfilled', make === around ? undefined : '1', 2]);
    calls[0]!.resolve();
    await settle();
    expect([calls.length, cache.get('k')]).toEqual([3, make === around ? undefined : options.order ? '2' : '1']);
  });

  it('The next write of a key waits for all attempts of a policy after every attempt has failed', async () => {
    const clock = new TestClock();
    const twoAttempts = retry({ clock, maxAttempts: 2, backoff: constantBackoff(10) });
    const { calls, writer } = setUpHere({ policy: pipeline(twoAttempts, timeout({ duration: 100, clock })) });
    const first = watch(writer.set('k', '1'));
    watch(writer.set('k', '2'));
    await clock.advance(210);
    expect([first.state, calls.length]).toEqual(['rejected', 2]);
    calls[1]!.reject(new Error('late'));
    await settle();
    expect(calls.length).toBe(2);
    calls[0]!.resolve();
    await settle();
    expect(calls.length).toBe(3);
  });

  it('A settled write leaves no listener on its signal', async () => {
    const { calls, writer } = setUpHere();
    const { controller, listeners } = countingController();
    const write = watch(writer.set('k', '1', { signal: controller.signal }));
    expect(listeners()).toBe(1);
    calls[0]!.resolve();
    await write.done;
    await settle();
    expect(listeners()).toBe(0);
  });

  it('A policy receives string keys, and number keys as strings', async () => {
    const keys: unknown[] = [];
    const policy = definePolicy({
      name: 'spy',
      run: (next, context) => {
        keys.push(context.key);
        return next(context);
      },
    });
    const { writer } = setUpHere({ write: () => {}, policy });
    await writer.set('k', 'v');
    await writer.set(7 as never, 'v');
    await writer.set(true as never, 'v');
    expect(keys).toEqual(['k', '7', undefined]);
  });

  it('A remote cache is changed only after its previous change has settled', async () => {
    const cache = remoteCache();
    const { calls, writer } = setUpHere({ cache });
    const write = watch(writer.set('k', 'new'));
    calls[0]!.reject(new Error('down'));
    await settle();
    const expected = options.order === 'both' ? ['set new'] : ['delete'];
    expect(cache.changes.map(({ description }) => description)).toEqual(expected);
    for (let i = 0; i < cache.changes.length; i++) {
      cache.changes[i]!.resolve();
      await settle();
    }
    await write.done;
    expect([cache.changes.at(-1)!.description, cache.held.has('k')]).toEqual(['delete', false]);
  });

  it('delete rejects without `remove`', async () => {
    const { writer } = setUpHere({ remove: undefined });
    await expect(writer.delete('k')).rejects.toThrow('"remove" is required to delete');
  });

  it('Each write runs in the async context of its caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { writer } = setUpHere({
      write: async () => {
        seen.push(storage.getStore());
        await settle();
      },
    });
    await Promise.all(['a', 'b', 'c'].map((name) => storage.run(name, () => writer.set('k', name))));
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('A continuation of a write may write the same key', async () => {
    const { cache, calls, writer } = setUpHere();
    const first = watch(writer.set('k', '1').then(() => writer.set('k', '2')));
    calls[0]!.resolve();
    await settle();
    calls[1]!.resolve();
    await first.done;
    expect([first.state, cache.get('k')]).toEqual(['fulfilled', make === around ? undefined : '2']);
  });

  it('A write of the same key that the store function starts runs after the current write', async () => {
    const stored: string[] = [];
    let inner: Promise<void> | undefined;
    const { cache, writer } = setUpHere({
      write: async (key: string, value: string) => {
        if (value === '1') inner = writer.set(key, '2');
        await settle();
        stored.push(value);
      },
    });
    await writer.set('k', '1');
    expect(stored).toEqual(['1']);
    await inner;
    expect([stored, cache.get('k'), writer.writing]).toEqual([['1', '2'], make === around ? undefined : '2', 0]);
  });
});

describe('failures of the cache', () => {
  const failing = (...operations: string[]) => {
    const held = new Map([['k', 'old']]);
    const fail = (operation: string) => {
      if (operations.includes(operation)) throw new Error(`no ${operation}`);
    };
    return {
      held,
      set: async (key: string, value: string) => {
        fail('set');
        held.set(key, value);
      },
      delete: (key: string) => {
        fail('delete');
        held.delete(key);
      },
    };
  };

  it('If the cache fails to set the value, the key is deleted and the write succeeds', async () => {
    const cache = failing('set');
    const writer = writeThrough({ cache, write: () => {} });
    const errors: unknown[] = [];
    writer.on('cacheError', (event) => errors.push(event));
    await writer.set('k', 'new');
    expect([cache.held.has('k'), errors]).toEqual([false, [{ key: 'k', error: new Error('no set') }]]);
  });

  it('If the cache fails to set and to delete, the write is rejected', async () => {
    using uncaught = catchUncaught();
    const cache = failing('set', 'delete');
    const writer = writeThrough({ cache, write: () => {} });
    const errors: unknown[] = [];
    writer.on('cacheError', ({ error }) => errors.push((error as Error).message));
    await expect(writer.set('k', 'new')).rejects.toThrow('no delete');
    expect([errors, uncaught.rejections]).toEqual([['no set', 'no delete'], []]);
  });

  it('A failure of the cache does not hide the failure of the store', async () => {
    const writer = writeAround({
      cache: failing('delete'),
      write: () => {
        throw new Error('down');
      },
    });
    await expect(writer.set('k', 'new')).rejects.toThrow('down');
    expect(writer.writing).toBe(0);
  });
});

describe('options of writeThrough and writeAround', () => {
  it.each([
    [{ cache: undefined }, 'writeThrough: "cache" must be an object with set, delete, got undefined'],
    [{ cache: { set() {} } }, 'writeThrough: "cache" must be'],
    [{ write: undefined }, 'writeThrough: "write" must be a function'],
    [{ remove: 1 }, 'writeThrough: "remove" must be a function'],
    [{ order: 'cache-first' }, `writeThrough: "order" must be one of 'store-first', 'both'`],
    [{ policy: {} }, 'writeThrough: "policy" must be'],
    [{ name: '' }, 'writeThrough: "name" must be'],
    [{ writes: 1 }, 'writeThrough: "writes" is unknown (did you mean "write"?)'],
  ])('writeThrough rejects the options %o', (options, message) => {
    expect(() => setUp(options as never)).toThrow(message);
  });

  it('Error messages start with the given name', async () => {
    const { writer } = setUp({ name: 'users' });
    await expect(writer.set('k', 'v', { signal: {} as never })).rejects.toThrow('users: "signal" must be');
  });

  it.each([
    ['set', { tll: '5s' }, '"tll" is unknown (did you mean "ttl"?)'],
    ['set', '5s', '"options" must be an object'],
    ['delete', { ttl: '5s' }, '"ttl" is unknown'],
    ['delete', null, '"options" must be an object'],
  ] as const)('%s rejects the options %o before the store is called', async (method, options, message) => {
    const { calls, writer } = setUp({ name: 'users' });
    const call = method === 'set' ? writer.set('k', 'v', options as never) : writer.delete('k', options as never);
    await expect(call).rejects.toThrow(`users.${method}: ${message}`);
    expect(calls).toEqual([]);
  });

  it.each([{ ttl: '5s' }, { tags: ['t'] }, []])('writeAround.set rejects the options %o', async (options) => {
    const { calls, writer } = setUp({}, around);
    await expect(writer.set('k', 'v', options as never)).rejects.toThrow('writeAround.set: ');
    expect(calls).toEqual([]);
  });

  it('writeAround rejects the option order', () => {
    expect(() => setUp({ order: 'both' }, around)).toThrow('writeAround: "order" is unknown');
  });
});
