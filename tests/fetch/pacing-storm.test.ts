/** The pacing gate of resilientFetch with many callers and servers of many types, in virtual time. */
import { describe, expect, it } from 'vitest';
import { run, STORMS } from '../../bench/pacing/storm.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const [window] = STORMS as [(typeof STORMS)[0]];

describe('100 callers at once against a healthy server of 10 requests per second', () => {
  it.each(SEEDS)(
    '95 succeed within 15 s, few later requests are refused, and no breaker opens (seed %i)',
    async (seed) => {
      const { served, lastServedAt, sentLater, refusedLater, opened, timers, pending } = await run(window, seed);
      expect(served).toBeGreaterThanOrEqual(95);
      expect(lastServedAt).toBeLessThanOrEqual(15_000);
      // E4: the first volley cannot be saved, so only requests that were sent after the first 429 count.
      expect(refusedLater).toBeLessThanOrEqual(sentLater * 0.3);
      expect({ opened, timers, pending }).toEqual({ opened: 0, timers: 0, pending: 0 });
    },
  );

  it.each(SEEDS)('with a timeout of 5 s the others end with their 429, not with a timeout (seed %i)', async (seed) => {
    const { served, ends, lastEndAt } = await run(window, seed, { timeout: '5s' });
    expect(served).toBeGreaterThanOrEqual(44); // 10 at once, and 9.5 per second from 1.1 s on
    expect(ends).toEqual({ 200: served, 429: 100 - served });
    expect(lastEndAt).toBeLessThan(5000);
  });

  it('calls that surely cannot be served in time end as soon as the gate opens', async () => {
    const { served, ends, failedAt } = await run({ ...window, callers: 400 }, 1, { timeout: '5s' });
    expect(served).toBeGreaterThanOrEqual(44);
    // Calls that waited for a slot of the bulkhead were never sent.
    expect(served + ends['429']! + ends.ERR_RATE_LIMITED!).toBe(400);
    expect(failedAt.filter((ms) => ms < 1250).length).toBeGreaterThan(300);
    expect(Math.max(...failedAt)).toBeLessThan(5000);
  });

  it('most pairs of callers are served in the order of their arrival', async () => {
    // The network decides about the order of the first volley.
    expect((await run(window, 1)).disorder).toBeLessThan(0.2);
  });
});

describe('The servers of all types', () => {
  it.each(STORMS.map((storm) => [storm.name, storm] as const))('%s', { timeout: 60_000 }, async (_name, storm) => {
    const { callers = 100, least } = storm;
    for (const seed of SEEDS) {
      const result = await run(storm, seed);
      expect(result).toMatchObject({ pending: 0, timers: 0 });
      if (least === undefined) continue;
      expect(result.served, `seed ${seed}`).toBeGreaterThanOrEqual(least * callers);
      expect(result.refusedLater, `seed ${seed}`).toBeLessThanOrEqual(0.3 * result.sentLater);
      expect(result.opened, `seed ${seed}`).toBe(0);
    }
  });

  it('a sick server that answers 503 with Retry-After still opens the breaker (E12)', async () => {
    const { ends, opened, lastEndAt } = await run({ name: 'sick', server: { sick: 1 } }, 1);
    expect(opened).toBeGreaterThan(0);
    expect(ends).toEqual({ ERR_CIRCUIT_OPEN: 100 });
    expect(lastEndAt).toBeLessThan(4000);
  });

  it.each([
    [1, 6000],
    [0, 4000],
  ])(
    'a server that always answers 429 with Retry-After %i ends all calls after five refusals',
    async (retryAfter, ms) => {
      for (const seed of SEEDS) {
        const result = await run({ name: 'lies', server: { lies: true, retryAfter } }, seed);
        expect(result.ends).toEqual({ 429: 100 });
        expect(result.lastEndAt).toBeLessThan(ms);
        expect(result.requests).toBe(104); // E7: no call is repeated after that
      }
    },
  );

  it('with RateLimit fields and followServerLimits hardly any later request is refused (E14)', async () => {
    const fields = { name: 'RateLimit fields', server: { fields: true } };
    for (const seed of SEEDS) {
      const { served, refusedLater, ends } = await run(fields, seed, { rateLimit: {} });
      expect({ served, ends }).toEqual({ served: 100, ends: { 200: 100 } });
      expect(refusedLater).toBeLessThanOrEqual(1); // a request at the border of two windows
    }
  });

  it('calls that wait for a slot of the bulkhead return to the gate when it closes (E5)', async () => {
    const { served, refusedLater } = await run({ name: '1200', callers: 1200, server: { rate: 100 } }, 1);
    expect(served).toBe(1200);
    expect(refusedLater).toBeLessThan(50); // 925 without the second check
  });

  it('a limit of one request per second is not exceeded by many probes (E16)', async () => {
    for (const seed of SEEDS) {
      const { served, refusedLater } = await run({ name: '1/s', callers: 25, server: { rate: 1 } }, seed);
      expect(served).toBe(25);
      expect(refusedLater).toBeLessThanOrEqual(0.3 * 25);
    }
  });
});
