import { bulkhead } from 'breakwater';
import { adaptiveLimit } from 'breakwater/overload';
import { describe, expect, it } from 'vitest';
import {
  goodputShare,
  latencyQuantile,
  type MakeLimit,
  type OverloadScenario,
  run,
  SCENARIOS,
} from '../../bench/overload/scenarios.js';

/**
 * The short form of `npm run overload-table`: the real policy in front of a simulated server, on few seeds. The table
 * has 20 seeds, and an hour of overload.
 */
const adaptive: MakeLimit = (clock) => adaptiveLimit({ clock });
const SEEDS = [1, 2];

async function worstShare(scenario: OverloadScenario, seeds = SEEDS): Promise<number> {
  const shares: number[] = [];
  for (const seed of seeds) {
    const seconds = await run(scenario, adaptive, seed);
    shares.push(...scenario.phases.map((phase) => goodputShare(seconds, phase)));
  }
  return Math.min(...shares);
}

describe('The default adaptive limit, in front of a simulated server', () => {
  it('a minute of 1.5 × overload keeps 95 % of the capacity, and full goodput is back 4 s after it (O8)', async () => {
    expect(await worstShare(SCENARIOS.burst)).toBeGreaterThan(0.95);
  });

  it('a service that is 3 × slower for a minute gets 95 % of what it can do, and recovers within 4 s (O8)', async () => {
    expect(await worstShare(SCENARIOS.slower)).toBeGreaterThan(0.95);
  });

  it('a legal doubling of the latency costs less than 3 % of goodput (O11)', async () => {
    expect(await worstShare(SCENARIOS.legal)).toBeGreaterThan(0.97);
  });

  it('a minute of fast failures changes nothing after it (O10)', async () => {
    expect(await worstShare(SCENARIOS.failing)).toBeGreaterThan(0.97);
  });

  it('calls of which 5 % take ten times as long are not limited (O14)', async () => {
    expect(await worstShare(SCENARIOS.bimodal)).toBeGreaterThan(0.95);
  });

  it('twelve minutes of overload keep 95 % of the capacity in every minute, without drift of limit or latency (O7)', async () => {
    const overload = { ...SCENARIOS.overload, seconds: 720 };
    const seconds = await run(overload, adaptive, 1);
    const fixed = await run({ ...overload, seconds: 60 }, (clock) => bulkhead({ clock, maxConcurrent: 8 }), 1);
    const p99OfFixed = latencyQuantile(fixed, 0, 60, 0.99);
    for (let from = 0; from < 720; from += 60) {
      expect(goodputShare(seconds, { from, to: from + 60, capacity: 400 })).toBeGreaterThan(0.95);
      expect(latencyQuantile(seconds, from, from + 60, 0.99)).toBeLessThan(3 * p99OfFixed);
    }
    const limitsOf = (minute: number) =>
      seconds
        .slice(minute * 60 - 60, minute * 60)
        .map(({ limit = 0 }) => limit)
        .sort((a, b) => a - b)[30]!;
    expect(limitsOf(12)).toBeLessThanOrEqual(2 * limitsOf(2));
  });

  it('a healthy service at 75 % of its capacity is never refused to measure it (O9)', async () => {
    const healthy = { ...SCENARIOS.legal, later: undefined, seconds: 300, phases: [] } as unknown as OverloadScenario;
    const seconds = await run(healthy, adaptive, 1);
    const rejected = seconds.slice(30).map(({ offered, good }) => offered - good.length);
    expect(rejected.filter((count) => count > 0)).toEqual([]);
  });
});
