import { isResilienceError, resilientFetch } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';

describe('A server with 30 % errors and five times its usual latency', () => {
  const WELL_MS = 20;

  /** A server whose responses take time on the clock of the test. */
  async function brownOut(clock: TestClock) {
    const random = seededRandom(15);
    const health = { browned: true, failuresInARow: 0, mostFailuresInARow: 0 };
    const server = await testServer(async () => {
      const fails = health.browned && random() < 0.3;
      await clock.advance(health.browned ? 5 * WELL_MS : WELL_MS);
      health.failuresInARow = fails ? health.failuresInARow + 1 : 0;
      health.mostFailuresInARow = Math.max(health.mostFailuresInARow, health.failuresInARow);
      return { status: fails ? 503 : 200 };
    });
    return { server, health, [Symbol.asyncDispose]: () => server.close() };
  }

  async function call(fetch: typeof globalThis.fetch, url: string, times: number) {
    const seen = { good: 0, bad: 0, rejected: 0 };
    for (let i = 0; i < times; i++) {
      try {
        const response = await fetch(url);
        await response.arrayBuffer();
        seen[response.ok ? 'good' : 'bad']++;
      } catch (error) {
        if (!isResilienceError(error, 'ERR_CIRCUIT_OPEN')) throw error;
        seen.rejected++;
      }
    }
    return seen;
  }

  it('the breaker stays closed below the failure rate threshold, even after consecutive failures', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const fetch = resilientFetch({ clock, retry: false });
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.rejected).toBe(0);
    expect(seen.bad).toBeGreaterThan(40); // far above minimumCalls
    expect(upstream.health.mostFailuresInARow).toBeGreaterThanOrEqual(3);
  });

  it('the breaker opens above the failure rate threshold without a long series of failures', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const fetch = resilientFetch({
      clock,
      retry: false,
      circuitBreaker: { failureRateThreshold: 0.25, openFor: '1h' },
    });
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.rejected).toBeGreaterThan(100);
    expect(upstream.server.requests.length + seen.rejected).toBe(200);
  });

  it('the breaker opens on slow calls alone if slowCallRateThreshold is set', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const slow = {
      slowCallDuration: 4 * WELL_MS,
      slowCallRateThreshold: 0.8,
      failureRateThreshold: 1,
      openFor: '1h',
    } as const;
    const fetch = resilientFetch({ clock, retry: false, circuitBreaker: slow });
    upstream.health.browned = false;
    expect(await call(fetch, upstream.server.origin, 20)).toEqual({ good: 20, bad: 0, rejected: 0 });
    upstream.health.browned = true;
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.rejected).toBeGreaterThan(50);
    expect(seen.good).toBeGreaterThan(20);
  });

  it('the server receives no more concurrent requests than the bulkhead allows', async () => {
    await using server = await testServer(() => undefined); // never responds
    const fetch = resilientFetch({ retry: false, bulkhead: { maxConcurrent: 10, maxQueue: 5 } });
    const stop = new AbortController();
    const calls = Array.from({ length: 40 }, () => watch(fetch(server.origin, { signal: stop.signal })));
    await eventually(() => expect(server.requests).toHaveLength(10));
    const shed = calls.filter(({ state }) => state === 'rejected');
    expect(shed).toHaveLength(25);
    expect(shed.every(({ error }) => isResilienceError(error, 'ERR_BULKHEAD_FULL'))).toBe(true);
    stop.abort();
    await Promise.all(calls.map(({ done }) => done));
    await settle();
    expect(server.requests).toHaveLength(10); // no queued call was sent
  });
});
