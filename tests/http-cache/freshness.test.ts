import { describe, expect, it } from 'vitest';
import { always, dateAt, ok, START, setUp } from './setup.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The freshness lifetime in seconds from `Cache-Status`, or undefined if the response is not stored. */
async function ttlOf(headers: Record<string, string>, options = {}, status = 200): Promise<number | undefined> {
  const { get } = setUp(always(headers, status), options);
  const { cacheStatus } = await get();
  const ttl = /ttl=(-?\d+)/.exec(cacheStatus)?.[1];
  return ttl === undefined ? undefined : Number(ttl);
}

const LM = 'last-modified';
const modified = dateAt(-100_000);

describe('freshness lifetime (RFC 9111, 4.2.1)', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['max-age is the lifetime', { 'cache-control': 'max-age=60' }, 60],
    ['max-age takes precedence over Expires', { 'cache-control': 'max-age=60', expires: dateAt(5000) }, 60],
    ['Expires minus Date is the lifetime', { date: dateAt(0), expires: dateAt(90_000) }, 90],
    ['Expires minus the arrival time is the lifetime without Date', { expires: dateAt(90_000) }, 90],
    ['Expires in the past makes the response stale', { date: dateAt(0), expires: dateAt(-1000), [LM]: modified }, 0],
    ['Expires: 0 makes the response stale despite a heuristic lifetime', { expires: '0', [LM]: modified }, 0],
    ['Two Expires dates make the response stale', { expires: `${dateAt(9000)}, ${dateAt(9000)}`, [LM]: modified }, 0],
    [
      'A max-age that is not a number makes the response stale despite Expires',
      { 'cache-control': 'max-age=x', expires: dateAt(9000), etag: '"1"' },
      0,
    ],
    ['A private cache ignores s-maxage', { 'cache-control': 'max-age=7, s-maxage=60' }, 7],
    ['A response with s-maxage alone is not stored', { 'cache-control': 's-maxage=60' }, undefined],
    ['A tenth of the time since Last-Modified is the heuristic lifetime', { date: dateAt(0), [LM]: modified }, 10],
    ['Last-Modified in the future makes the response stale', { date: dateAt(0), [LM]: dateAt(5000) }, 0],
    ['A heuristic lifetime is limited to one day', { date: dateAt(0), [LM]: dateAt(-100 * DAY) }, 86_400],
    ['A response without lifetime and validator is not stored', { date: dateAt(0) }, undefined],
  ])('%s', async (_, headers, seconds) => {
    expect(await ttlOf(headers)).toBe(seconds);
  });

  it('Dates are read in all three formats of RFC 9110, 5.6.7', async () => {
    expect(await ttlOf({ date: dateAt(0), expires: 'Thursday, 01-Jan-26 00:01:00 GMT' })).toBe(60);
    expect(await ttlOf({ date: dateAt(0), expires: 'Thu Jan  1 00:01:00 2026' })).toBe(60);
    expect(await ttlOf({ date: dateAt(0), expires: '2026-01-01T00:01:00Z', [LM]: modified })).toBe(0);
  });

  it('The option heuristic sets the fraction, and 0 disables the heuristic', async () => {
    const headers = { date: dateAt(0), [LM]: modified };
    expect(await ttlOf(headers, { heuristic: 0.5 })).toBe(50);
    expect(await ttlOf(headers, { heuristic: 0 })).toBe(0);
  });

  it('The heuristic applies to statuses that are cacheable by default and to public responses (4.2.2)', async () => {
    const headers = { date: dateAt(0), [LM]: modified };
    expect(await ttlOf(headers, {}, 404)).toBe(10);
    expect(await ttlOf(headers, {}, 403)).toBeUndefined();
    expect(await ttlOf({ ...headers, 'cache-control': 'public' }, {}, 403)).toBe(10);
    expect(await ttlOf({ ...headers, 'cache-control': 'private' }, {}, 403)).toBe(0);
  });
});

