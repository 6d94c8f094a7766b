import { AsyncLocalStorage } from 'node:async_hooks';
import { constantBackoff, type LoadedMany, type LoadingCacheOptions, loadingCache, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';

interface BatchCall extends Deferred<LoadedMany<string, string>> {
  readonly keys: readonly string[];
  readonly signal: AbortSignal;
}

function setUp(options: Partial<LoadingCacheOptions<string, string>> = {}) {
  const clock = new TestClock();
  const calls: BatchCall[] = [];
  const cache = loadingCache<string, string>({
    loadMany: (keys, { signal }) => {
      const call = { keys, signal, ...defer<LoadedMany<string, string>>() };
      calls.push(call);
      return call.promise;
    },
    capacity: 100,
    clock,
    ...options,
  });
  return { clock, calls, cache };
}

describe('loadMany', () => {
  it('loadMany is called once for all misses of one turn, with each key once', async () => {
    const { cache, calls } = setUp();
    cache.set('c', 'has');
    const reads = [cache.getMany(['a', 'b', 'a', 'c']), cache.get('b')];
    await null; // a microtask later is still the same turn
    const later = cache.get('d');
    await settle();
    expect(calls.map(({ keys }) => keys)).toEqual([['a', 'b', 'd']]);
    calls[0]!.resolve(['A', 'B', 'D']);
    expect([await reads[0], await reads[1], await later]).toEqual([['A', 'B', 'A', 'has'], 'B', 'D']);
    expect(cache.stats).toMatchObject({ loads: 3, coalesced: 2, hits: 1 });
  });

  it('loadMany may return a Map from key to value or Error', async () => {
    const { cache, calls } = setUp();
    const reads = ['a', 'b', 'c'].map((key) => watch(cache.get(key)));
    await settle();
    calls[0]!.resolve(
      new Map<string, string | Error>([
        ['c', 'C'],
        ['a', new Error('a is ill')],
        ['other', 'x'],
      ]),
    );
    await settle();
    expect([reads[0]!.error, reads[1]!.error, reads[2]!.value]).toEqual([
      new Error('a is ill'),
      new Error('loadMany returned no value for "b": the Map must have a value, undefined or an Error for each key'),
      'C',
    ]);
    expect(cache.peek('other')).toBe(undefined);
  });

  it('loadMany fails one key by an Error in the result, and all keys by a rejection', async () => {
    const { cache, calls } = setUp();
    const reads = ['a', 'b'].map((key) => watch(cache.get(key)));
    await settle();
    calls[0]!.resolve(['A', new Error('b is ill')]);
    await settle();
    expect([reads[0]!.value, reads[1]!.error, cache.peek('a')]).toEqual(['A', new Error('b is ill'), 'A']);
    const others = ['c', 'd'].map((key) => watch(cache.get(key)));
    await settle();
    calls[1]!.reject(new Error('down'));
    await settle();
    expect(others.map(({ error }) => error)).toEqual([new Error('down'), new Error('down')]);
  });

  it.each([[['A']], [['A', 'B', 'C']], [{}], [undefined]])(
    'All keys fail if loadMany returns %o for two keys',
    async (returned) => {
      const { cache, calls } = setUp();
      const reads = ['a', 'b'].map((key) => watch(cache.get(key)));
      await settle();
      calls[0]!.resolve(returned as never);
      await settle();
      for (const { error } of reads) expect(error).toEqual(expect.objectContaining({ name: 'TypeError' }));
      expect(cache.loading).toBe(0);
    },
  );

  it('All keys fail if loadMany throws', async () => {
    const { cache } = setUp({
      loadMany: () => {
        throw new Error('thrown');
      },
    });
    await expect(cache.getMany(['a', 'b'])).rejects.toThrow('thrown');
  });

  it('loadMany is called with at most maxSize keys, and at once for a full batch', async () => {
    const { cache, calls } = setUp({ batch: { maxSize: 2 } });
    for (const key of 'abcde') watch(cache.get(key));
    expect(calls.map(({ keys }) => keys.join(''))).toEqual(['ab', 'cd']);
    await settle();
    expect(calls.map(({ keys }) => keys.join(''))).toEqual(['ab', 'cd', 'e']);
  });

  it('A batch that is not full is loaded maxWait after its first key', async () => {
    const { cache, calls, clock } = setUp({ batch: { maxWait: 10, maxSize: 3 } });
    watch(cache.get('a'));
    await clock.advance(9);
    watch(cache.get('b'));
    expect(calls.length).toBe(0);
    await clock.advance(1);
    expect(calls.map(({ keys }) => keys.join(''))).toEqual(['ab']);
    for (const key of 'cde') watch(cache.get(key));
    expect([calls.length, clock.pendingTimers]).toEqual([2, 0]);
    await clock.advance(100);
    expect(calls.length).toBe(2);
  });

  it('A key without waiters is left out of the batch, and an empty batch is not loaded', async () => {
    const { cache, calls, clock } = setUp({ batch: { maxWait: 10 } });
    const controller = new AbortController();
    const aborted = watch(cache.get('a', { signal: controller.signal }));
    watch(cache.get('b'));
    controller.abort(new Error('enough'));
    await clock.advance(10);
    expect([aborted.error, calls.map(({ keys }) => keys)]).toEqual([new Error('enough'), [['b']]]);
    const again = new AbortController();
    watch(cache.get('c', { signal: again.signal }));
    again.abort();
    await clock.advance(10);
    expect([calls.length, cache.loading]).toEqual([1, 1]); // only b is still being loaded
  });

  it('A batch is aborted when no key of it has a waiter left', async () => {
    const { cache, calls } = setUp();
    const [one, two] = [new AbortController(), new AbortController()];
    watch(cache.get('a', { signal: one.signal }));
    watch(cache.get('b', { signal: two.signal }));
    await settle();
    one.abort();
    await settle();
    expect(calls[0]!.signal.aborted).toBe(false);
    two.abort(new Error('two'));
    await settle();
    expect(calls[0]!.signal.reason).toEqual(new Error('two'));
  });

  it('A key deleted during a batch is not cached, and a key set during a batch keeps the set value', async () => {
    const { cache, calls } = setUp();
    const read = cache.getMany(['a', 'b']);
    await settle();
    cache.delete('a');
    cache.set('b', 'NEW');
    calls[0]!.resolve(['A', 'B']);
    expect([await read, cache.peek('a'), cache.peek('b')]).toEqual([['A', 'NEW'], undefined, 'NEW']);
  });

  it('A batch runs as one call of the policy in the async context of the first waiter', async () => {
    const clock = new TestClock();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const cache = loadingCache<string, string>({
      loadMany: async (keys) => {
        seen.push([...keys, storage.getStore()]);
        if (seen.length === 1) throw new Error('hiccup');
        return keys.map((key) => key.toUpperCase());
      },
      policy: retry({ backoff: constantBackoff(1), clock }),
      capacity: 10,
      clock,
    });
    const first = storage.run('first', () => cache.get('a'));
    const second = storage.run('second', () => cache.get('b'));
    await clock.advance(5);
    expect([await first, await second, seen]).toEqual([
      'A',
      'B',
      [
        ['a', 'b', 'first'],
        ['a', 'b', 'first'],
      ],
    ]);
  });

  it('A full batch is loaded while an earlier batch is in flight', async () => {
    const { cache, calls } = setUp({ batch: { maxSize: 1 } });
    const first = cache.get('a');
    watch(cache.get('b'));
    expect(calls.map(({ keys }) => keys.join(''))).toEqual(['a', 'b']);
    calls[0]!.resolve(['A']);
    expect(await first).toBe('A');
  });
});
