import { adaptiveLimit, circuitBreaker, fallback, firstOf, nodeErrors, RetryTokens, retry } from 'breakwater';
import { ChaosError, defaultClassify, isNetworkError, isResilienceError, TimeoutError } from 'breakwater/core';
import { classifyResponse } from 'breakwater/fetch';
import { toProblem } from 'breakwater/http-server';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { wasNeverSent } from '../../src/core/never-sent.js';
import { retryAfterMs } from '../../src/core/retry-after.js';

const policy = 'chaos';
const failed = (error: unknown) => ({ ok: false, error }) as const;
const withCode = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

/** Errors that fault injection imitates. */
const real: Record<string, unknown> = {
  'a refused connection': withCode('ECONNREFUSED', { syscall: 'connect' }),
  'a reset connection': withCode('ECONNRESET', { syscall: 'read' }),
  'a failed fetch': new TypeError('fetch failed', { cause: withCode('ECONNREFUSED', { syscall: 'connect' }) }),
  'an untrusted certificate': withCode('CERT_HAS_EXPIRED'),
  'a resource in use': withCode('EMFILE', { syscall: 'open', errno: -24 }),
  'a timeout': new TimeoutError({ policy: 'db', timeoutMs: 100 }),
  'a timeout during a stall': new TimeoutError({ policy: 'db', timeoutMs: 100, stalledMs: 50 }),
  'status 503': Object.assign(new Error('503'), { status: 503, headers: { 'retry-after': '2' } }),
  'status 429': Object.assign(new Error('429'), { statusCode: 429, retryAfterMs: 700 }),
  'status 501': Object.assign(new Error('501'), { status: 501 }),
  'status 404': Object.assign(new Error('404'), { response: { status: 404 } }),
  'a mistake in the program': new TypeError('x is not a function'),
  'a text': 'down',
};

describe('An injected error', () => {
  it.each(Object.entries(real))('imitating %s has the verdict and the terms of a retry of the original', (_, error) => {
    const injected = new ChaosError({ policy, cause: error });
    const signal = new AbortController().signal;
    const context = { signal, attempt: 1, hedge: 0, deadline: Infinity, priority: 5, key: undefined };
    for (const classify of [defaultClassify, classifyResponse, firstOf(nodeErrors())]) {
      expect(classify(failed(injected), context)).toBe(classify(failed(error), context));
    }
    expect(wasNeverSent(injected)).toBe(wasNeverSent(error));
    expect(retryAfterMs(failed(injected))).toBe(retryAfterMs(failed(error)));
    expect(isNetworkError(injected)).toBe(isNetworkError(error));
    expect(toProblem(injected)).toEqual(toProblem(error));
  });

  it('without an original is a failure of the dependency', () => {
    const injected = new ChaosError({ policy });
    expect(defaultClassify(failed(injected))).toBe('failure');
    expect(wasNeverSent(injected)).toBe(false);
    expect('cause' in injected).toBe(false);
    expect(injected.imitated).toBeUndefined();
  });

  it('stays recognisable by its code, and refers to the original', () => {
    const original = withCode('ECONNRESET');
    const injected = new ChaosError({ policy, cause: original });
    expect(isResilienceError(injected, 'ERR_CHAOS')).toBe(true);
    expect(injected).toMatchObject({ imitated: original, cause: original, policy });
    expect(injected.message).toBe('"chaos" injected a fault: ECONNRESET');
  });

  it('imitating another injected error imitates the original of that one', () => {
    const original = withCode('ECONNRESET');
    const inner = new ChaosError({ policy, cause: original });
    const outer = new ChaosError({ policy, cause: inner });
    expect(outer.imitated).toBe(original);
    expect(outer.cause).toBe(inner);
  });

  it('as the cause of a failed fetch is judged like the original', () => {
    const thrown = (cause: unknown) => failed(new TypeError('fetch failed', { cause }));
    const timeout = new TimeoutError({ policy: 'db', timeoutMs: 1 });
    expect(defaultClassify(thrown(new ChaosError({ policy, cause: timeout })))).toBe(defaultClassify(thrown(timeout)));
    expect(defaultClassify(thrown(new ChaosError({ policy, cause: withCode('ECONNRESET') })))).toBe('failure');
  });

  it('of another copy of the package is judged like the original', () => {
    const foreign = Object.assign(new Error('injected'), {
      code: 'ERR_CHAOS',
      imitated: Object.assign(new Error('429'), { status: 429 }),
      [Symbol.for('breakwater.error')]: true,
    });
    expect(defaultClassify(failed(foreign))).toBe('throttled');
  });

  it('imitating a timeout costs a retry as many tokens as a timeout', async () => {
    const left = async (error: unknown) => {
      const budget = new RetryTokens({ capacity: 100, cost: 5, timeoutCost: 50 });
      const policy = retry({ maxAttempts: 2, budget, backoff: () => 0 });
      await policy.attempt(() => Promise.reject(error));
      return budget.stats.tokens;
    };
    const timeout = new TimeoutError({ policy: 'db', timeoutMs: 1 });
    expect(await left(new ChaosError({ policy, cause: timeout }))).toBe(await left(timeout));
  });

  it.each([
    ['a timeout', new TimeoutError({ policy: 'db', timeoutMs: 100 })],
    ['status 503', Object.assign(new Error('503'), { status: 503 })],
  ])('imitating %s is a signal of overload for an adaptive limit', async (_, error) => {
    const limitAfter = async (thrown: unknown) => {
      const clock = new TestClock();
      const limit = adaptiveLimit({ initialLimit: 40, minLimit: 1, maxLimit: 40, clock });
      for (let i = 0; i < 200; i++) {
        const call = limit.attempt(() => new Promise((_, reject) => clock.setTimeout(() => reject(thrown), 20)));
        await clock.advance(50);
        await call;
      }
      return limit.limit;
    };
    const expected = await limitAfter(error);
    expect(expected).toBeLessThan(40);
    expect(await limitAfter(new ChaosError({ policy, cause: error }))).toBe(expected);
  });

  it('imitating a mistake in the program is not replaced by a fallback, and any other is', async () => {
    const answer = (cause: unknown) =>
      fallback('instead').attempt(() => Promise.reject(new ChaosError({ policy, cause })));
    expect(await answer(new TypeError('x is not a function'))).toMatchObject({ ok: false });
    expect(await answer(withCode('ECONNRESET'))).toEqual({ ok: true, value: 'instead' });
  });

  it('imitating a failure opens a circuit breaker, and imitating an answer does not', async () => {
    const stateAfter = async (status: number) => {
      const breaker = circuitBreaker({ consecutiveFailures: 2, clock: new TestClock() });
      const cause = Object.assign(new Error(String(status)), { status });
      for (let i = 0; i < 3; i++) await breaker.attempt(() => Promise.reject(new ChaosError({ policy, cause })));
      return breaker.state;
    };
    expect(await stateAfter(503)).toBe('open');
    expect(await stateAfter(404)).toBe('closed');
    expect(await stateAfter(429)).toBe('closed');
  });
});
