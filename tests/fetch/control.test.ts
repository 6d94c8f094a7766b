import { assertNoWarnings, explain, pipeline, resilientFetch, retry, TokenBucket, timeout } from 'breakwater';
import { cachedFetch } from 'breakwater/http-cache';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';

const url = 'http://a.test/';
const ORIGIN = 'http://a.test';

/** A fetch that answers with the given statuses; the last one is repeated. */
function answering(...statuses: readonly number[]) {
  let calls = 0;
  return async (_input: string | URL | Request, _init?: RequestInit): Promise<Response> => {
    const status = statuses[Math.min(calls++, statuses.length - 1)] ?? 200;
    return new Response('answer', { status, headers: { 'retry-after': '2' } });
  };
}

/** A fetch whose answer is the promise. */
const pendingFetch = (answer: Promise<Response>) => (_input: string | URL | Request, _init?: RequestInit) => answer;

describe('snapshot', () => {
  it('an instance that was not used has no keys', () => {
    expect(resilientFetch().breakwater.snapshot()).toEqual({
      inFlight: 0,
      retryBudget: { requests: 0, retries: 0, available: 100 },
      keys: [],
    });
  });

  it('shows the breaker, the bulkhead, the calls in flight and the budget', async () => {
    const clock = new TestClock();
    const pending = defer<Response>();
    const fetch = resilientFetch({ fetch: pendingFetch(pending.promise), clock, bulkhead: { maxConcurrent: 1 } });
    const calls = [fetch(url), fetch(url)];
    await settle();
    expect(fetch.breakwater.snapshot()).toMatchObject({
      inFlight: 2,
      retryBudget: { requests: 2 },
      keys: [{ key: ORIGIN, circuitBreaker: { state: 'closed', calls: 0 }, bulkhead: { active: 1, queued: 1 } }],
    });
    pending.resolve(new Response());
    await Promise.all(calls);
    expect(fetch.breakwater.snapshot()).toMatchObject({ inFlight: 0, keys: [{ bulkhead: { active: 0, queued: 0 } }] });
  });

  it('shows the state of the breaker as of now, without a call', async () => {
    const clock = new TestClock();
    const circuitBreaker = { consecutiveFailures: 1, openFor: 1_000 };
    const fetch = resilientFetch({ fetch: answering(500), clock, retry: false, circuitBreaker });
    await fetch(url);
    const state = () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker;
    expect(state()).toMatchObject({ state: 'open', retryAfterMs: 1_000 });
    await clock.advance(1_000);
    expect(state()).toMatchObject({ state: 'half-open', retryAfterMs: 0 });
  });

  it('shows the pacing gate while it delays calls, and the limits', async () => {
    const clock = new TestClock();
    const fetch = resilientFetch({
      fetch: answering(429, 200),
      clock,
      random: () => 0,
      rateLimit: { limiter: () => new TokenBucket({ capacity: 5, refill: 1, per: '1h', clock }) },
    });
    const call = watch(fetch(url));
    await clock.advance(0);
    expect(fetch.breakwater.snapshot().keys).toMatchObject([
      { pacing: { waiting: 1 }, limiter: { remaining: 4, limit: 5 }, serverLimit: { allowed: false } },
    ]);
    await clock.advance(20_000);
    expect(call.state).toBe('fulfilled');
    await clock.advance(60_000);
    expect(fetch.breakwater.snapshot().keys[0]?.pacing).toBeUndefined();
  });

  it('leaves out what is disabled', async () => {
    const options = { circuitBreaker: false, bulkhead: false, retry: false } as const;
    const fetch = resilientFetch({ fetch: answering(200), ...options });
    await fetch(url);
    expect(fetch.breakwater.snapshot()).toEqual({
      inFlight: 0,
      retryBudget: undefined,
      keys: [
        {
          key: ORIGIN,
          circuitBreaker: undefined,
          bulkhead: undefined,
          limiter: undefined,
          serverLimit: undefined,
          pacing: undefined,
        },
      ],
    });
  });

  it('does not keep a key in use', async () => {
    const clock = new TestClock();
    const fetch = resilientFetch({ fetch: answering(200), clock });
    await fetch(url);
    for (let minute = 0; minute < 11; minute++) {
      fetch.breakwater.snapshot();
      await clock.advance(60_000);
    }
    expect(fetch.breakwater.snapshot().keys).toEqual([]);
  });

  it('is empty beside a policy of the caller, and the calls in flight are counted', async () => {
    const pending = defer<Response>();
    const fetch = resilientFetch({ fetch: pendingFetch(pending.promise), policy: retry() });
    const call = fetch(url);
    expect(fetch.breakwater.snapshot()).toEqual({ inFlight: 1, retryBudget: undefined, keys: [] });
    pending.resolve(new Response());
    await call;
    expect(fetch.breakwater.snapshot().inFlight).toBe(0);
  });

  it('can be written as JSON', async () => {
    const fetch = resilientFetch({ fetch: answering(200) });
    await fetch(url, {});
    expect(JSON.parse(JSON.stringify(fetch.breakwater.snapshot()))).toMatchObject({ keys: [{ key: ORIGIN }] });
  });
});

