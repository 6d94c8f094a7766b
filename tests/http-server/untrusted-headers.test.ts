import { parseRateLimit } from 'breakwater/http-server';
import { expect, it } from 'vitest';

const now = Date.UTC(2026, 10, 22);
const retryAfter = (value: string) => parseRateLimit({ 'retry-after': value }, { now }).retryAfterMs;
const limitsOf = (headers: Record<string, string>) => parseRateLimit(headers, { now }).limits;

it.each(['-1', '1.5.1', '1e9', '0x10', 'Infinity', 'NaN', '', '1, 2', '1;foo', '9'.repeat(4000)])(
  'The Retry-After value %j is ignored',
  (value) => expect(retryAfter(value)).toBeUndefined(),
);

it('Spaces around a Retry-After number are ignored, and a huge number is accepted', () => {
  expect(retryAfter(' 1 ')).toBe(1000);
  expect(retryAfter('99999999999999999999')).toBeGreaterThan(1e20);
});

it.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['Thu, 01 Jan 2999 00:00:00 GMT', Date.UTC(2999, 0, 1) - now],
  ['Sunday, 22-Nov-26 00:00:10 GMT', 10_000],
  ['Sun Nov 22 00:00:10 2026', 10_000],
  ['Sun, 22 Nov 2026 00:00:10 gmt', undefined],
  ['Sun, 22 Nov 2026 00:00:10 XYZ', undefined],
])('The Retry-After date %s means %s ms', (value, expected) => expect(retryAfter(value)).toBe(expected));

it('A repeated Retry-After is ignored, and repeated RateLimit lists are joined', () => {
  const twice = new Headers([
    ['retry-after', '1'],
    ['retry-after', '2'],
    ['ratelimit', '"a";r=1;t=1'],
    ['ratelimit', '"b";r=2;t=2'],
  ]);
  const { limits, retryAfterMs } = parseRateLimit(twice, { now });
  expect([limits.map(({ name }) => name), retryAfterMs]).toEqual([['a', 'b'], undefined]);
});

it.each([' ', ';', '"', ',', '"a";', ':', '(', '\\'])('100 kB of %j in each header are ignored', (part) => {
  const value = part.repeat(100_000);
  const headers = { 'retry-after': value, ratelimit: value, 'ratelimit-policy': value, 'x-ratelimit-reset': value };
  expect(parseRateLimit(headers, { now })).toEqual({ limits: [], retryAfterMs: undefined });
});

it.each([
  ['limit=NaN, remaining=1, reset=1'],
  ['limit=1, remaining=1, reset=-1'],
  ['"a";r=1;t=-1'],
  ['("a" "b");r=1'],
  ['"a";r=:AQ==:'],
  ['"a";r=1;pk="text"'],
])('The RateLimit value %s is ignored', (ratelimit) => expect(limitsOf({ ratelimit })).toEqual([]));

it('The last of repeated parameters is used, and a reset may be in seconds or milliseconds since 1970', () => {
  expect(limitsOf({ ratelimit: '"a";r=1;r=2;t=3' })).toMatchObject([{ remaining: 2, resetAfterMs: 3000 }]);
  for (const reset of [`${(now + 5000) / 1000}`, `${now + 5000}`, '5']) {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    expect(limitsOf(headers)).toMatchObject([{ remaining: 0, resetAfterMs: 5000 }]);
  }
});

it.each(['٣', '１', '1٣'])('The non-ASCII digits %s are not a number', (digits) => {
  expect(retryAfter(digits)).toBeUndefined();
  expect(limitsOf({ ratelimit: `"a";r=${digits}`, 'x-ratelimit-remaining': digits })).toEqual([]);
});
