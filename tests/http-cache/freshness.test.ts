import { describe, expect, it } from 'vitest';
import { always, dateAt, ok, START, setUp } from './setup.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** For how long it is fresh, by its `Cache-Status`; undefined when it is not stored. */
async function ttlOf(headers: Record<string, string>, options = {}, status = 200): Promise<number | undefined> {
  const { get } = setUp(always(headers, status), options);
  const { said } = await get();
  const ttl = /ttl=(-?\d+)/.exec(said)?.[1];
  return ttl === undefined ? undefined : Number(ttl);
}

const LM = 'last-modified';
const modified = dateAt(-100_000);

describe('freshness lifetime (RFC 9111, 4.2.1)', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['max-age', { 'cache-control': 'max-age=60' }, 60],
    ['max-age before Expires', { 'cache-control': 'max-age=60', expires: dateAt(5000) }, 60],
    ['Expires less Date', { date: dateAt(0), expires: dateAt(90_000) }, 90],
    ['Expires, without Date less the time it came', { expires: dateAt(90_000) }, 90],
    ['Expires in the past', { date: dateAt(0), expires: dateAt(-1000), [LM]: modified }, 0],
    ['Expires: 0 is the past, whatever else would say it is fresh', { expires: '0', [LM]: modified }, 0],
    ['Expires twice', { expires: `${dateAt(9000)}, ${dateAt(9000)}`, [LM]: modified }, 0],
    [
      'max-age that is no number, rather than Expires',
      { 'cache-control': 'max-age=x', expires: dateAt(9000), etag: '"1"' },
      0,
    ],
    ['s-maxage is for shared caches', { 'cache-control': 'max-age=7, s-maxage=60' }, 7],
    ['s-maxage alone says nothing', { 'cache-control': 's-maxage=60' }, undefined],
    ['a tenth of how long it has not changed', { date: dateAt(0), [LM]: modified }, 10],
    ['Last-Modified in the future', { date: dateAt(0), [LM]: dateAt(5000) }, 0],
    ['a day at most', { date: dateAt(0), [LM]: dateAt(-100 * DAY) }, 86_400],
    ['nothing says so, and nothing could be asked by', { date: dateAt(0) }, undefined],
  ])('%s', async (_, headers, seconds) => {
    expect(await ttlOf(headers)).toBe(seconds);
  });

  it('reads all three forms of a date (RFC 9110, 5.6.7)', async () => {
    expect(await ttlOf({ date: dateAt(0), expires: 'Thursday, 01-Jan-26 00:01:00 GMT' })).toBe(60);
    expect(await ttlOf({ date: dateAt(0), expires: 'Thu Jan  1 00:01:00 2026' })).toBe(60);
    expect(await ttlOf({ date: dateAt(0), expires: '2026-01-01T00:01:00Z', [LM]: modified })).toBe(0);
  });

  it('has the share that it is told, which may be none', async () => {
    const headers = { date: dateAt(0), [LM]: modified };
    expect(await ttlOf(headers, { heuristic: 0.5 })).toBe(50);
    expect(await ttlOf(headers, { heuristic: 0 })).toBe(0);
  });

  it('is guessed for statuses of which that is known to be safe, or that are public (4.2.2)', async () => {
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
    ['is how long it has been here', { 'cache-control': day }, 0, '2'],
    ['begins with its Age', { 'cache-control': day, age: '100' }, 0, '102'],
    ['begins with the first Age of several', { 'cache-control': day, age: '100, 7' }, 0, '102'],
    ['does not begin with an Age that is no number', { 'cache-control': day, age: '-100' }, 0, '2'],
    ['begins with what the Date tells', { 'cache-control': day, date: dateAt(-50_000) }, 0, '52'],
    ['begins with the larger of both', { 'cache-control': day, date: dateAt(-50_000), age: '100' }, 0, '102'],
    [
      'does not begin below 0 when the clock of the origin is ahead',
      { 'cache-control': day, date: dateAt(50_000) },
      0,
      '2',
    ],
    ['adds to Age the time it took to come', { 'cache-control': day, age: '100' }, 3000, '105'],
  ])('%s', async (_, headers, tookMs, age) => {
    const answer = await hit(headers, tookMs);
    expect(answer.age).toBe(age);
    expect(answer.said).toBe(`hit; ttl=${86_399 - Number(age)}`);
  });

  it('does not begin with the part of a second that a Date leaves out', async () => {
    const { get, clock } = setUp(() =>
      always({ 'cache-control': 'max-age=1', date: dateAt(0) })({ number: 1 } as never),
    );
    await clock.advance(999);
    expect((await get()).said).toMatch(/ttl=1;/);
  });

  it('ends the lifetime at its very end, not a millisecond before or after', async () => {
    const { get, clock } = setUp(always({ 'cache-control': 'max-age=10' }));
    await get();
    await clock.advance(9999);
    expect((await get()).said).toBe('hit; ttl=0');
    await clock.advance(1);
    expect((await get()).said).toMatch(/^fwd=stale/);
  });

  it.each<[string, number, number, string]>([
    ['both clocks run alike', 30_000, 30_000, 'hit; ttl=30'],
    ['the machine has slept, and the monotonic clock with it', 30_000, 8 * HOUR, 'fwd=stale'],
    ['the wall clock is adjusted by less than a second', 59_000, 59_999, 'hit; ttl=1'],
    ['the wall clock is ahead by a second', 59_000, 60_000, 'fwd=stale'],
    ['the wall clock stands still', 60_000, 0, 'fwd=stale'],
    ['the wall clock is set back', 30_000, -365 * DAY, 'hit; ttl=30'],
    ['the wall clock is set back, and the response has expired', 60_000, -365 * DAY, 'fwd=stale'],
  ])('is what the clock says that has moved on further: %s', async (_, monotonicMs, wallMs, expected) => {
    let wall = START;
    const { get, clock } = setUp(always({ 'cache-control': 'max-age=60', date: dateAt(0) }), { now: () => wall });
    await get();
    wall += wallMs;
    await clock.advance(monotonicMs);
    expect((await get()).said).toMatch(new RegExp(`^${expected}`));
  });

  it('is fresh again after a sleep once the origin has confirmed it', async () => {
    let wall = START;
    const headers = () => ({ 'cache-control': 'max-age=60', etag: '"1"', date: dateAt(wall - START) });
    const { get, calls } = setUp(
      ({ number }) => (number === 1 ? ok(headers()) : new Response(null, { status: 304, headers: headers() })),
      { now: () => wall },
    );
    await get();
    wall += 8 * HOUR;
    expect((await get()).said).toBe('fwd=stale; fwd-status=304; ttl=60; stored');
    expect((await get()).said).toBe('hit; ttl=60');
    expect(calls).toHaveLength(2);
  });

  it('has in it a sleep of the machine between request and response', async () => {
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

  it('has the stale windows count a sleep as well', async () => {
    let wall = START;
    const control = 'max-age=10, stale-while-revalidate=60, stale-if-error=60';
    const { get } = setUp(({ number }) => (number === 1 ? ok({ 'cache-control': control }) : ok({}, '', 503)), {
      now: () => wall,
    });
    await get();
    wall += HOUR;
    expect((await get()).status).toBe(503);
  });

  it('compares Expires with the Date of the server, however wrong its clock is', async () => {
    for (const skew of [-DAY, DAY]) {
      const headers = { date: dateAt(skew), expires: dateAt(skew + 2 * DAY) };
      const { get } = setUp(always(headers));
      await get();
      // A server whose clock is slow makes the response look old, which it may be (RFC 9111, 4.2.3).
      expect((await get()).said).toBe(`hit; ttl=${skew < 0 ? 86_400 : 2 * 86_400}`);
    }
  });
});
