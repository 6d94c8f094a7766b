import { parseRetryAfter, RetryBudget, resilientFetch } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { inOrder, testServer } from '../support/http-server.js';

describe('A 503 with Retry-After 3600', () => {
  it.each([
    ['retry-after', {}],
    ['deadline', { timeout: '10s', retry: { maxRetryAfter: Infinity } }],
    ['elapsed', { timeout: '2h', retry: { maxRetryAfter: Infinity, maxElapsed: '10s' } }],
  ] as const)('the call ends at once with the reason %s and returns the response', async (reason, options) => {
    const clock = new TestClock();
    await using server = await testServer(
      inOrder({ status: 503, headers: { 'retry-after': '3600' }, body: 'not before four' }),
    );
    const gaveUp: unknown[] = [];
    const fetch = resilientFetch({ clock, ...options, on: { giveUp: (event) => gaveUp.push(event) } });
    const response = await fetch(server.origin); // without time passing
    expect(response.status).toBe(503);
    expect(parseRetryAfter(response.headers.get('retry-after'))).toBe(3_600_000);
    expect(await response.text()).toBe('not before four');
    expect(gaveUp).toMatchObject([{ reason, attempts: 1, method: 'GET' }]);
    expect(server.requests).toHaveLength(1);
  });
});

describe('Status 503 for 100 concurrent callers', () => {
  const CALLERS = 100;

  /** A server that rejects every request, with the times of the requests. */
  function storm(clock: TestClock, headers: Record<string, string> = {}) {
    const at: number[] = [];
    const fetch = async (_url: string, _init?: RequestInit) => {
      at.push(clock.now());
      return new Response('too many', { status: 503, headers });
    };
    return { at, fetch };
  }

  it('the retries add at most the load that the retry budget allows', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const impatient = resilientFetch({
      clock,
      fetch,
      random: seededRandom(1),
      circuitBreaker: false,
      retry: { maxAttempts: 4, budget: new RetryBudget({ ratio: 0.1, minPerSecond: 0, clock }) },
    });
    let calls = 0;
    for (let second = 0; second < 20; second++) {
      for (let caller = 0; caller < CALLERS; caller++, calls++) void impatient('http://storm.test/');
      await clock.advance(1_000);
    }
    await clock.advance(60_000);
    expect(calls).toBe(20 * CALLERS);
    expect(at.length).toBeLessThanOrEqual(calls * 1.1);
    expect(at.length).toBeGreaterThan(calls * 1.05); // the retries use the budget
    expect(clock.pendingTimers).toBe(0);
  });

  it('the breaker opens, so the server receives fewer requests than there are calls', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const careful = resilientFetch({ clock, fetch, random: seededRandom(1) });
    let calls = 0;
    for (let second = 0; second < 20; second++) {
      for (let caller = 0; caller < CALLERS; caller++, calls++) void careful('http://storm.test/').catch(() => {});
      await clock.advance(1_000);
    }
    expect(at.length).toBeLessThan(calls * 0.1);
  });

  it('the retries are not synchronized', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const jittered = resilientFetch({ clock, fetch, random: seededRandom(1), circuitBreaker: false });
    for (let caller = 0; caller < CALLERS; caller++) void jittered('http://storm.test/');
    await clock.advance(60_000);
    expect(at.slice(0, CALLERS).every((time) => time === 0)).toBe(true);
    const second = at.slice(CALLERS).filter((time) => time <= 200); // full jitter of 200 ms
    expect(second.length).toBeGreaterThan(CALLERS * 0.9);
    expect(chiSquared(second, 200, 10)).toBeLessThan(27.88); // 9 degrees of freedom, p = 0.001
  });

  it('the retries of callers with the same Retry-After are not synchronized', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock, { 'retry-after': '2' });
    const jittered = resilientFetch({ clock, fetch, random: seededRandom(1), circuitBreaker: false });
    for (let caller = 0; caller < CALLERS; caller++) void jittered('http://storm.test/');
    await clock.advance(3_999);
    const second = at.slice(CALLERS);
    expect(second.length).toBeGreaterThan(CALLERS * 0.9);
    expect(Math.min(...second)).toBeGreaterThanOrEqual(2_000);
    expect(mostWithin(10, second)).toBeLessThan(CALLERS / 4);
  });

  /** The distance of the times from an even distribution over [0, end). */
  function chiSquared(times: readonly number[], end: number, bins: number): number {
    const counts = new Array<number>(bins).fill(0);
    for (const time of times) counts[Math.min(bins - 1, Math.floor((time / end) * bins))]!++;
    const expected = times.length / bins;
    return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  }

  function mostWithin(ms: number, times: readonly number[]): number {
    return Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + ms).length));
  }
});
