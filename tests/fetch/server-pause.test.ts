/** The limits that a server announces never block a key permanently, even if they are mistaken or hostile. */
import { resilientFetch, TokenBucket } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

const URL_A = 'http://a.example/';
const ORIGIN = 'http://a.example';
const MINUTE = 60_000;

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
}

function setUp(answerOf: (sent: number) => Answer, rateLimit: object = {}) {
  const clock = new TestClock();
  const sent: number[] = [];
  const fetch = resilientFetch({
    fetch: async (_url: string) => {
      sent.push(clock.now());
      const { status = 200, headers = {} } = answerOf(sent.length);
      return new Response('ok', { status, headers });
    },
    clock,
    retry: false,
    circuitBreaker: false,
    timeout: Infinity,
    rateLimit,
  });
  /** Returns the status, or the delay after which the call may be repeated. */
  const ask = () =>
    fetch(URL_A).then(
      ({ status }) => status,
      (error) => `${error.code} ${error.retryAfterMs}`,
    );
  return { clock, sent, fetch, ask };
}

const dateIn = (ms: number) => new Date(Date.now() + ms).toUTCString();

/** Responses that would delay every request for an unreasonable time. */
const HOSTILE: readonly (readonly [string, Answer])[] = [
  ['t=999999999999999', { headers: { ratelimit: '"x";r=0;t=999999999999999' } }],
  ['draft 7, reset=999999999999999', { headers: { ratelimit: 'limit=1, remaining=0, reset=999999999999999' } }],
  ['milliseconds in place of seconds', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '999999999' } }],
  ['epoch seconds of the year 5138', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999' } }],
  [
    'epoch milliseconds of 33658',
    { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '999999999999999' } },
  ],
  ['a reset in the year 9999', { headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '9999-12-31T23:59:59Z' } }],
  [
    'a duration of 10^15 days',
    { headers: { 'x-ratelimit-remaining': '-1', 'x-ratelimit-reset': '1000000000000000d' } },
  ],
  ['a limit of 0', { headers: { ratelimit: '"x";r=0;t=999999999', 'ratelimit-policy': '"x";q=0;w=999999999' } }],
  ['a window of 30 years', { headers: { ratelimit: '"x";r=0;t=61', 'ratelimit-policy': '"x";q=1;w=999999999' } }],
  ['Retry-After: 10^20', { status: 503, headers: { 'retry-after': '100000000000000000000' } }],
  ['Retry-After: 10^63', { status: 429, headers: { 'retry-after': `1${'0'.repeat(63)}` } }],
  ['Retry-After in 9999', { status: 429, headers: { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' } }],
  [
    'a Retry-After date with a Date of 1970',
    { status: 429, headers: { date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'retry-after': dateIn(1000) } },
  ],
  [
    'a RateLimit and a Retry-After',
    { status: 429, headers: { ratelimit: '"x";r=0;t=999999999999999', 'retry-after': '999999999999999' } },
  ],
];

/** Responses that announce no delay. */
const HARMLESS: readonly (readonly [string, Answer])[] = [
  [
    'NaN',
    { status: 429, headers: { 'retry-after': 'NaN', 'x-ratelimit-remaining': 'NaN', 'x-ratelimit-reset': 'NaN' } },
  ],
  ['negative values', { status: 429, headers: { 'retry-after': '-5', 'x-ratelimit-remaining': '-1' } }],
  ['a negative reset', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '-60' } }],
  ['nothing left and no reset', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-limit': '0' } }],
  ['a reset in the past', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1000000000' } }],
  ['Retry-After in the past', { status: 429, headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' } }],
  ['Retry-After: 1e9', { status: 429, headers: { 'retry-after': '1e9' } }],
  ['Infinity', { status: 503, headers: { 'retry-after': 'Infinity' } }],
  ['two values', { status: 429, headers: { 'retry-after': '5, 10' } }],
  ['Retry-After with a 200', { headers: { 'retry-after': '999999999' } }],
];

describe('A response with a hostile or mistaken limit', () => {
  it.each(HOSTILE)(
    'a successful response ends the delay of "%s" after a minute for a client that calls every minute for a week',
    async (_name, bad) => {
      const { clock, sent, ask } = setUp((count) => (count === 1 ? bad : {}));
      await ask();
      let rejected = 0;
      for (let minute = 0; minute < 7 * 24 * 60; minute++) {
        await clock.advance(MINUTE);
        if ((await ask()) !== 200) rejected++;
      }
      expect(rejected).toBeLessThanOrEqual(1);
      expect(sent.length).toBeGreaterThanOrEqual(7 * 24 * 60);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it.each(HOSTILE)(
    'a server that always responds with "%s" receives one probe per minute, and other calls are rejected',
    async (_name, bad) => {
      const { clock, sent, ask } = setUp(() => bad, { maxWait: 0 });
      await ask();
      for (let second = 1; second <= 600; second++) {
        await clock.advance(1000);
        const answer = await ask();
        const left = sent.at(-1)! + MINUTE - clock.now();
        if (left < MINUTE) expect(answer).toBe(`ERR_RATE_LIMITED ${left}`);
      }
      expect(sent).toEqual(Array.from({ length: 11 }, (_, n) => n * MINUTE));
    },
  );

  it.each(HARMLESS)('a response with "%s" causes no delay', async (_name, answer) => {
    const { sent, ask } = setUp(() => answer);
    for (let n = 0; n < 5; n++) await ask();
    expect(sent.length).toBe(5);
  });
});

const PAUSE: Answer = { status: 429, headers: { 'retry-after': '3600' } };

describe('maxServerPause', () => {
  it('the pause lasts for at most maxServerPause, and then one call is sent as a probe', async () => {
    const { clock, sent, ask } = setUp(() => PAUSE, { maxServerPause: '10s', maxWait: 0 });
    expect(await ask()).toBe(429);
    await clock.advance(9999);
    expect(await ask()).toBe('ERR_RATE_LIMITED 1');
    await clock.advance(1);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([429, 'ERR_RATE_LIMITED 10000', 'ERR_RATE_LIMITED 10000']);
    await clock.advance(4000);
    expect(await ask()).toBe('ERR_RATE_LIMITED 6000');
    await clock.advance(56_000);
    expect([await ask(), await ask()]).toEqual([429, 'ERR_RATE_LIMITED 10000']);
    expect(sent).toEqual([0, 10_000, 70_000]);
  });

  it('maxServerPause does not extend a shorter pause', async () => {
    const { clock, sent, ask } = setUp((n) => (n === 1 ? { status: 429, headers: { 'retry-after': '7' } } : {}), {
      maxServerPause: '10s',
      maxWait: 0,
    });
    await ask();
    await clock.advance(6999);
    expect(await ask()).toBe('ERR_RATE_LIMITED 1');
    await clock.advance(1);
    expect([await ask(), await ask()]).toEqual([200, 200]);
    expect(sent).toEqual([0, 7000, 7000]);
  });

  it.each<[string, Answer, string]>([
    ['a successful response ends the pause', {}, '200 200'],
    ['a 404 ends the pause', { status: 404 }, '404 404'],
    ['a failure repeats the pause', { status: 500 }, '500 ERR_RATE_LIMITED 60000'],
    ['a rejection without a delay repeats the pause', { status: 429 }, '429 ERR_RATE_LIMITED 60000'],
    [
      'a shorter Retry-After replaces the pause',
      { status: 503, headers: { 'retry-after': '20' } },
      '503 ERR_RATE_LIMITED 20000',
    ],
    ['a limit with remaining quota ends the pause', { headers: { ratelimit: '"p";r=5;t=30' } }, '200 200'],
    [
      'a limit without remaining quota replaces the pause',
      { headers: { ratelimit: '"p";r=0;t=30' } },
      '200 ERR_RATE_LIMITED 30000',
    ],
  ])('the response to a probe decides: %s', async (_name, answer, expected) => {
    const { clock, ask } = setUp((count) => (count === 1 ? PAUSE : answer), { maxWait: 0 });
    await ask();
    await clock.advance(MINUTE);
    expect(`${await ask()} ${await ask()}`).toBe(expected);
  });

  it('a successful response to a request from before the pause does not end it', async () => {
    const clock = new TestClock();
    const open: ((response: Response) => void)[] = [];
    const fetch = resilientFetch({
      fetch: (_url: string) => new Promise<Response>((resolve) => open.push(resolve)),
      clock,
      retry: false,
      rateLimit: { maxWait: 0 },
    });
    const both = [watch(fetch(URL_A)), watch(fetch(URL_A))];
    await settle();
    open[0]!(new Response(null, { status: 429, headers: { 'retry-after': '3600' } }));
    await settle();
    open[1]!(new Response('ok'));
    await Promise.all(both.map(({ done }) => done));
    await expect(fetch(URL_A)).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED', retryAfterMs: MINUTE });
  });

  it('a call waits for its probe, and the waiters behind it are admitted when the probe succeeds', async () => {
    const { clock, sent, ask } = setUp((count) => (count === 1 ? PAUSE : {}), { maxWait: '10m' });
    await ask();
    const waiting = Promise.all([ask(), ask(), ask()]);
    await clock.advance(MINUTE);
    expect(await waiting).toEqual([200, 200, 200]);
    expect(sent).toEqual([0, MINUTE, MINUTE, MINUTE]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('fetch.breakwater.reset(key)', () => {
  it('reset ends the pause of the key at once, also for waiting calls', async () => {
    const { clock, fetch, ask, sent } = setUp((count) => (count === 1 ? PAUSE : {}), { maxWait: '10m' });
    await ask();
    const waiting = watch(ask());
    await clock.advance(1000);
    fetch.breakwater.reset('http://b.example');
    await settle();
    expect(waiting.state).toBe('pending');
    fetch.breakwater.reset(ORIGIN);
    await settle();
    expect(waiting.value).toBe(200);
    expect(await ask()).toBe(200);
    expect(sent).toEqual([0, 1000, 1000]);
  });

  it('reset closes the circuit breaker of the key', async () => {
    const clock = new TestClock();
    let status = 500;
    const fetch = resilientFetch({
      fetch: async (_url: string) => new Response(null, { status }),
      clock,
      retry: false,
      circuitBreaker: { minimumCalls: 1 },
      rateLimit: { limiter: () => new TokenBucket({ capacity: 9, refill: 9, per: '1s', clock }) },
    });
    await fetch(URL_A);
    await expect(fetch(URL_A)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    status = 200;
    fetch.breakwater.reset(ORIGIN);
    expect((await fetch(URL_A)).status).toBe(200);
  });
});
