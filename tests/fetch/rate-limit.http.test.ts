/** resilientFetch with `rateLimit`: when calls wait, which limits of the server are followed, and which calls are not sent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  FixedWindow,
  KeyedRateLimiter,
  RateLimitedError,
  type RejectEvent,
  resilientFetch,
  TokenBucket,
} from 'breakwater';
import { rateLimitMiddleware } from 'breakwater/http-server';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';

const URL_A = 'http://a.example/';
const URL_B = 'http://b.example/';

/** A fetch that responds at once with the given headers and status, and records its requests. */
function answering(answers: (sent: number) => { status?: number; headers?: Record<string, string> }) {
  const sent: { url: string; at: number }[] = [];
  const clock = new TestClock();
  const fetch = async (input: string | URL | Request) => {
    sent.push({ url: String(input), at: clock.now() });
    const { status = 200, headers = {} } = answers(sent.length);
    return new Response('ok', { status, headers });
  };
  return { fetch: fetch as typeof globalThis.fetch, sent, clock };
}

const plain = { retry: false, circuitBreaker: false, timeout: Infinity, attemptTimeout: Infinity } as const;

describe('A custom limiter', () => {
  it('calls of each key wait in turn for at most maxWait, and the others are rejected', async () => {
    const { fetch: bare, sent, clock } = answering(() => ({}));
    const rejected: RejectEvent[] = [];
    const keys: string[] = [];
    const fetch = resilientFetch({
      ...plain,
      fetch: bare,
      clock,
      on: { reject: (event) => rejected.push(event) },
      rateLimit: {
        limiter: (key) => {
          keys.push(key);
          return new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock });
        },
        maxWait: '2s',
      },
    });
    expect(keys).toEqual([]);
    const answers = Promise.allSettled([fetch(URL_A), fetch(URL_A), fetch(URL_B), fetch(URL_A), fetch(URL_A)]);
    await clock.advance(3000);
    const outcomes = await answers;
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(sent).toEqual([
      { url: URL_A, at: 0 },
      { url: URL_B, at: 0 },
      { url: URL_A, at: 1000 },
      { url: URL_A, at: 2000 },
    ]);
    const { reason } = outcomes[4] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(RateLimitedError);
    expect(reason).toMatchObject({ retryAfterMs: 3000, policy: 'http://a.example' });
    expect(rejected).toMatchObject([
      { key: 'http://a.example', by: 'rate-limit', event: { decision: { allowed: false } } },
    ]);
    expect(keys).toEqual(['http://a.example', 'http://b.example']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an aborted call leaves the queue of the limiter', async () => {
    const { fetch: bare, sent, clock } = answering(() => ({}));
    const limiter = new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock });
    const fetch = resilientFetch({ ...plain, fetch: bare, clock, rateLimit: { limiter: () => limiter } });
    const controller = new AbortController();
    await fetch(URL_A);
    const waiting = fetch(URL_A, { signal: controller.signal });
    const behind = fetch(URL_A);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await clock.advance(1000);
    await behind;
    expect(sent.map(({ at }) => at)).toEqual([0, 1000]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('Following the limits of the server', () => {
  it('the remaining quota is sent at once, and the other calls after the reset', async () => {
    // Three requests in each window of 4 s, as the server counts.
    const limiter = { left: 3, resetAt: 4000 };
    const {
      fetch: bare,
      sent,
      clock,
    } = answering(() => {
      if (clock.now() >= limiter.resetAt) Object.assign(limiter, { left: 3, resetAt: limiter.resetAt + 4000 });
      const status = limiter.left > 0 ? 200 : 429;
      limiter.left = Math.max(0, limiter.left - 1);
      const t = Math.ceil((limiter.resetAt - clock.now()) / 1000);
      return { status, headers: { 'ratelimit-policy': '"p";q=3;w=4', ratelimit: `"p";r=${limiter.left};t=${t}` } };
    });
    const fetch = resilientFetch({ ...plain, fetch: bare, clock, rateLimit: { maxWait: '1m' } });
    expect((await fetch(URL_A)).status).toBe(200);
    const others = Promise.all(Array.from({ length: 8 }, async () => (await fetch(URL_A)).status));
    await clock.advance(20_000);
    expect(await others).toEqual(Array.from({ length: 8 }, () => 200));
    expect(sent.map(({ at }) => at)).toEqual([0, 0, 0, 4000, 4000, 4000, 8000, 8000, 8000]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a call that would wait longer than maxWait is rejected at once with its delay', async () => {
    const {
      fetch: bare,
      sent,
      clock,
    } = answering(() => ({ headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' } }));
    const fetch = resilientFetch({ ...plain, fetch: bare, clock, rateLimit: {} });
    await fetch(URL_A);
    await expect(fetch(URL_A)).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED', retryAfterMs: 60_000 });
    await fetch(URL_B); // another server
    await clock.advance(60_000);
    await fetch(URL_A);
    expect(sent.length).toBe(3);
  });

  it.each([429, 503])('all calls of a key pause for the Retry-After of a %i', async (status) => {
    const {
      fetch: bare,
      sent,
      clock,
    } = answering((count) => (count === 1 ? { status, headers: { 'retry-after': '3' } } : {}));
    const fetch = resilientFetch({ ...plain, fetch: bare, clock, rateLimit: {} });
    expect((await fetch(URL_A)).status).toBe(status);
    const later = Promise.all([fetch(URL_A), fetch(URL_A)]);
    await clock.advance(2999);
    expect(sent.length).toBe(1);
    await clock.advance(1);
    await later;
    expect(sent.map(({ at }) => at)).toEqual([0, 3000, 3000]);
  });

  it.each([
    [200, { 'retry-after': '3' }],
    [301, { 'retry-after': '3' }],
    [429, {}],
    [429, { 'retry-after': 'soon' }],
    [200, { 'x-ratelimit-remaining': '0' }],
    [200, { ratelimit: 'nonsense;;' }],
    [200, { ratelimit: '"p";r=0;t=9', age: '5' }],
  ])('a %i with %j causes no pause', async (status, headers) => {
    const { fetch: bare, sent, clock } = answering(() => ({ status, headers }));
    const fetch = resilientFetch({ ...plain, fetch: bare, clock, rateLimit: {} });
    await fetch(URL_A);
    await fetch(URL_A);
    expect(sent.length).toBe(2);
  });

  it('requests in flight reduce the remaining quota until their responses arrive', async () => {
    const clock = new TestClock();
    const open: ((left: number) => void)[] = [];
    const bare = () =>
      new Promise<Response>((resolve) => {
        open.push((left) => resolve(new Response('ok', { headers: { ratelimit: `"p";r=${left};t=4` } })));
      });
    const fetch = resilientFetch({ ...plain, fetch: bare as typeof globalThis.fetch, clock, rateLimit: {} });
    const first = [fetch(URL_A), fetch(URL_A), fetch(URL_A)];
    await settle();
    expect(open.length).toBe(3);
    open[0]!(2); // the other two requests will use the remaining quota
    await first[0];
    const fourth = fetch(URL_A);
    await settle();
    expect(open.length).toBe(3);
    open[1]!(3); // the server counted differently, and more quota remains
    await first[1];
    await settle();
    expect(open.length).toBe(4);
    open[2]!(1);
    open[3]!(0);
    await Promise.all([first[2], fourth]);
    const fifth = fetch(URL_A);
    await clock.advance(3999);
    expect(open.length).toBe(4);
    await clock.advance(1);
    expect(open.length).toBe(5);
    open[4]!(9);
    await fifth;
  });

  it('limits of the server are ignored with followServerLimits: false and without the rateLimit option', async () => {
    for (const rateLimit of [{ followServerLimits: false }, false, undefined] as const) {
      const { fetch: bare, sent } = answering(() => ({ status: 429, headers: { 'retry-after': '60' } }));
      const fetch = resilientFetch({ ...plain, fetch: bare, rateLimit });
      await fetch(URL_A);
      await fetch(URL_A);
      expect(sent.length).toBe(2);
    }
  });

  it('a response without a Headers object works', async () => {
    const bare = async (_url: string) => ({ status: 200, headers: { get: () => null }, body: null });
    const fetch = resilientFetch({ ...plain, fetch: bare, rateLimit: {} });
    expect((await fetch(URL_A)).status).toBe(200);
  });

  it('a real server with a limit rejects no request if its limits are followed, and rejects some otherwise', async () => {
    const ignoring = await sendTwelve(resilientFetch({ retry: false, circuitBreaker: false }));
    expect(ignoring.refused).toBeGreaterThan(0);
    const rateLimit = { maxWait: '10s' } as const;
    const following = await sendTwelve(resilientFetch({ retry: false, circuitBreaker: false, rateLimit }));
    expect(following).toEqual({ passed: 12, refused: 0 });
  });
});

/** One request, then eleven concurrent ones, to a server that admits five in 250 ms and reports its limit. */
async function sendTwelve(fetch: typeof globalThis.fetch): Promise<{ passed: number; refused: number }> {
  const limiter = new KeyedRateLimiter(() => new FixedWindow({ limit: 5, per: '250ms' }));
  const limited = rateLimitMiddleware({ limiter, window: '250ms' });
  const server = createServer((request, response) => limited(request, response, () => response.end('ok')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const statusOf = async () => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await response.text();
    return response.status;
  };
  try {
    const statuses = [await statusOf(), ...(await Promise.all(Array.from({ length: 11 }, statusOf)))];
    const refused = statuses.filter((status) => status === 429).length;
    return { passed: statuses.length - refused, refused };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('Invalid options', () => {
  it.each([
    [true, /"rateLimit" must be an object of options, or false/],
    [{ limiter: {} }, /"rateLimit.limiter" must be a function/],
    [{ followServerLimits: 'yes' }, /"rateLimit.followServerLimits" must be a boolean/],
    [{ maxServerPause: 0 }, /"rateLimit.maxServerPause" must be/],
    [{ maxServerPause: Infinity }, /"rateLimit.maxServerPause" must be/],
    [{ maxServerPause: 'forever' }, /"rateLimit.maxServerPause" must be/],
    [{ maxWait: -1 }, /"rateLimit.maxWait" must be/],
    [{ wait: 1 }, /"rateLimit.wait" is unknown \(did you mean "maxWait"\?\)/],
  ])('resilientFetch rejects the rateLimit option %j', (rateLimit, message) => {
    expect(() => resilientFetch({ rateLimit: rateLimit as never })).toThrow(message);
  });

  it('resilientFetch rejects the rateLimit option beside a policy', () => {
    const policy = { execute: () => {} } as never;
    expect(() => resilientFetch({ policy, rateLimit: {} })).toThrow(/"rateLimit" has no effect beside "policy"/);
  });
});
