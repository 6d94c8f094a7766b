/** Bad inputs 91 to 96 of the reliability research, each under its number: what servers put into headers. */
import { parseRateLimit } from 'breakwater/http-server';
import { expect, it } from 'vitest';

const now = Date.UTC(2026, 10, 22);
const retryAfter = (value: string) => parseRateLimit({ 'retry-after': value }, { now }).retryAfterMs;
const limitsOf = (headers: Record<string, string>) => parseRateLimit(headers, { now }).limits;

it.each(['-1', '1.5', '1e9', '0x10', 'Infinity', 'NaN', '', '1, 2', '1;foo', '9'.repeat(4000)])(
  '91: Retry-After: %j says nothing',
  (value) => expect(retryAfter(value)).toBeUndefined(),
);

it('91: blanks around a number, and a number beyond all sense', () => {
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
])('92: the date %s', (value, expected) => expect(retryAfter(value)).toBe(expected));

it('93: a header that comes twice is no number; lists are one list', () => {
  const twice = new Headers([
    ['retry-after', '1'],
    ['retry-after', '2'],
    ['ratelimit', '"a";r=1;t=1'],
    ['ratelimit', '"b";r=2;t=2'],
  ]);
  const { limits, retryAfterMs } = parseRateLimit(twice, { now });
  expect([limits.map(({ name }) => name), retryAfterMs]).toEqual([['a', 'b'], undefined]);
});

it.each([' ', ';', '"', ',', '"a";', ':', '(', '\\'])(
  '94: 100 kB of %j says nothing, and is not worked through',
  (part) => {
    const value = part.repeat(100_000);
    const headers = { 'retry-after': value, ratelimit: value, 'ratelimit-policy': value, 'x-ratelimit-reset': value };
    expect(parseRateLimit(headers, { now })).toEqual({ limits: [], retryAfterMs: undefined });
  },
);

it.each([
  ['limit=NaN, remaining=1, reset=1'],
  ['limit=1, remaining=1, reset=-1'],
  ['"a";r=1;t=-1'],
  ['("a" "b");r=1'],
  ['"a";r=:AQ==:'],
  ['"a";r=1;pk="text"'],
])('95: RateLimit: %s says nothing', (ratelimit) => expect(limitsOf({ ratelimit })).toEqual([]));

it('95: of keys that come twice the last one counts; a reset may be seconds, or milliseconds since 1970', () => {
  expect(limitsOf({ ratelimit: '"a";r=1;r=2;t=3' })).toMatchObject([{ remaining: 2, resetAfterMs: 3000 }]);
  for (const reset of [`${(now + 5000) / 1000}`, `${now + 5000}`, '5']) {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    expect(limitsOf(headers)).toMatchObject([{ remaining: 0, resetAfterMs: 5000 }]);
  }
});

it.each(['٣', '１', '1٣'])('96: %s is no number', (digits) => {
  expect(retryAfter(digits)).toBeUndefined();
  expect(limitsOf({ ratelimit: `"a";r=${digits}`, 'x-ratelimit-remaining': digits })).toEqual([]);
});
