/** The facts about hedging that the design rests on, with the real policy in the simulator. */
import { simulate } from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';
import { hedges, replicas, slowReplicas } from '../../scripts/simulate/hedging.js';

const run = (name: keyof typeof hedges, scenario: typeof replicas | typeof slowReplicas, seed: number) =>
  simulate({ ...scenario, duration: '25s', candidate: hedges[name], seed });

describe.each([1, 2, 3])('With seed %i', (seed) => {
  it('hedging after p95 takes p99 to less than a third and p99.9 to less than a half, for at most 6 % more requests', async () => {
    const without = await run('no hedging', replicas, seed);
    const hedged = await run('after p95', replicas, seed);
    expect(hedged.latency.p99Ms).toBeLessThan(without.latency.p99Ms / 3);
    expect(hedged.latency.p999Ms).toBeLessThan(without.latency.p999Ms / 2);
    expect(hedged.latency.p50Ms).toBeLessThan(without.latency.p50Ms * 1.15);
    expect(hedged.amplification).toBeLessThan(1.06);
    expect(hedged.amplification).toBeGreaterThan(1.02);
  });

  it('O6: hedging with the cap at most doubles p50 when everything becomes 2.1 times slower, also after a fixed delay', async () => {
    const without = await run('no hedging', slowReplicas, seed);
    for (const name of ['after p95', 'after 20 ms'] as const) {
      const hedged = await run(name, slowReplicas, seed);
      expect(hedged.latency.p50Ms, name).toBeLessThan(2 * without.latency.p50Ms);
      expect(hedged.amplification, name).toBeLessThan(1.06);
      expect(hedged.good, name).toBe(hedged.offered);
    }
  });

  it('without the cap a fixed delay makes the same slow-down an outage', async () => {
    const without = await run('no hedging', slowReplicas, seed);
    const uncapped = await run('after 20 ms, no cap', slowReplicas, seed);
    expect(uncapped.latency.p50Ms).toBeGreaterThan(10 * without.latency.p50Ms);
    expect(uncapped.amplification).toBeGreaterThan(1.5);
  });
});
