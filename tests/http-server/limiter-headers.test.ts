import { parseRateLimit, type RateLimitDialect, rateLimitHandler, rateLimitHeaders } from 'breakwater/http-server';
import {
  allOf,
  FixedWindow,
  KeyedRateLimiter,
  LeakyBucket,
  type RateLimiter,
  SlidingWindowCounter,
  SlidingWindowLog,
  TokenBucket,
} from 'breakwater/rate-limit';
import { seededRandom, TestClock } from 'breakwater/testing';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';

const dialects: readonly RateLimitDialect[] = ['x-ratelimit', 'draft-6', 'draft-7', 'draft-8', 'draft-10'];
/** Limiters with rates that produce fractions. */
const limiters: Record<string, (clock: TestClock) => RateLimiter> = {
  TokenBucket: (clock) => new TokenBucket({ capacity: 7, refill: 3.3, per: 1700, clock }),
  LeakyBucket: (clock) => new LeakyBucket({ capacity: 7, leak: 3.3, per: 1700, clock }),
  FixedWindow: (clock) => new FixedWindow({ limit: 7, per: 1700, clock }),
  SlidingWindowCounter: (clock) => new SlidingWindowCounter({ limit: 7, per: 1700, clock }),
  SlidingWindowLog: (clock) => new SlidingWindowLog({ limit: 7, per: 1700, clock }),
  allOf: (clock) =>
    allOf(
      new FixedWindow({ limit: 7, per: 900, clock }),
      new TokenBucket({ capacity: 7, refill: 0.9, per: 333, clock }),
    ),
};

describe.each(Object.entries(limiters))('%s', (_name, make) => {
  it.each(dialects)(
    'The %s headers contain integers within their bounds, and Retry-After is not before the reset',
    async (dialect) => {
      const clock = new TestClock();
      const random = seededRandom(18);
      const handler = rateLimitHandler({
        limiter: new KeyedRateLimiter(() => make(clock)),
        key: () => 'k',
        cost: () => Math.floor(random() * 4),
        headers: dialect,
        window: 1700,
      })(() => new Response('passed'));
      const seen = { passed: 0, rejected: 0 };
      for (let i = 0; i < 300; i++) {
        await clock.advance(Math.floor(random() * 700));
        const { status, headers } = await handler(new Request('http://localhost'));
        seen[status === 200 ? 'passed' : 'rejected']++;
        const texts = [...headers].filter(([name]) => /ratelimit|^retry-after$/.test(name)).map(([, value]) => value);
        expect(texts.length).toBeGreaterThanOrEqual(2);
        for (const text of texts) expect(text, text).not.toMatch(/[.-]|NaN|Infinity|e[+\d]/);
        const { limits, retryAfterMs } = parseRateLimit(headers);
        expect(limits).toHaveLength(1);
        const [{ limit, remaining, resetAfterMs } = {}] = limits;
        expect(limit).toBe(7);
        expect(remaining).toBeGreaterThanOrEqual(0);
        expect(remaining).toBeLessThanOrEqual(7);
        expect(status === 429).toBe(retryAfterMs !== undefined);
        // X-RateLimit contains a wall clock time, and the clock advances during the test.
        if (retryAfterMs !== undefined)
          expect(retryAfterMs).toBeGreaterThanOrEqual(resetAfterMs! - (dialect === 'x-ratelimit' ? 1000 : 0));
      }
      expect(seen.passed).toBeGreaterThan(25);
      expect(seen.rejected).toBeGreaterThan(25);
    },
  );

  it('A request after Retry-After passes if no other request has taken the tokens', async () => {
    const clock = new TestClock();
    const random = seededRandom(22);
    const cost = { next: 1 };
    const limiter = new KeyedRateLimiter(() => make(clock));
    const handler = rateLimitHandler({ limiter, key: () => 'k', cost: () => cost.next })(() => new Response(''));
    for (let rejections = 0; rejections < 100; ) {
      await clock.advance(Math.floor(random() * 100));
      cost.next = 1 + Math.floor(random() * 6);
      const { retryAfterMs } = parseRateLimit((await handler(new Request('http://localhost'))).headers);
      if (retryAfterMs === undefined) continue;
      rejections++;
      await clock.advance(retryAfterMs);
      expect((await handler(new Request('http://localhost'))).status).toBe(200);
    }
  });
});

it('The lists of drafts 8 and 10 are structured fields for every printable policy name', () => {
  const decision = { allowed: false, limit: 5, remaining: 0, retryAfterMs: 1, resetAfterMs: 1 };
  for (let code = 32; code < 127; code++) {
    const name = String.fromCharCode(code);
    const fields = rateLimitHeaders(decision, 'draft-10', { name: name + name, partitionKey: name });
    const [[value, parameters]] = parseList(fields.ratelimit!) as [[unknown, Map<string, unknown>]];
    expect([value, parameters.get('r'), parameters.get('t')]).toEqual([name + name, 0, 1]);
    expect(parseRateLimit(fields).limits).toMatchObject([{ name: name + name, partitionKey: btoa(name) }]);
  }
});

it.each([
  ['Fri, 31 Dec 1999 23:59:59 GMT', 0],
  ['Friday, 31-Dec-99 23:59:59 GMT', 0],
  ['Fri Dec 31 23:59:59 1999', 0],
  ['yesterday', undefined],
])('The Retry-After value %s is parsed as %s ms', (value, expected) => {
  expect(parseRateLimit({ 'retry-after': value })).toEqual({ limits: [], retryAfterMs: expected });
});
