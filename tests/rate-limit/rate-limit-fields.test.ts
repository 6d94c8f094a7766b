import { type AnnouncedLimit, parseRateLimit } from 'breakwater/http-server';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

/** Tuesday, 14 November 2023, 22:13:20 GMT. */
const now = 1_700_000_000_000;

/** The parsed limits without undefined fields. */
const limitsOf = (headers: Parameters<typeof parseRateLimit>[0]) =>
  parseRateLimit(headers, { now }).limits.map(
    (limit) =>
      Object.fromEntries(Object.entries(limit).filter(([, value]) => value !== undefined)) as Partial<AnnouncedLimit>,
  );

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Tue, 14 Nov 2023 22:13:50 GMT', 30_000],
    ['Tue, 14 Nov 2023 22:13:20 GMT', 0],
    ['Fri, 31 Dec 1999 23:59:59 GMT', 0], // in the past
    ['-1', undefined],
    ['1.5', 1500],
    ['soon', undefined],
    ['', undefined],
  ])('The Retry-After value %j means %s ms', (value, expected) => {
    expect(parseRateLimit({ 'Retry-After': value }, { now })).toEqual({ limits: [], retryAfterMs: expected });
  });
});

describe('RateLimit', () => {
  it.each<[string, Record<string, string>, Partial<AnnouncedLimit>[]]>([
    ['of draft 10', { ratelimit: '"default";r=50;t=30' }, [{ name: 'default', remaining: 50, resetAfterMs: 30_000 }]],
    [
      'without a reset',
      { ratelimit: '"d";r=999;pk=:dHJpYWw=:' },
      [{ name: 'd', remaining: 999, partitionKey: 'dHJpYWw=' }],
    ],
    [
      'with the parameter names a and w of later drafts',
      { ratelimit: '"d";a=5;w=30' },
      [{ name: 'd', remaining: 5, resetAfterMs: 30_000 }],
    ],
    ['with a token as name', { ratelimit: 'd;r=1' }, [{ name: 'd', remaining: 1 }]],
    ['with comments', { ratelimit: '"d";acme-x=?1;r=1;acme-y=1.5;z=@5' }, [{ name: 'd', remaining: 1 }]],
    [
      'with two policies and the state of one',
      {
        'ratelimit-policy': '"burst";q=100;w=60,"daily";q=1000;qu="requests";w=86400',
        ratelimit: '"daily";r=7;t=5',
      },
      [
        { name: 'daily', limit: 1000, remaining: 7, resetAfterMs: 5000, windowMs: 86_400_000 },
        { name: 'burst', limit: 100, windowMs: 60_000 },
      ],
    ],
    [
      'of several partitions',
      { 'ratelimit-policy': '"u";q=1;pk=:YQ==:, "u";q=2;pk=:Yg==:', ratelimit: '"u";r=0;pk=:Yg==:, "u";r=1;pk=:YQ==:' },
      [
        { name: 'u', limit: 2, remaining: 0, partitionKey: 'Yg==' },
        { name: 'u', limit: 1, remaining: 1, partitionKey: 'YQ==' },
      ],
    ],
    [
      'of draft 8 by express-rate-limit, with the partition key in the policy alone',
      {
        RateLimit: '"2-in-1min"; r=1; t=60',
        'RateLimit-Policy': '"2-in-1min"; q=2; w=60; pk=:MTJjYTE3YjQ5YWYy:',
      },
      [
        {
          name: '2-in-1min',
          limit: 2,
          remaining: 1,
          resetAfterMs: 60_000,
          windowMs: 60_000,
          partitionKey: 'MTJjYTE3YjQ5YWYy',
        },
      ],
    ],
    [
      'of draft 7',
      { 'ratelimit-policy': '2;w=60', ratelimit: 'limit=2, remaining=1, reset=60' },
      [{ limit: 2, remaining: 1, resetAfterMs: 60_000, windowMs: 60_000 }],
    ],
    [
      'of draft 7 with several policies and the state of one',
      { 'ratelimit-policy': '10;w=1, 100;w=60', ratelimit: 'limit=100, remaining=99, reset=60' },
      [
        { limit: 100, remaining: 99, resetAfterMs: 60_000, windowMs: 60_000 },
        { limit: 10, windowMs: 1000 },
      ],
    ],
    ['of draft 7 without a limit', { ratelimit: 'remaining=1, reset=60' }, [{ remaining: 1, resetAfterMs: 60_000 }]],
    [
      'of draft 6',
      { 'ratelimit-policy': '2;w=60', 'ratelimit-limit': '2', 'ratelimit-remaining': '1', 'ratelimit-reset': '60' },
      [{ limit: 2, remaining: 1, resetAfterMs: 60_000, windowMs: 60_000 }],
    ],
    [
      'of draft 3 with the policies behind the limit',
      {
        'RateLimit-Limit': '10, 10;w=1;burst=1000, 1000;w=3600',
        'RateLimit-Remaining': '9',
        'RateLimit-Reset': '1',
      },
      [
        { limit: 10, remaining: 9, resetAfterMs: 1000, windowMs: 1000 },
        { limit: 1000, windowMs: 3_600_000 },
      ],
    ],
  ])('RateLimit fields %s are parsed', (_name, headers, expected) => {
    expect(limitsOf(headers)).toEqual(expected);
    expect(limitsOf(new Headers(headers))).toEqual(expected);
    expect(limitsOf(Object.entries(headers) as [string, string][])).toEqual(expected);
  });

  it('RateLimit in several header lines is one list', () => {
    const expected = [
      { name: 'a', remaining: 1 },
      { name: 'b', remaining: 2 },
    ];
    const headers = new Headers({ ratelimit: '"a";r=1' });
    headers.append('ratelimit', '"b";r=2');
    expect(limitsOf(headers)).toEqual(expected);
    expect(limitsOf({ ratelimit: ['"a";r=1', '"b";r=2'] })).toEqual(expected);
    expect(limitsOf(new Map([['ratelimit', '"a";r=1, "b";r=2']]))).toEqual(expected);
  });

  it.each([
    ...[
      '',
      ' ',
      'nonsense',
      '"d"',
      '"d";r=-1',
      '"d";r=1.5',
      '"d";r="1"',
      '"d";r',
      '"d";r=?1',
      '"d";r=1;t=-1',
      '"d";r=1;t=1.5',
    ],
    ...[
      '"d";r=1;pk="a"',
      '"d";r=1,',
      ',"d";r=1',
      '"d";r=1 "e";r=1',
      '"d";r=1, 5;r=1',
      '("d");r=1',
      "'d';r=1",
      '"d;r=1',
    ],
    ...['"é";r=1', '"d";R=1', '"d";r=9999999999999999', '"d"; r = 1', 'limit=1', 'limit=1, remaining=-1, reset=1'],
    ...[
      'limit="1", remaining=1, reset=1',
      'limit=1; remaining=1; reset=1',
      '"ok";r=1, "d"',
      '"d";t=5',
      '"d";r=1\u0000',
    ],
  ])('The malformed RateLimit value %j is ignored', (ratelimit) => {
    expect(limitsOf({ ratelimit })).toEqual([]);
  });

  it.each([
    '"d"',
    '"d";q=-1',
    '"d";q=1;w=0',
    '"d";q=1;w=1.5',
    '"d";q=1;w=-1',
    '"d";q=1;pk=5',
    '-1;w=5',
    '?1',
    '1.5;w=1',
  ])('The malformed RateLimit-Policy value %j is ignored', (policy) => {
    expect(limitsOf({ 'ratelimit-policy': policy })).toEqual([]);
    expect(limitsOf({ 'ratelimit-policy': policy, ratelimit: '"d";r=1' })).toEqual([{ name: 'd', remaining: 1 }]);
  });
});

