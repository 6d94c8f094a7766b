import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { setUp } from './setup.js';

describe('warmUp', () => {
  it('warmUp loads at most concurrency keys at once, reports each key, and continues after a failure', async () => {
    const { cache, calls } = setUp();
    cache.set('c', 'has');
    const progress: unknown[] = [];
    const warm = watch(cache.warmUp('abcde', { concurrency: 2, onProgress: (event) => progress.push(event) }));
    await settle();
    expect(calls.map(({ key }) => key)).toEqual(['a', 'b']);
    calls[1]!.reject(new Error('b is ill'));
    await settle();
    expect(calls.map(({ key }) => key)).toEqual(['a', 'b', 'd']);
    for (const index of [0, 2]) calls[index]!.resolve('x');
    await settle();
    calls[3]!.resolve('x');
    await settle();
    expect(warm.value).toEqual({ loaded: 4, failed: 1 });
    expect(progress).toEqual([
      { key: 'b', loaded: 0, failed: 1, error: new Error('b is ill') },
      { key: 'c', loaded: 1, failed: 1 },
      { key: 'a', loaded: 2, failed: 1 },
      { key: 'd', loaded: 3, failed: 1 },
      { key: 'e', loaded: 4, failed: 1 },
    ]);
    expect(cache.peek('e')).toBe('x');
  });

  it('warmUp consumes an async iterable no faster than it loads, and an abort ends its loads', async () => {
    const { cache, calls } = setUp();
    let yielded = 0;
    async function* keys() {
      for (;;) yield `${yielded++}`;
    }
    const controller = new AbortController();
    const warm = watch(cache.warmUp(keys(), { concurrency: 3, signal: controller.signal }));
    await settle();
    expect([yielded, calls.length]).toEqual([3, 3]);
    calls[0]!.resolve('x');
    await settle();
    expect([yielded, calls.length]).toEqual([4, 4]);
    controller.abort(new Error('enough'));
    await settle();
    expect([warm.error, yielded, cache.loading]).toEqual([new Error('enough'), 4, 0]);
    expect(calls.slice(1).map(({ context }) => context.signal.aborted)).toEqual([true, true, true]);
  });

  it('An aborted warmUp rejects although the key iterator hangs, and leaves no listener', async () => {
    const { cache } = setUp();
    const { controller, listeners } = countingController();
    async function* keys() {
      yield 'a';
      await new Promise(() => {});
    }
    const warm = watch(cache.warmUp(keys(), { signal: controller.signal }));
    await settle();
    controller.abort(new Error('enough'));
    await settle();
    expect([warm.error, cache.loading, listeners()]).toEqual([new Error('enough'), 0, 0]);
    await expect(cache.warmUp('a', { signal: controller.signal })).rejects.toThrow('enough');
    expect(cache.loading).toBe(0);
  });

  it('warmUp rejects with an error thrown by the key iterator or by onProgress', async () => {
    const { cache, calls } = setUp();
    const failed = watch(
      cache.warmUp('ab', {
        onProgress: () => {
          throw new Error('listener');
        },
      }),
    );
    await settle();
    calls[0]!.resolve('x');
    await settle();
    expect([failed.error, cache.loading]).toEqual([new Error('listener'), 0]);
    function* keys() {
      yield 'c';
      throw new Error('no more keys');
    }
    const warm = watch(cache.warmUp(keys()));
    await settle();
    expect([warm.error, cache.loading]).toEqual([new Error('no more keys'), 0]);
  });

  it('warmUp resolves without keys', async () => {
    expect(await setUp().cache.warmUp([])).toEqual({ loaded: 0, failed: 0 });
  });

  it.each([
    [undefined, {}],
    [7, {}],
    [[], { concurrency: 0 }],
    [[], { concurrency: Infinity }],
    [[], { parallel: 3 }],
    [[], { signal: {} }],
    [[], { onProgress: 'x' }],
  ])('warmUp rejects the keys %o with the options %o', async (keys, options) => {
    await expect(setUp().cache.warmUp(keys as never, options as never)).rejects.toThrow(/^loadingCache: "/);
  });
});
