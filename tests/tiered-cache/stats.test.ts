import { sleep } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { advanceAndAwait, holdCalls, isOperation, type Options, setUp, turns } from './setup.js';

it('onIdle resolves when no write to the second tier is in flight', async () => {
  const { store, process } = setUp();
  const one = process();
  await one.onIdle();
  const { release } = holdCalls(store, 'before', isOperation('set'));
  await one.get('a');
  const idle = watch(one.onIdle());
  await turns();
  one.set('a', 'x');
  await turns();
  expect(idle.state).toBe('pending');
  await release();
  expect([idle.state, JSON.parse(store.kept.get('a')!.data).value]).toEqual(['fulfilled', 'x']);
});

describe('statistics', () => {
  it('Reads of the second tier are counted as hits, misses, stale hits or failures', async () => {
    const { clock, store, process } = setUp();
    const options: Options = { staleIfError: '1h' };
    const first = process(options);
    await first.get('stale');
    await turns();
    await clock.advance(60_000);
    await first.get('fresh');
    await turns();
    const one = process(options);
    expect(one.stats.l2.hitRatio).toBe(0);
    for (const key of ['fresh', 'missing', 'absent', 'stale']) await one.get(key);
    await turns();
    store.before = () => Promise.reject(new Error('down'));
    await one.get('unreadable');
    await turns();
    expect(one.stats.l2).toMatchObject({ hits: 1, misses: 2, staleHits: 1, hitRatio: 0.2, failures: 2 });
    expect(one.stats.l1.hitRatio).toBe(0);
  });

  it('Hits and latency of each tier and loads of the origin are counted and emitted', async () => {
    const { clock, store, process } = setUp();
    store.before = () => sleep(20, { clock });
    const load = async (key: string) => {
      await sleep(100, { clock });
      if (key === 'bad') throw new Error('bad');
      return key;
    };
    const one = process({ load });
    const events: unknown[] = [];
    one.on('secondTier', (event) => events.push(event));
    const loaded: unknown[] = [];
    one.on('load', ({ key }) => loaded.push(key));
    one.on('loadError', ({ key }) => loaded.push(`${key}!`));
    await advanceAndAwait(clock, 200, watch(one.get('a')).done);
    await advanceAndAwait(clock, 200, watch(one.get('bad')).done);
    await one.get('a');
    expect(one.stats.l1).toMatchObject({ hits: 1, misses: 2, loads: 2, hitRatio: 1 / 3 });
    expect(one.stats.l2).toMatchObject({
      hits: 0,
      misses: 2,
      failures: 0,
      latency: { calls: 3, meanMs: 20, maxMs: 20 },
    });
    expect(one.stats.origin).toEqual({ calls: 1, meanMs: 100, maxMs: 100, failures: 1 });
    const two = process({ load });
    await advanceAndAwait(clock, 200, watch(two.get('a')).done);
    expect([two.stats.l2.hitRatio, two.stats.origin.calls]).toEqual([1, 0]);
    expect(events).toEqual([
      { operation: 'get', keys: 1, durationMs: 20 },
      { operation: 'set', keys: 1, durationMs: 20 },
      { operation: 'get', keys: 1, durationMs: 20 },
    ]);
    expect(loaded).toEqual(['a', 'bad!']);
  });
});