describe('isolate', () => {
  it('rejects the calls of a key until it is disposed', async () => {
    const fetch = resilientFetch({ fetch: answering(200) });
    const isolation = fetch.breakwater.isolate(ORIGIN);
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    expect((await fetch('http://b.test/')).status).toBe(200);
    expect(fetch.breakwater.snapshot().keys.find(({ key }) => key === ORIGIN)?.circuitBreaker?.state).toBe('isolated');
    isolation[Symbol.dispose]();
    expect((await fetch(url)).status).toBe(200);
  });

  it('lasts longer than an idle key, and longer than many other keys', async () => {
    const clock = new TestClock();
    const fetch = resilientFetch({ fetch: answering(200), clock, key: ({ url }) => url.pathname });
    fetch.breakwater.isolate('/isolated');
    for (let n = 0; n < 1_500; n++) await fetch(`${url}${n}`);
    await clock.advance(3_600_000);
    await expect(fetch(`${url}isolated`)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });

  it('is shared with the functions that with returns', async () => {
    const fetch = resilientFetch({ fetch: answering(200) });
    fetch.breakwater.with({ priority: 1 }).breakwater.isolate(ORIGIN);
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });

  it('needs a breaker and a key', () => {
    const without = resilientFetch({ circuitBreaker: false }).breakwater;
    expect(() => without.isolate(ORIGIN)).toThrow(expect.objectContaining({ option: 'circuitBreaker' }));
    expect(() => resilientFetch({ policy: retry() }).breakwater.isolate(ORIGIN)).toThrow(
      expect.objectContaining({ option: 'policy' }),
    );
    for (const method of ['isolate', 'reset'] as const) {
      expect(() => resilientFetch().breakwater[method](undefined as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'key' }),
      );
    }
  });
});

describe('reset', () => {
  it('closes the breaker of a key without a rateLimit', async () => {
    const fetch = resilientFetch({
      fetch: answering(500, 200),
      retry: false,
      circuitBreaker: { consecutiveFailures: 1 },
    });
    await fetch(url);
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    fetch.breakwater.reset('http://unknown.test');
    fetch.breakwater.reset(ORIGIN);
    expect((await fetch(url)).status).toBe(200);
    expect(fetch.breakwater.snapshot().keys).toHaveLength(1);
  });
});

describe('explain', () => {
  it('computes the worst case of the default options, and has no warnings', () => {
    const { maxAttempts, maxDurationMs, amplification, warnings } = resilientFetch().breakwater.explain();
    expect({ maxAttempts, maxDurationMs, amplification, warnings }).toEqual({
      maxAttempts: 3,
      maxDurationMs: 30_000,
      amplification: 1.2,
      warnings: [],
    });
  });

  it('uses the timeouts of with', () => {
    const options = { retry: { backoff: () => 0 } };
    const { breakwater } = resilientFetch(options);
    expect(breakwater.with({ timeout: '2m', attemptTimeout: '1s' }).breakwater.explain().maxDurationMs).toBe(3_000);
  });

  it('warns about an attempt timeout above the total one', () => {
    const { warnings } = resilientFetch({ timeout: '1s', attemptTimeout: '2s' }).breakwater.explain();
    expect(warnings.map(({ code }) => code)).toEqual(['attempt-timeout-too-long']);
  });

  it('explain and assertNoWarnings accept the function itself, and one with a cache in front', () => {
    const fetch = resilientFetch({ timeout: '1s', attemptTimeout: '2s' });
    expect(explain(fetch)).toEqual(fetch.breakwater.explain());
    expect(explain(cachedFetch(fetch)).warnings).toHaveLength(1);
    expect(() => assertNoWarnings(fetch)).toThrow('attempt-timeout-too-long');
    assertNoWarnings(resilientFetch());
    for (const value of [undefined, null, () => {}, { breakwater: {} }]) {
      expect(() => explain(value as never)).toThrow('must be a policy or a resilientFetch');
    }
  });

  it('warns about a resilientFetch inside another one that retries too', () => {
    const nested = resilientFetch({ fetch: cachedFetch(resilientFetch()) });
    expect(explain(nested)).toMatchObject({ maxAttempts: 9, warnings: [{ code: 'retry-inside-retry' }] });
    expect(explain(resilientFetch({ fetch: resilientFetch({ retry: false }) })).warnings).toEqual([]);
  });

  it('explains a policy of the caller', () => {
    const policy = pipeline(retry({ maxAttempts: 5, backoff: () => 0 }), timeout(100));
    expect(resilientFetch({ policy }).breakwater.explain()).toMatchObject({ maxAttempts: 5, maxDurationMs: 500 });
  });
});

