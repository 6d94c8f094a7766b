import type { Decision } from 'breakwater/core';
import { InvalidOptionError } from 'breakwater/core';
import { parseRateLimit, type RateLimitDialect, rateLimitHeaders } from 'breakwater/http-server';
import fc from 'fast-check';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

/** The decision of the first of 2 requests in 60 s. */
const first: Decision = { allowed: true, limit: 2, remaining: 1, retryAfterMs: 0, resetAfterMs: 60_000 };
const rejected: Decision = { allowed: false, limit: 2, remaining: 0, retryAfterMs: 59_001, resetAfterMs: 59_001 };
const named = { name: '2-in-1min', windowMs: 60_000 };
const DIALECTS: readonly RateLimitDialect[] = ['x-ratelimit', 'draft-6', 'draft-7', 'draft-8', 'draft-10'];

describe('rateLimitHeaders', () => {
  it('The headers of drafts 6 to 8 are identical to those of express-rate-limit', () => {
    expect(rateLimitHeaders(first, 'draft-6', named)).toEqual({
      'ratelimit-policy': '2;w=60',
      'ratelimit-limit': '2',
      'ratelimit-remaining': '1',
      'ratelimit-reset': '60',
    });
    expect(rateLimitHeaders(first, 'draft-7', named)).toEqual({
      'ratelimit-policy': '2;w=60',
      ratelimit: 'limit=2, remaining=1, reset=60',
    });
    expect(rateLimitHeaders(first, 'draft-8', { ...named, partitionKey: '12ca17b49af2' })).toEqual({
      ratelimit: '"2-in-1min"; r=1; t=60',
      'ratelimit-policy': '"2-in-1min"; q=2; w=60; pk=:MTJjYTE3YjQ5YWYy:',
    });
  });

  it('The reset of X-RateLimit is in seconds since 1970, rounded up', () => {
    expect(rateLimitHeaders(first, 'x-ratelimit', { now: 1_700_000_000_001 })).toEqual({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-reset': '1700000061',
    });
    const inAMinute = Math.ceil((Date.now() + 60_000) / 1000);
    const { 'x-ratelimit-reset': reset } = rateLimitHeaders(first, 'x-ratelimit');
    expect([inAMinute, inAMinute + 1]).toContain(Number(reset));
  });

  it('The headers of draft 10 are as in the text of the draft', () => {
    expect(
      rateLimitHeaders(first, 'draft-10', { ...named, name: 'default', partitionKey: new Uint8Array([0, 255]) }),
    ).toEqual({
      ratelimit: '"default";r=1;t=60;pk=:AP8=:',
      'ratelimit-policy': '"default";q=2;w=60;pk=:AP8=:',
    });
    expect(rateLimitHeaders(first, 'draft-10')).toEqual({
      ratelimit: '"default";r=1;t=60',
      'ratelimit-policy': '"default";q=2',
    });
  });

  it.each(DIALECTS)('A rejection adds Retry-After in the dialect %s, not before the reset', (dialect) => {
    const headers = rateLimitHeaders(rejected, dialect, { now: 0 });
    expect(headers['retry-after']).toBe('60');
    expect(parseRateLimit(headers, { now: 0 })).toMatchObject({
      limits: [{ resetAfterMs: 60_000 }],
      retryAfterMs: 60_000,
    });
    // A bucket that is full in a minute has one token in half a second. A rejected client needs the latter time.
    const bucket = rateLimitHeaders({ ...rejected, retryAfterMs: 500, resetAfterMs: 60_000 }, dialect, { now: 0 });
    expect(parseRateLimit(bucket, { now: 0 })).toMatchObject({ limits: [{ resetAfterMs: 1000 }], retryAfterMs: 1000 });
    expect(rateLimitHeaders({ ...rejected, retryAfterMs: 0 }, dialect)['retry-after']).toBe('1');
    expect(rateLimitHeaders(first, dialect)).not.toHaveProperty('retry-after');
  });

  it('A name is escaped, and a name that no field can contain is rejected', () => {
    expect(rateLimitHeaders(first, 'draft-10', { name: 'a "b" \\c ~' }).ratelimit).toBe('"a \\"b\\" \\\\c ~";r=1;t=60');
    for (const name of ['', 'naïve', 'a\nb', 'a\u007f', '\u0000', 5, null] as string[]) {
      for (const dialect of DIALECTS) {
        expect(() => rateLimitHeaders(first, dialect, { name })).toThrow(InvalidOptionError);
      }
    }
    expect(() => rateLimitHeaders(first, 'draft-8', { name: 'a\r\nset-cookie: b' })).toThrow(
      'rateLimitHeaders: "name" must be non-empty printable ASCII, got "a\\r\\nset-cookie: b"',
    );
  });

  it('Unknown dialects, invalid windows and unknown options are rejected', () => {
    expect(() => rateLimitHeaders(first, 'draft-9' as never)).toThrow(
      `rateLimitHeaders: "dialect" must be one of 'x-ratelimit', 'draft-6', 'draft-7', 'draft-8', 'draft-10', got "draft-9"`,
    );
    for (const windowMs of [0, -1, Number.NaN, Infinity, '1m'] as number[]) {
      expect(() => rateLimitHeaders(first, 'draft-10', { windowMs })).toThrow(
        /"windowMs" must be a finite number above 0/,
      );
    }
    expect(() => rateLimitHeaders(first, 'draft-10', { window: 5 } as never)).toThrow(/"window" is unknown/);
  });

  it('Durations below one second are rounded up to one', () => {
    const soon = { ...first, resetAfterMs: 1 };
    expect(rateLimitHeaders(soon, 'draft-10', { windowMs: 20 })).toEqual({
      ratelimit: '"default";r=1;t=1',
      'ratelimit-policy': '"default";q=2;w=1',
    });
  });

  it('The parser returns the written values in every dialect', () => {
    const count = fc.nat({ max: 999_999_999_999_999 });
    const seconds = fc.nat({ max: 900_000_000 });
    const decision = fc.record({ allowed: fc.boolean(), limit: count, left: count, reset: seconds });
    const label = fc.record({
      name: fc.string({ unit: 'grapheme-ascii', minLength: 1 }),
      window: fc.integer({ min: 1, max: 900_000_000 }),
      key: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        decision,
        label,
        fc.constantFrom(...DIALECTS),
        seconds,
        ({ allowed, limit, left, reset }, it, dialect, at) => {
          const remaining = Math.min(limit, left);
          const now = 1_700_000_000_000 + at * 1000;
          const answer = { allowed, limit, remaining, retryAfterMs: reset * 1000, resetAfterMs: reset * 1000 };
          const options = { name: it.name, windowMs: it.window * 1000, partitionKey: it.key, now };
          const headers = rateLimitHeaders(answer, dialect, options);
          const isNamed = dialect === 'draft-8' || dialect === 'draft-10';
          const { limits, retryAfterMs } = parseRateLimit(headers, { now });
          expect(limits).toEqual([
            {
              name: isNamed ? it.name : undefined,
              limit,
              remaining,
              resetAfterMs: reset * 1000,
              windowMs: dialect === 'x-ratelimit' ? undefined : it.window * 1000,
              partitionKey: isNamed && it.key !== undefined ? Buffer.from(it.key).toString('base64') : undefined,
            },
          ]);
          expect(retryAfterMs).toBe(allowed ? undefined : Math.max(1, reset) * 1000);
        },
      ),
      { numRuns: runs(2000) },
    );
  });

  it('The headers are structured fields for any decision and name', () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 2 ** 53));
    const decision = fc.record({
      allowed: fc.boolean(),
      limit: number,
      remaining: number,
      retryAfterMs: number,
      resetAfterMs: number,
    });
    fc.assert(
      fc.property(decision, fc.string({ minLength: 1 }), fc.string(), (it, name, partitionKey) => {
        for (const dialect of ['draft-8', 'draft-10'] as const) {
          const fields = rateLimitHeaders(it, dialect, { name, partitionKey });
          for (const field of [fields.ratelimit!, fields['ratelimit-policy']!]) {
            expect(parseList(field)).toMatchObject([[name, expect.anything()]]);
          }
          const [{ limit, remaining } = { limit: -1, remaining: -1 }] = parseRateLimit(fields).limits;
          // Remaining is an integer between 0 and the limit.
          expect(remaining).toBeGreaterThanOrEqual(0);
          expect(remaining).toBeLessThanOrEqual(limit!);
          if (fields['retry-after'] !== undefined) expect(Number(fields['retry-after'])).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: runs(2000) },
    );
  });
});
