import { RetryBudget, retry } from 'breakwater/retry';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const exhaust = (budget: RetryBudget) => {
  let granted = 0;
  while (budget.tryRetry()) granted++;
  return granted;
};

describe('RetryBudget', () => {
  it('a budget allows retries up to its share of the requests', () => {
    const budget = new RetryBudget({ ratio: 0.1, minPerSecond: 0, clock: new TestClock() });
    expect(exhaust(budget)).toBe(0);
    for (let i = 0; i < 30; i++) budget.recordRequest();
    expect(budget.stats).toEqual({ requests: 30, retries: 0, available: 3 });
    expect(exhaust(budget)).toBe(3);
    expect(budget.stats).toEqual({ requests: 30, retries: 3, available: 0 });
  });

  it('a budget allows a minimum of retries for clients with few requests', () => {
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.5, window: '10s', clock: new TestClock() });
    expect(exhaust(budget)).toBe(5);
  });

  it('the defaults allow a fifth of the requests of 10 s and 10 retries per second', () => {
    const budget = new RetryBudget({ clock: new TestClock() });
    for (let i = 0; i < 1000; i++) budget.recordRequest();
    expect(exhaust(budget)).toBe(300);
  });

  it('requests and retries leave the window after any gap', async () => {
    const clock = new TestClock();
    const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 0, window: '10s', clock });
    for (let i = 0; i < 10; i++) budget.recordRequest();
    exhaust(budget);
    await clock.advance(3000);
    for (let i = 0; i < 10; i++) budget.recordRequest();
    expect(budget.stats).toEqual({ requests: 20, retries: 5, available: 5 });
    await clock.advance(7000);
    expect(budget.stats).toEqual({ requests: 10, retries: 0, available: 5 });
    await clock.advance(3_600_000);
    expect(budget.stats).toEqual({ requests: 0, retries: 0, available: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('policies that receive the same budget share it', async () => {
    const clock = new TestClock();
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.3, window: '10s', clock });
    const reasons: string[] = [];
    const policies = [1, 2].map(() => {
      const policy = retry({ maxAttempts: 3, backoff: () => 1, budget, clock });
      policy.on('giveUp', ({ reason }) => reasons.push(reason));
      return policy;
    });
    let calls = 0;
    const results = policies.map((policy) =>
      watch(
        policy.execute(() => {
          calls++;
          throw new Error('down');
        }),
      ),
    );
    await clock.advance(1000);
    await Promise.all(results.map(({ done }) => done));
    expect(calls).toBe(5); // two first attempts, three retries
    expect(reasons.sort()).toEqual(['attempts', 'budget']);
    expect(results.every(({ error }) => (error as Error).message === 'down')).toBe(true);
  });

  describe("With counts: 'failed'", () => {
    const refused = { ok: false, error: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) } as const;

    /** Sends calls one after the other, whose attempts fail with `errors` and then succeed. Returns the number of attempts. */
    const send = async (calls: number, errors: readonly Error[], budget: RetryBudget) => {
      let attempts = 0;
      const policy = retry({ maxAttempts: 3, backoff: () => 0, budget, clock: new TestClock() });
      for (let call = 0; call < calls; call++) {
        let failures = 0;
        await policy
          .execute(() => {
            attempts++;
            const error = errors[failures++];
            return error === undefined ? Promise.resolve('value') : Promise.reject(error);
          })
          .catch(() => {});
      }
      return attempts;
    };
    const failed = new Error('failed');

    it('retries of calls that succeed in the end are not counted', async () => {
      const [clock, counts] = [new TestClock(), 'failed'] as const;
      const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.2, counts, clock }); // two retries
      expect(await send(100, [failed, failed], budget)).toBe(300);
      expect(budget.stats).toEqual({ requests: 100, retries: 0, available: 2 });
      const all = new RetryBudget({ ratio: 0, minPerSecond: 0.2, clock });
      expect(await send(100, [failed, failed], all)).toBe(102);
    });

    it('retries of calls that fail in the end are limited as by any budget', async () => {
      const budget = new RetryBudget({ ratio: 0.1, minPerSecond: 0, counts: 'failed', clock: new TestClock() });
      expect(await send(100, [failed, failed, failed], budget)).toBe(110);
      expect(budget.stats).toEqual({ requests: 100, retries: 10, available: 0 });
    });

    it('a retry of a request that was never sent takes nothing, and a success after it returns nothing', async () => {
      const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.2, counts: 'failed', clock: new TestClock() });
      expect(await send(100, [refused.error, refused.error, refused.error], budget)).toBe(300);
      expect(await send(100, [refused.error, refused.error], budget)).toBe(300);
      expect(budget.stats.available).toBe(2);
      expect(await send(100, [failed, failed, failed], budget)).toBe(102);
      expect(await send(100, [refused.error], budget)).toBe(200);
      expect(budget.stats).toEqual({ requests: 400, retries: 2, available: 0 });
    });

    it('the successes of more retries than the window still holds allow no more than the floor', async () => {
      const clock = new TestClock();
      const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.3, window: '10s', counts: 'failed', clock });
      expect(exhaust(budget)).toBe(3);
      await clock.advance(10_000);
      budget.recordRecovery(3);
      expect(budget.stats).toEqual({ requests: 0, retries: 0, available: 3 });
    });

    it('hedges after a delay are counted', () => {
      const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.3, counts: 'failed', clock: new TestClock() });
      expect(exhaust(budget)).toBe(3);
      expect([budget.tryRetry(refused), budget.tryRetry({ ok: false, error: failed })]).toEqual([true, false]);
    });
  });

  it.each(['some', '', null, 1])('counts: %j is rejected', (counts) => {
    expect(() => new RetryBudget({ counts: counts as never })).toThrow("\"counts\" must be one of 'all', 'failed'");
  });
});
