import { bulkhead } from 'breakwater';
import { adaptiveLimit } from 'breakwater/overload';
import { expect, it } from 'vitest';
import { goodputShare, HOUR, latencyQuantile, run } from '../../bench/overload/scenarios.js';

/** 2.5 million simulated calls, half a minute of CPU: it is here to run after the quick tests, and starts no process. */
it('an hour of 1.5 × overload keeps 95 % of the capacity and three times the p99 of a bulkhead of 8 in every minute (O7)', async () => {
  const seconds = await run(HOUR, (clock) => adaptiveLimit({ clock }), 1);
  const tenMinutes = { ...HOUR, seconds: 600 };
  const fixed = await run(tenMinutes, (clock) => bulkhead({ clock, maxConcurrent: 8 }), 1);
  const minutes = Array.from({ length: 60 }, (_, minute) => ({ from: 60 * minute, to: 60 * minute + 60 }));
  const p99s = minutes.slice(0, 10).map(({ from, to }) => latencyQuantile(fixed, from, to, 0.99));
  for (const { from, to } of minutes) {
    expect(goodputShare(seconds, { from, to, capacity: 400 })).toBeGreaterThanOrEqual(0.95);
    expect(latencyQuantile(seconds, from, to, 0.99)).toBeLessThanOrEqual(3 * Math.min(...p99s));
  }
  const limitOf = (minute: number) =>
    seconds
      .slice(60 * minute - 60, 60 * minute)
      .map(({ limit = NaN }) => limit)
      .sort((a, b) => a - b)[30]!;
  expect(limitOf(60)).toBeLessThanOrEqual(2 * limitOf(10));
}, 180_000);
