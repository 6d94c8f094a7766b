import { hedge, InvalidOptionError, pipeline, RetryTokens, resilientFetch, retry, TimeoutError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const down = new Error('down');
const failed = { ok: false, error: down } as const;

const exhaust = (tokens: RetryTokens) => {
  let granted = 0;
  while (tokens.tryRetry(failed)) granted++;
  return granted;
};

describe('RetryTokens', () => {
  it('a full bucket of 500 tokens allows 35 retries of 14 tokens', () => {
    const tokens = new RetryTokens();
    expect(tokens.stats).toEqual({ tokens: 500, requests: 0, retries: 0, available: 35 });
    expect(exhaust(tokens)).toBe(35);
    expect(tokens.stats).toEqual({ tokens: 10, requests: 0, retries: 35, available: 0 });
  });

  it('each success returns one token, and the bucket never holds more than its capacity', () => {
    const tokens = new RetryTokens({ capacity: 20, cost: 10 });
    expect(exhaust(tokens)).toBe(2);
    for (let i = 0; i < 9; i++) tokens.recordSuccess();
    expect(tokens.tryRetry(failed)).toBe(false);
    tokens.recordSuccess();
    expect(tokens.tryRetry(failed)).toBe(true);
    for (let i = 0; i < 1000; i++) tokens.recordSuccess();
    expect(tokens.stats.tokens).toBe(20);
  });

  it('a retry after a timeout takes timeoutCost, which is cost by default', () => {
    const timedOut = { ok: false, error: new TimeoutError({ policy: 'timeout', timeoutMs: 5 }) } as const;
    const ofPlatform = { ok: false, error: new DOMException('slow', 'TimeoutError') } as const;
    const tokens = new RetryTokens({ capacity: 100, cost: 5, timeoutCost: 10 });
    tokens.tryRetry(failed);
    expect(tokens.stats.tokens).toBe(95);
    tokens.tryRetry(timedOut);
    expect(tokens.stats.tokens).toBe(85);
    tokens.tryRetry(ofPlatform);
    expect(tokens.stats.tokens).toBe(75);
    tokens.tryRetry();
    expect(tokens.stats.tokens).toBe(70);
    tokens.tryRetry({ ok: true, value: new Response(null, { status: 503 }) });
    expect(tokens.stats.tokens).toBe(65);
    const byDefault = new RetryTokens({ capacity: 100, cost: 5 });
    byDefault.tryRetry(timedOut);
    expect(byDefault.stats.tokens).toBe(95);
  });

  it('small refunds add up to a whole token', () => {
    const tokens = new RetryTokens({ capacity: 1, cost: 1, refund: 0.1 });
    exhaust(tokens);
    for (let i = 0; i < 10; i++) tokens.recordSuccess();
    expect(tokens.tryRetry()).toBe(true);
    expect(tokens.stats.tokens).toBeGreaterThanOrEqual(0);
  });

  it('ratio and floor are those of the cheapest retry', () => {
    expect(new RetryTokens({ capacity: 100, cost: 20, timeoutCost: 10, refund: 2 })).toMatchObject({
      ratio: 0.2,
      floor: 10,
    });
  });

  it.each([
    ['capacity', [0, -1, Number.NaN, Infinity, '5', null]],
    ['cost', [0, -1, Number.NaN, Infinity, '5', null, 501]],
    ['timeoutCost', [0, -1, Number.NaN, Infinity, '5', null, 501]],
    ['refund', [0, -1, Number.NaN, Infinity, '5', null]],
  ])('the option %s is checked', (option, values) => {
    for (const value of values) {
      expect(() => new RetryTokens({ [option]: value })).toThrow(InvalidOptionError);
      expect(() => new RetryTokens({ [option]: value })).toThrow(`"${option}"`);
    }
    expect(() => new RetryTokens({ [option]: undefined })).not.toThrow();
    expect(() => new RetryTokens({ tokens: 5 } as never)).toThrow(InvalidOptionError);
  });
});

describe('A retry with tokens', () => {
  it('stops retrying in an outage, and retries again after enough successes', async () => {
    const clock = new TestClock();
    const budget = new RetryTokens({ capacity: 10, cost: 5 });
    const policy = retry({ maxAttempts: 2, backoff: () => 0, budget, clock });
    const reasons: string[] = [];
    policy.on('giveUp', ({ reason }) => reasons.push(reason));
    let runs = 0;
    const fail = () => {
      runs++;
      return Promise.reject(down);
    };
    for (let i = 0; i < 4; i++) await expect(policy.execute(fail)).rejects.toBe(down);
    expect(runs).toBe(6);
    expect(reasons).toEqual(['attempts', 'attempts', 'budget', 'budget']);
    for (let i = 0; i < 5; i++) await policy.execute(() => 'well');
    await expect(policy.execute(fail)).rejects.toBe(down);
    expect(runs).toBe(8);
    expect(budget.stats).toMatchObject({ requests: 10, retries: 3 });
  });

  it('a call that succeeds at its second attempt returns the refund once', async () => {
    const clock = new TestClock();
    const budget = new RetryTokens({ capacity: 100, cost: 5 });
    const policy = retry({ backoff: () => 0, budget, clock });
    await policy.execute(({ attempt }) => (attempt === 1 ? Promise.reject(down) : 'well'));
    expect(budget.stats.tokens).toBe(96);
  });

  it('a call that a retry and a hedge report to the same tokens counts once', async () => {
    const clock = new TestClock();
    const budget = new RetryTokens({ capacity: 100, cost: 5 });
    const policy = pipeline(retry({ maxAttempts: 1, budget, clock }), hedge({ budget, clock }));
    budget.tryRetry();
    budget.tryRetry();
    for (let i = 0; i < 7; i++) await policy.execute(() => 'well');
    expect(budget.stats).toMatchObject({ tokens: 97, requests: 7 });
  });

  it('a hedge alone returns tokens too', async () => {
    const clock = new TestClock();
    const budget = new RetryTokens({ capacity: 100, cost: 5 });
    const policy = hedge({ budget, clock });
    budget.tryRetry();
    for (let i = 0; i < 3; i++) await policy.execute(() => 'well');
    expect(budget.stats).toMatchObject({ tokens: 98, requests: 3 });
  });

  it('resilientFetch reports the tokens of its retry', () => {
    const fetch = resilientFetch({ retry: { budget: new RetryTokens() } });
    expect(fetch.breakwater.snapshot().retryBudget).toMatchObject({ available: 35 });
  });
});