describe('close', () => {
  it('rejects new calls, lets calls in flight end, and resolves when all have ended', async () => {
    const pending = defer<Response>();
    const fetch = resilientFetch({ fetch: pendingFetch(pending.promise) });
    const call = watch(fetch(url));
    const closed = [watch(fetch.breakwater.close()), watch(fetch.breakwater.close())];
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_CLOSED', policy: 'resilientFetch' });
    await expect(fetch.breakwater.with({ priority: 1 })(url)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await settle();
    expect(closed.map(({ state }) => state)).toEqual(['pending', 'pending']);
    pending.resolve(new Response('last'));
    await Promise.all(closed.map(({ done }) => done));
    expect(call.state).toBe('fulfilled');
    expect(await call.value?.text()).toBe('last');
  });

  it('resolves at once when nothing is in flight, and after calls that fail', async () => {
    await resilientFetch().breakwater.close();
    const fetch = resilientFetch({ fetch: pendingFetch(Promise.reject(new Error('down'))), retry: false });
    const call = watch(fetch(url));
    await fetch.breakwater.close();
    await settle();
    expect(call.error).toMatchObject({ message: 'down' });
  });

  it('waits for calls that wait for a retry', async () => {
    const clock = new TestClock();
    const fetch = resilientFetch({ fetch: answering(503, 200), clock });
    const call = watch(fetch(url));
    const closed = watch(fetch.breakwater.close());
    await clock.advance(10_000);
    expect([call.value?.status, closed.state]).toEqual([200, 'fulfilled']);
  });

  it('a policy that throws synchronously leaves no call in flight', async () => {
    const policy = {
      ...retry(),
      name: 'broken',
      clock: undefined,
      describe: () => ({ kind: 'broken', name: 'broken' }),
    };
    const execute = () => {
      throw new Error('broken policy');
    };
    const fetch = resilientFetch({ fetch: answering(200), policy: { ...policy, execute } as never });
    await expect(fetch(url)).rejects.toThrow('broken policy');
    await fetch.breakwater.close();
  });
});

describe('The events of a call', () => {
  it('call reports each call once, with its attempts and its duration', async () => {
    const clock = new TestClock();
    const events: unknown[] = [];
    const fetch = resilientFetch({
      fetch: answering(503, 200, 404),
      clock,
      retry: { backoff: () => 500, maxRetryAfter: '10s' },
      on: {
        call: ({ outcome, ...event }) =>
          events.push({ ...event, status: outcome.ok && (outcome.value as Response).status }),
        retry: ({ key, method, attempt, delayMs }) => events.push({ key, method, attempt, delayMs }),
      },
    });
    const call = fetch(url, { method: 'PUT' });
    await clock.advance(2_000);
    await call;
    await fetch(`${url}missing`, { breakwater: { key: 'mine' } });
    expect(events).toEqual([
      { key: ORIGIN, method: 'PUT', attempt: 1, delayMs: 2_000 },
      { key: ORIGIN, method: 'PUT', status: 200, durationMs: 2_000, attempts: 2, hedges: 0 },
      { key: 'mine', method: 'GET', status: 404, durationMs: 0, attempts: 1, hedges: 0 },
    ]);
  });

  it('call reports a rejected call with 0 attempts, and an error', async () => {
    const events: unknown[] = [];
    const fetch = resilientFetch({ fetch: answering(200), on: { call: (event) => events.push(event) } });
    fetch.breakwater.isolate(ORIGIN);
    const error = await fetch(url).catch((error: unknown) => error);
    expect(events).toMatchObject([{ key: ORIGIN, attempts: 0, outcome: { ok: false, error } }]);
  });

  it('a listener that throws does not change the call', async () => {
    const errors: unknown[] = [];
    const report = (error: unknown) => errors.push(error);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', report);
    try {
      const clock = new TestClock();
      const thrown = new Error('listener');
      const throwing = () => {
        throw thrown;
      };
      const fetch = resilientFetch({
        fetch: answering(503, 503, 503),
        clock,
        on: { call: throwing, retry: throwing, giveUp: throwing },
      });
      const call = watch(fetch(url));
      await clock.advance(30_000);
      expect(call.value?.status).toBe(503);
      await settle();
      expect(errors).toEqual([thrown, thrown, thrown, thrown]);
    } finally {
      process.removeListener('uncaughtException', report);
      for (const listener of before) process.on('uncaughtException', listener);
    }
  });
});