describe('X-RateLimit', () => {
  const reset = (value: string) => limitsOf({ 'x-ratelimit-reset': value })[0]?.resetAfterMs;

  it.each([
    ['seconds from now', '60', 60_000],
    ['with a fraction', '1.5', 1500],
    ['zero seconds', '0', 0],
    ['seconds since 1970', '1700000060', 60_000],
    ['with a fraction', '1700000000.25', 250],
    ['milliseconds since 1970', '1700000000500', 500],
    ['in the past', '1600000000', 0],
    ['ISO 8601', '2023-11-14T22:14:20Z', 60_000],
    ['ISO 8601 with a fraction and a zone', '2023-11-14T23:13:20.5+01:00', 500],
    ['an HTTP date', 'Tue, 14 Nov 2023 22:13:21 GMT', 1000],
    ['minutes and seconds', '1m30s', 90_000],
    ['the format of OpenAI', '6m0s', 360_000],
    ['seconds with a fraction', '7.66s', 7660],
    ['milliseconds', '120ms', 120],
    ['all units', '1d2h3m4s5ms', 93_784_005],
    ['surrounded by blanks', ' 60 ', 60_000],
  ])('An X-RateLimit reset (%s) of %s is parsed', (_name, value, expected) => {
    expect(reset(value)).toBe(expected);
  });

  it.each([
    '',
    'soon',
    '-5',
    '1e3',
    '0x10',
    'Infinity',
    'NaN',
    '1m30',
    '30s1m',
    '5 s',
    '2023-11-14',
    '2023-13-45T99:99:99Z',
    `${'0'.repeat(64)}1`,
    '9'.repeat(16),
    '٥',
  ])('The X-RateLimit reset value %j is ignored', (value) => {
    expect(reset(value)).toBeUndefined();
  });

  it.each<[string, Record<string, string | number>, Partial<AnnouncedLimit>[]]>([
    [
      'GitHub',
      {
        'X-RateLimit-Limit': '5000',
        'X-RateLimit-Remaining': '4987',
        'X-RateLimit-Reset': '1700003600',
        'X-RateLimit-Used': '13',
        'X-RateLimit-Resource': 'core',
      },
      [{ name: 'core', limit: 5000, remaining: 4987, resetAfterMs: 3_600_000 }],
    ],
    [
      'fastify-rate-limit, with numbers',
      { 'x-ratelimit-limit': 2, 'x-ratelimit-remaining': 0, 'x-ratelimit-reset': 59 },
      [{ limit: 2, remaining: 0, resetAfterMs: 59_000 }],
    ],
    [
      'OpenAI',
      {
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-requests': '59',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      [
        { name: 'requests', limit: 60, remaining: 59, resetAfterMs: 1000 },
        { name: 'tokens', limit: 150_000, remaining: 149_984, resetAfterMs: 360_000 },
      ],
    ],
    [
      'Anthropic',
      {
        'anthropic-ratelimit-input-tokens-limit': '1000',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2023-11-14T22:13:30Z',
      },
      [{ name: 'input-tokens', limit: 1000, remaining: 0, resetAfterMs: 10_000 }],
    ],
    [
      'Twitter',
      { 'x-rate-limit-limit': '15', 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': '1700000900' },
      [{ limit: 15, remaining: 0, resetAfterMs: 900_000 }],
    ],
    [
      'Kong',
      { 'X-RateLimit-Limit-Minute': '10', 'X-RateLimit-Remaining-Minute': '9' },
      [{ name: 'minute', limit: 10, remaining: 9, windowMs: 60_000 }],
    ],
    [
      'Discord, with a delay that is more exact than its time',
      {
        'X-RateLimit-Limit': '5',
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': '1700000099.123',
        'X-RateLimit-Reset-After': '1.25',
        'X-RateLimit-Bucket': 'abcd1234',
      },
      [{ limit: 5, remaining: 0, resetAfterMs: 1250 }],
    ],
    [
      'a vendor that sends a reset with remaining tokens',
      { 'x-ratelimit-remaining': '12', 'x-ratelimit-reset': '60' },
      [{ remaining: 12, resetAfterMs: 60_000 }],
    ],
    ['a vendor that sends fractions', { 'x-ratelimit-remaining': '0.5' }, [{ remaining: 0 }]],
    ['a vendor that sends a negative remaining count', { 'x-ratelimit-remaining': '-3' }, [{ remaining: 0 }]],
    [
      'two limiters in sequence',
      { 'x-ratelimit-limit': '10, 5', 'x-ratelimit-remaining': '4, 3' },
      [{ limit: 10, remaining: 3 }],
    ],
    ['two vendors', { 'x-ratelimit-limit': '1', 'ratelimit-limit': '2' }, [{ limit: 1 }, { limit: 2 }]],
    [
      'a vendor that sends no usable value',
      { 'x-ratelimit-limit': 'unlimited', 'x-ratelimit-cost': '1', 'x-ratelimit-policy': '1', 'ratelimit-': '1' },
      [],
    ],
  ])('X-RateLimit headers of %s are parsed', (_name, headers, expected) => {
    expect(limitsOf(headers)).toEqual(expected);
  });
});

describe('the reference time', () => {
  const hour = 3_600_000;
  const headers = { 'x-ratelimit-reset': '1700000060', 'retry-after': 'Tue, 14 Nov 2023 22:14:20 GMT' };

  it('Times are relative to the Date of the response, independent of the local clock', () => {
    const parsed = parseRateLimit({ ...headers, date: 'Tue, 14 Nov 2023 22:13:20 GMT' });
    expect(parsed).toMatchObject({ limits: [{ resetAfterMs: 60_000 }], retryAfterMs: 60_000 });
  });

  it('Times are relative to the option now if given', () => {
    const parsed = parseRateLimit({ ...headers, date: 'Tue, 14 Nov 2023 21:13:20 GMT' }, { now: now + hour });
    expect(parsed).toMatchObject({ limits: [{ resetAfterMs: 0 }], retryAfterMs: 0 });
  });

  it.each([undefined, 'yesterday', '5', ''])('Times are relative to the local clock if the Date is %j', (date) => {
    const at = Math.ceil(Date.now() / 1000) + 60;
    const [limit] = parseRateLimit({ 'x-ratelimit-reset': at, date }).limits;
    expect(limit?.resetAfterMs).toBeGreaterThan(50_000);
    expect(limit?.resetAfterMs).toBeLessThanOrEqual(61_000);
  });

  it('A cached response has no limits but keeps its Retry-After seconds', () => {
    const cached = { ratelimit: '"d";r=1', 'retry-after': '5', age: '1' };
    expect(parseRateLimit(cached)).toEqual({ limits: [], retryAfterMs: 5000 });
    expect(parseRateLimit({ ...cached, age: '0' }).limits).toHaveLength(1);
    expect(parseRateLimit({ ...cached, age: 'old' }).limits).toHaveLength(1);
  });
});

describe('untrusted headers', () => {
  it('parseRateLimit never throws and returns only finite numbers of at least 0', () => {
    const name = fc.oneof(
      fc.constantFrom(
        'ratelimit',
        'ratelimit-policy',
        'ratelimit-limit',
        'x-ratelimit-reset',
        'retry-after',
        'date',
        'age',
      ),
      fc.string(),
    );
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"a";r=1', '1;w=5', '1m30s'));
    const headers = fc.oneof(
      fc.dictionary(name, fc.oneof(text, fc.array(text), fc.anything())),
      fc.array(fc.tuple(name, text)),
      fc.anything(),
    );
    fc.assert(
      fc.property(headers, (it) => {
        const { limits, retryAfterMs } = parseRateLimit(it as never, { now });
        expect(Array.isArray(limits)).toBe(true);
        for (const { limit, remaining, resetAfterMs, windowMs } of limits) {
          for (const number of [limit, remaining, resetAfterMs, windowMs, retryAfterMs]) {
            if (number !== undefined) expect(number >= 0 && Number.isFinite(number)).toBe(true);
          }
        }
      }),
      { numRuns: runs(3000) },
    );
  });

  it('Headers whose iteration throws are read up to the error', () => {
    function* broken(): Iterable<readonly [string, string]> {
      yield ['x-ratelimit-limit', '5'];
      throw new Error('gone');
    }
    expect(limitsOf(broken())).toEqual([{ limit: 5 }]);
  });

  it.each<[string, (n: number) => string]>([
    ['an unterminated string', (n) => `"${'a'.repeat(n)}`],
    ['escapes', (n) => `"${'\\"'.repeat(n / 2)}`],
    ['parameters', (n) => `"a"${';r=1'.repeat(n / 4)}`],
    ['members', (n) => '"a";r=1,'.repeat(n / 8)],
    ['blanks', (n) => `"a"${' '.repeat(n)};`],
    ['semicolons and blanks', (n) => `"a"${'; '.repeat(n / 2)}`],
    ['digits', (n) => '1'.repeat(n)],
    ['units', (n) => '1s'.repeat(n / 2)],
    ['base64', (n) => `"a";pk=:${'='.repeat(n)}`],
    ['percent signs', (n) => `%"${'%'.repeat(n)}`],
    ['commas', (n) => ','.repeat(n)],
  ])('A long header is parsed in linear time: %s', (_name, make) => {
    const names = [
      'ratelimit',
      'ratelimit-policy',
      'ratelimit-limit',
      'x-ratelimit-reset',
      'x-ratelimit-limit',
      'retry-after',
    ];
    const parse = (length: number, times: number): void => {
      const text = make(length);
      const headers = Object.fromEntries([...names, 'date', 'age'].map((name) => [name, text]));
      for (let i = 0; i < times; i++) parseRateLimit(headers, { now });
    };
    // Backtracking would take 4,096² or 2^4,096 steps per field and exceed the time limit of the test.
    parse(4096, 300);
    parse(1_000_000, 20);
  });

  it('Values and lists beyond the limits of length are ignored', () => {
    expect(limitsOf({ ratelimit: `"a";r=1${' '.repeat(4096)}` })).toEqual([]);
    expect(limitsOf({ ratelimit: Array.from({ length: 100 }, (_, i) => `"${i}";r=1`) })).toHaveLength(32);
    expect(limitsOf({ [`x-ratelimit-limit-${'a'.repeat(64)}`]: '1' })).toEqual([]);
  });
});

describe('times relative to the clock of the server', () => {
  const at = (ms: number) => new Date(ms).toUTCString();

  it.each([0, -600_000, 600_000, -86_400_000, 3e11])(
    'Times are parsed correctly if the clock of the server is off by %i ms',
    (skew) => {
      const server = Math.floor((Date.now() + skew) / 1000) * 1000;
      const date = at(server);
      expect(parseRateLimit({ date, 'retry-after': at(server + 5000) }).retryAfterMs).toBe(5000);
      const resets = [
        `${server / 1000 + 5}`,
        `${server + 5000}`,
        new Date(server + 5000).toISOString(),
        at(server + 5000),
      ];
      for (const reset of resets) {
        const { limits } = parseRateLimit({ date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset });
        expect(limits, reset).toMatchObject([{ resetAfterMs: 5000 }]);
      }
    },
  );

  it.each([undefined, '', 'yesterday', '0', '1767225600', '2026-01-01T00:00:00Z', 'Thu, 99 Jan 2026 00:00:00 GMT'])(
    'The local clock is used if the Date is %j',
    (date) => {
      const { retryAfterMs = 0 } = parseRateLimit({ date, 'retry-after': at(Date.now() + 100_000) });
      expect(Math.abs(retryAfterMs - 100_000)).toBeLessThan(2000);
    },
  );

  it.each([
    ['60', '20', 60_000], // seconds count from when the response is received (RFC 9110, 10.2.3)
    [at(1_767_225_660_000), 'old', 60_000],
    [at(1_767_225_660_000), '-5', 60_000],
    [at(1_767_225_660_000), '20', 40_000],
    [at(1_767_225_660_000), '99', 0],
    ['soon', '20', undefined],
  ])('A Retry-After of %s with an Age of %s results in %s ms', (retryAfter, age, expected) => {
    const headers = { date: at(1_767_225_600_000), age, 'retry-after': retryAfter };
    expect(parseRateLimit(headers).retryAfterMs).toBe(expected);
  });

  it('An inherited option now is ignored', () => {
    const prototype = Object.prototype as { now?: number };
    prototype.now = 0;
    try {
      const headers = { date: at(1_767_225_600_000), 'retry-after': at(1_767_225_605_000) };
      expect(parseRateLimit(headers, {}).retryAfterMs).toBe(5000);
      expect(parseRateLimit(headers, { now: 1_767_225_604_000 }).retryAfterMs).toBe(1000);
    } finally {
      delete prototype.now;
    }
  });
});