describe('age (RFC 9111, 4.2.3)', () => {
  const hit = async (headers: Record<string, string>, tookMs = 0) => {
    const { get, clock } = setUp(async ({ number }) => {
      if (tookMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, tookMs));
      return always(headers)({ number } as never);
    });
    const first = get();
    await clock.advance(tookMs);
    await first;
    await clock.advance(2500);
    return get({ headers: { 'cache-control': 'max-stale' } });
  };
  const day = 'max-age=86400';

  it.each<[string, Record<string, string>, number, string]>([
    ['The age of a response is the time since its arrival', { 'cache-control': day }, 0, '2'],
    ['The age starts at the Age field', { 'cache-control': day, age: '100' }, 0, '102'],
    ['The age starts at the first of several Age values', { 'cache-control': day, age: '100, 7' }, 0, '102'],
    ['The age ignores an Age that is not a number', { 'cache-control': day, age: '-100' }, 0, '2'],
    ['The age starts at the time since Date', { 'cache-control': day, date: dateAt(-50_000) }, 0, '52'],
    [
      'The age starts at the larger of Age and the time since Date',
      { 'cache-control': day, date: dateAt(-50_000), age: '100' },
      0,
      '102',
    ],
    ['The age starts at 0 if the clock of the origin is ahead', { 'cache-control': day, date: dateAt(50_000) }, 0, '2'],
    ['The age includes the duration of the request', { 'cache-control': day, age: '100' }, 3000, '105'],
  ])('%s', async (_, headers, tookMs, age) => {
    const answer = await hit(headers, tookMs);
    expect(answer.age).toBe(age);
    expect(answer.cacheStatus).toBe(`hit; ttl=${86_399 - Number(age)}`);
  });

  it('The age excludes the fraction of a second that Date omits', async () => {
    const { get, clock } = setUp(() =>
      always({ 'cache-control': 'max-age=1', date: dateAt(0) })({ number: 1 } as never),
    );
    await clock.advance(999);
    expect((await get()).cacheStatus).toMatch(/ttl=1;/);
  });

  it('A response becomes stale exactly when its lifetime elapses', async () => {
    const { get, clock } = setUp(always({ 'cache-control': 'max-age=10' }));
    await get();
    await clock.advance(9999);
    expect((await get()).cacheStatus).toBe('hit; ttl=0');
    await clock.advance(1);
    expect((await get()).cacheStatus).toMatch(/^fwd=stale/);
  });

  it.each<[string, number, number, string]>([
    ['both clocks advance equally', 30_000, 30_000, 'hit; ttl=30'],
    ['the machine has slept and the monotonic clock has paused', 30_000, 8 * HOUR, 'fwd=stale'],
    ['the wall clock is adjusted by less than a second', 59_000, 59_999, 'hit; ttl=1'],
    ['the wall clock is ahead by a second', 59_000, 60_000, 'fwd=stale'],
    ['the wall clock does not advance', 60_000, 0, 'fwd=stale'],
    ['the wall clock is set back', 30_000, -365 * DAY, 'hit; ttl=30'],
    ['the wall clock is set back, and the response has expired', 60_000, -365 * DAY, 'fwd=stale'],
  ])('The age follows the clock that has advanced further: %s', async (_, monotonicMs, wallMs, expected) => {
    let wall = START;
    const { get, clock } = setUp(always({ 'cache-control': 'max-age=60', date: dateAt(0) }), { now: () => wall });
    await get();
    wall += wallMs;
    await clock.advance(monotonicMs);
    expect((await get()).cacheStatus).toMatch(new RegExp(`^${expected}`));
  });

  it('A response is fresh again after a sleep of the machine once the origin has confirmed it', async () => {
    let wall = START;
    const headers = () => ({ 'cache-control': 'max-age=60', etag: '"1"', date: dateAt(wall - START) });
    const { get, calls } = setUp(
      ({ number }) => (number === 1 ? ok(headers()) : new Response(null, { status: 304, headers: headers() })),
      { now: () => wall },
    );
    await get();
    wall += 8 * HOUR;
    expect((await get()).cacheStatus).toBe('fwd=stale; fwd-status=304; ttl=60; stored');
    expect((await get()).cacheStatus).toBe('hit; ttl=60');
    expect(calls).toHaveLength(2);
  });

  it('The age includes a sleep of the machine between request and response', async () => {
    let wall = START;
    const { get } = setUp(
      () => {
        wall += 40_000;
        return ok({ 'cache-control': 'max-age=60', age: '5', date: dateAt(0) });
      },
      { now: () => wall },
    );
    await get();
    expect((await get()).age).toBe('45');
  });

  it('The stale windows include a sleep of the machine', async () => {
    let wall = START;
    const control = 'max-age=10, stale-while-revalidate=60, stale-if-error=60';
    const { get } = setUp(({ number }) => (number === 1 ? ok({ 'cache-control': control }) : ok({}, '', 503)), {
      now: () => wall,
    });
    await get();
    wall += HOUR;
    expect((await get()).status).toBe(503);
  });

  it('Expires is compared with the Date of the server even if its clock is wrong', async () => {
    for (const skew of [-DAY, DAY]) {
      const headers = { date: dateAt(skew), expires: dateAt(skew + 2 * DAY) };
      const { get } = setUp(always(headers));
      await get();
      // If the clock of the server is slow, the response counts as old, which it may be (RFC 9111, 4.2.3).
      expect((await get()).cacheStatus).toBe(`hit; ttl=${skew < 0 ? 86_400 : 2 * 86_400}`);
    }
  });
});
