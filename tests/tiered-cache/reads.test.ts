import { type CacheStore, circuitBreaker, pipeline, tiered, timeout } from 'breakwater';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { holdUp, isAbout, setUp, turns } from './setup.js';

describe('a read of two tiers', () => {
  it('asks the second tier, then the origin, and fills both', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    expect(await one.get('a')).toBe('a1');
    await turns();
    expect(store.operations).toEqual(['get a', 'set a']);
    expect(await one.get('a')).toBe('a1');
    expect([one.getSync('a'), one.peek('a'), store.calls.length, loads.length]).toEqual(['a1', 'a1', 2, 1]);
  });

  it('has from the second tier what another process has loaded', async () => {
    const { process, loads } = setUp();
    await process().get('a');
    await turns();
    expect([await process().get('a'), loads]).toEqual(['a1', ['a']]);
  });

  it('asks once for all that is missed in a turn', async () => {
    const { store, loads, process } = setUp();
    await process().getMany(['a', 'b']);
    await turns();
    store.calls.length = 0;
    const two = process();
    expect(await Promise.all([two.getMany(['a', 'b', 'c']), two.get('a')])).toEqual([['a1', 'b1', 'c1'], 'a1']);
    await turns();
    expect(store.operations).toEqual(['getMany a,b,c', 'set c']);
    expect(loads).toEqual(['a', 'b', 'c']);
  });

  it('is one read and one load for a thousand readers', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    await Promise.all(Array.from({ length: 1000 }, () => one.get('a')));
    await turns();
    expect([store.operations, loads]).toEqual([['get a', 'set a'], ['a']]);
  });

  it('ends with the last reader who leaves: the store hears of it, and the origin is not asked', async () => {
    const { store, loads, process } = setUp();
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted]).toEqual(['rejected', true]);
    await letGo();
    expect([loads, one.stats.l2.failures, one.loading]).toEqual([[], 0, 0]);
  });

  it('makes no signal for a store, a loader and policies that read none', async () => {
    const { clock } = setUp();
    const kept = new Map([['a', { data: '{"value":"A","staleMs":0,"loadMs":0,"tags":[]}', remainingMs: 1000 }]]);
    const store: CacheStore = {
      get: async (key) => kept.get(key),
      getMany: async (keys) => keys.map((key) => kept.get(key)),
      set: async () => {},
      delete: async () => {},
      deleteMatching: async () => {},
    };
    const policy = pipeline(circuitBreaker({ clock }), timeout({ duration: 100, clock }));
    const one = tiered<string>({ capacity: 10 }, store, { load: async (key) => key, policy, clock });
    const make = vi.spyOn(globalThis, 'AbortController');
    try {
      expect(await one.get('a')).toBe('A');
      expect(await one.getMany(['b', 'c'])).toEqual(['b', 'c']);
      await one.delete('a');
      await one.onIdle();
      expect(make).not.toHaveBeenCalled();
    } finally {
      make.mockRestore();
    }
  });

  it('leaves the breaker of an abandoned read closed, and counts no failure', async () => {
    const { store, process, clock } = setUp();
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const one = process({ l2Policy: breaker });
    const controller = new AbortController();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, breaker.state, one.stats.l2.failures, clock.pendingTimers]).toEqual([
      'rejected',
      'closed',
      0,
      0,
    ]);
    await letGo();
  });

  it('asks a store without getMany for each key by itself, without waiting for the end of the turn', async () => {
    const { store, process } = setUp();
    await process().getMany(['a', 'b']);
    await turns();
    store.calls.length = 0;
    Object.assign(store, { getMany: undefined });
    const read = watch(process().getMany(['a', 'b']));
    for (let microtask = 0; microtask < 100; microtask++) await undefined;
    expect([read.value, store.operations]).toEqual([
      ['a1', 'b1'],
      ['get a', 'get b'],
    ]);
  });

  it('aborts the one get of a store without getMany when its last reader leaves', async () => {
    const { store, loads, process } = setUp();
    Object.assign(store, { getMany: undefined });
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted, one.stats.l2.failures]).toEqual(['rejected', true, 0]);
    await letGo();
    expect([loads, one.loading]).toEqual([[], 0]);
  });

  it('takes a key that is no string as a mistake, before it becomes one in the store', async () => {
    const { process, store } = setUp();
    const one = process();
    const bad = 7 as unknown as string;
    await expect(one.get(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.refresh(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.set(bad, 'x')).rejects.toThrow('"key" must be a string');
    await expect(one.delete(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.expire(bad)).rejects.toThrow('"key" must be a string');
    expect(store.calls).toEqual([]);
  });
});
