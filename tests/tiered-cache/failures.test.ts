import { CircuitOpenError, circuitBreaker, TimeoutError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { advanceAndAwait, setUp, turns } from './setup.js';

it('A store may return null for a missing key', async () => {
  const { store, process } = setUp();
  store.get = async () => null as never;
  const one = process();
  expect([await one.get('a'), one.stats.l2.misses, one.stats.l2.failures]).toEqual(['a1', 1, 0]);
});

describe('failures of the second tier', () => {
  it('A failure of the second tier is a miss, and five failures in a row open its circuit for one second', async () => {
    const { clock, store, process, loads } = setUp();
    store.before = () => Promise.reject(new Error('down'));
    const one = process();
    const errors: unknown[] = [];
    one.on('secondTier', ({ error }) => errors.push(error));
    for (const key of ['a', 'b', 'c', 'd']) expect(await one.get(key)).toBe(`${key}1`);
    await turns();
    expect([store.calls.length, loads.length]).toEqual([5, 4]);
    expect(one.stats.l2).toMatchObject({ failures: errors.length, hits: 0, misses: 0, hitRatio: 0 });
    expect(errors.at(-1)).toBeInstanceOf(CircuitOpenError);
    store.before = () => {};
    await clock.advance(1000);
    await one.get('e');
    await turns();
    expect(store.kept.has('e')).toBe(true);
  });

  it('A getMany that returns a wrong number of results is a miss', async () => {
    const { store, process } = setUp();
    store.getMany = async () => [];
    const one = process();
    expect(await one.getMany(['a', 'b'])).toEqual(['a1', 'b1']);
    expect(one.stats.l2.failures).toBe(1);
  });

  it('A hanging second tier delays a read by l2Timeout at most', async () => {
    const { clock, store, process } = setUp();
    store.before = () => new Promise(() => {});
    const one = process({ l2Timeout: 100 });
    const errors: unknown[] = [];
    one.on('secondTier', ({ operation, durationMs, error }) => errors.push([operation, durationMs, error]));
    const read = watch(one.get('a'));
    await turns();
    await clock.advance(99);
    expect(read.state).toBe('pending');
    expect(await advanceAndAwait(clock, 1, one.get('a'))).toBe('a1');
    expect(errors).toEqual([['get', 100, expect.any(TimeoutError)]]);
    expect(store.calls[0]!.signal.aborted).toBe(true);
  });

  it('The default of l2Timeout is 250 ms', async () => {
    const { clock, store, process } = setUp();
    store.before = () => new Promise(() => {});
    const read = watch(process().get('a'));
    await turns();
    await clock.advance(249);
    await turns();
    expect(read.state).toBe('pending');
    await clock.advance(1);
    await turns();
    expect(read.value).toBe('a1');
  });

  it('Calls to the second tier run under l2Policy', async () => {
    const { clock, store, process } = setUp();
    const breaker = circuitBreaker({ consecutiveFailures: 1, openFor: '1m', clock });
    store.before = () => Promise.reject(new Error('down'));
    const one = process({ l2Policy: breaker });
    await one.get('a');
    await turns();
    expect([breaker.state, store.calls.length]).toEqual(['open', 1]);
  });

  it('Data that cannot be decoded is a miss and is overwritten', async () => {
    const { store, process, clock } = setUp();
    for (const data of [
      'no JSON',
      '7',
      'null',
      '{"staleMs":-1,"loadMs":0,"tags":[]}',
      '{"staleMs":0,"loadMs":-1,"tags":[]}',
      '{"staleMs":"0","loadMs":0,"tags":[]}',
      '{"staleMs":0,"tags":[]}',
      '{"staleMs":0,"loadMs":0,"tags":[7]}',
      '{"staleMs":0,"loadMs":0}',
    ]) {
      store.kept.set('a', { data, tags: [], endsAt: Infinity });
      const one = process();
      expect([await one.get('a'), one.stats.l2.failures]).toEqual(['a1', 1]);
      await turns();
      expect(JSON.parse(store.kept.get('a')!.data)).toMatchObject({ value: 'a1' });
    }
    store.kept.set('a', { data: store.kept.get('a')!.data, tags: [], endsAt: Number.NaN });
    store.get = async (key) => ({ data: store.kept.get(key)!.data, remainingMs: Number.NaN });
    const one = process();
    expect([await one.get('a'), one.stats.l2.failures]).toEqual(['a1', 1]);
    await turns();
    expect(clock.pendingTimers).toBe(0);
  });

  it('More than 10,000 unconfirmed invalidations are replaced by one that bypasses and clears the whole second tier', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    await one.set('kept', 'old');
    store.before = () => Promise.reject(new Error('down'));
    for (let i = 0; i < 10_000; i++) await one.delete(`k${i}`);
    expect(one.stats.l2.pendingInvalidations).toBe(10_000);
    await one.delete('one more');
    expect(one.stats.l2.pendingInvalidations).toBe(1);
    one.applyInvalidation({ kind: 'clear' });
    store.before = () => {};
    store.calls.length = 0;
    expect(await one.get('kept')).toBe('kept1');
    expect(store.operations.includes('get kept')).toBe(false);
    await clock.advance(1000);
    await turns();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    expect(store.operations).toContain('deleteMatching {"prefix":""}');
  });

  it('More than 10,000 concurrent writes that succeed leave no pending invalidation', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    const keys = Array.from({ length: 10_001 }, (_, i) => `k${i}`);
    expect(new Set(await Promise.all(keys.map((key) => one.set(key, 'x'))))).toEqual(new Set([true]));
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([10_001, 0]);
  });
});
