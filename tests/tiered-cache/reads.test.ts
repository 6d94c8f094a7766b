import { type CacheStore, circuitBreaker, pipeline, tiered, timeout } from 'breakwater';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { holdCalls, isOperation, setUp, turns } from './setup.js';

describe('reads', () => {
  it('A miss reads the second tier, then loads from the origin and stores the value in both tiers', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    expect(await one.get('a')).toBe('a1');
    await turns();
    expect(store.operations).toEqual(['get a', 'set a']);
    expect(await one.get('a')).toBe('a1');
    expect([one.getSync('a'), one.peek('a'), store.calls.length, loads.length]).toEqual(['a1', 'a1', 2, 1]);
  });

  it('A value loaded by another process is read from the second tier', async () => {
    const { process, loads } = setUp();
    await process().get('a');
    await turns();
    expect([await process().get('a'), loads]).toEqual(['a1', ['a']]);
  });

  it('Misses of one turn are read from the second tier in one call', async () => {
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

  it('1,000 concurrent readers of a key cause one read of the second tier and one load', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    await Promise.all(Array.from({ length: 1000 }, () => one.get('a')));
    await turns();
    expect([store.operations, loads]).toEqual([['get a', 'set a'], ['a']]);
  });

  it('The abort of the last reader aborts the read of the second tier and loads nothing', async () => {
    const { store, loads, process } = setUp();
    const { release } = holdCalls(store, 'before', isOperation('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted]).toEqual(['rejected', true]);
    await release();
    expect([loads, one.stats.l2.failures, one.loading]).toEqual([[], 0, 0]);
  });

  it('A read creates no AbortController if the store, loader and policies use no signal', async () => {
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

  it('An aborted read neither counts as a failure nor opens the breaker of l2Policy', async () => {
    const { store, process, clock } = setUp();
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const { release } = holdCalls(store, 'before', isOperation('get'));
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
    await release();
  });

  it('A store without getMany is called once per key without waiting for the end of the turn', async () => {
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

  it('The abort of the last reader aborts the get of a store without getMany', async () => {
    const { store, loads, process } = setUp();
    Object.assign(store, { getMany: undefined });
    const { release } = holdCalls(store, 'before', isOperation('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted, one.stats.l2.failures]).toEqual(['rejected', true, 0]);
    await release();
    expect([loads, one.loading]).toEqual([[], 0]);
  });

  it('A key that is not a string is rejected before the store is called', async () => {
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
