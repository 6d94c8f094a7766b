/**
 * RFC 9111 as a table of cases. Each case has a first response, an optional request in between, and the way in which a
 * private cache must answer the second request. The kinds of cases are those of the public test suite cache-tests.fyi.
 */
import { describe, expect, it } from 'vitest';
import { dateAt, ok, setUp, URL_A } from './setup.js';

type Headers = Readonly<Record<string, string>>;

/** The answer of the second request: from the store, confirmed by a 304, or from the origin. */
type Outcome = 'hit' | 'confirmed' | 'origin';

interface Case {
  readonly response: Headers;
  readonly status?: number;
  /** Headers of the first request. */
  readonly first?: Headers;
  /** Headers of the second request. */
  readonly second?: Headers;
  /** Seconds between the two. */
  readonly after?: number;
  /** A request with this method comes between the two. */
  readonly between?: string;
  readonly betweenStatus?: number;
  readonly expected: Outcome;
}

const cc = (text: string): Headers => ({ 'cache-control': text });
const ETAG = { etag: '"1"' };
const FRESH = cc('max-age=100');
const expires = (seconds: number) => ({ expires: dateAt(seconds * 1000), date: dateAt(0) });
const modified = (seconds: number) => ({ 'last-modified': dateAt(-seconds * 1000), date: dateAt(0) });

const CASES: Readonly<Record<string, Case>> = {
  // 3: storing
  'A 200 with max-age is a hit': { response: FRESH, expected: 'hit' },
  'A response with no-store is not stored': { response: cc('max-age=100, no-store'), expected: 'origin' },
  'A response with No-StOrE in mixed case is not stored': { response: cc('max-age=100, No-StOrE'), expected: 'origin' },
  'A response to a request with no-store is not stored': { response: FRESH, first: cc('no-store'), expected: 'origin' },
  'A private response is a hit in a private cache': { response: cc('private, max-age=100'), expected: 'hit' },
  'An unknown status with max-age is a hit': { response: FRESH, status: 299, expected: 'hit' },
  'An unknown status has no heuristic lifetime': { response: modified(10_000), status: 299, expected: 'origin' },
  'A public response of unknown status has a heuristic lifetime': {
    response: { ...cc('public'), ...modified(10_000) },
    status: 299,
    expected: 'hit',
  },
  'A must-understand response of unknown status is not stored': {
    response: cc('must-understand, max-age=100'),
    status: 299,
    expected: 'origin',
  },
  'must-understand overrides no-store if the status is known': {
    response: cc('must-understand, no-store, max-age=100'),
    expected: 'hit',
  },
  'A 404 with max-age is a hit': { response: FRESH, status: 404, expected: 'hit' },
  'A 503 with max-age is a hit': { response: FRESH, status: 503, expected: 'hit' },
  'A 302 is not stored, since requests differ in the redirect mode': {
    response: FRESH,
    status: 302,
    expected: 'origin',
  },
  'A 206 is not stored': { response: { ...FRESH, 'content-range': 'bytes 0-3/8' }, status: 206, expected: 'origin' },
  'A response to Authorization is a hit for the same user': {
    response: FRESH,
    first: { authorization: 'a' },
    second: { authorization: 'a' },
    expected: 'hit',
  },
  'A response to Authorization is not used for another user': {
    response: FRESH,
    first: { authorization: 'a' },
    second: { authorization: 'b' },
    expected: 'origin',
  },
  // 4.1: Vary
  'Vary with an equal value is a hit': {
    response: { ...FRESH, vary: 'foo' },
    first: { foo: '1' },
    second: { foo: '1' },
    expected: 'hit',
  },
  'Vary with a different value is a miss': {
    response: { ...FRESH, vary: 'Foo' },
    first: { foo: '1' },
    second: { foo: '2' },
    expected: 'origin',
  },
  'Vary with a value that the second request lacks is a miss': {
    response: { ...FRESH, vary: 'foo' },
    first: { foo: '1' },
    expected: 'origin',
  },
  'Vary with a value that the first request lacked is a miss': {
    response: { ...FRESH, vary: 'foo' },
    second: { foo: '1' },
    expected: 'origin',
  },
  'Vary: * is a miss': { response: { ...FRESH, vary: '*' }, expected: 'origin' },
  'Vary with * among other members is a miss': { response: { ...FRESH, vary: 'foo, *' }, expected: 'origin' },
  'Vary with empty members ignores them': { response: { ...FRESH, vary: ', ,foo' }, expected: 'hit' },
  'Vary ignores different spaces in lists': {
    response: { ...FRESH, vary: 'accept' },
    first: { accept: 'a, b' },
    second: { accept: 'a,b' },
    expected: 'hit',
  },
  // 4.2.1: lifetime
  'A response is stale at the end of max-age': { response: cc('max-age=10'), after: 10, expected: 'origin' },
  'A response with max-age=0 is stale': { response: cc('max-age=0'), expected: 'origin' },
  'max-age takes precedence over a later Expires': {
    response: { ...cc('max-age=1'), ...expires(100) },
    after: 2,
    expected: 'origin',
  },
  'max-age takes precedence over a past Expires': { response: { ...FRESH, ...expires(-100) }, expected: 'hit' },
  's-maxage is ignored by a private cache': { response: cc('s-maxage=1, max-age=100'), after: 2, expected: 'hit' },
  'max-age with spaces around = is ignored': { response: cc('max-age = 100'), expected: 'origin' },
  'max-age in quotes is valid': { response: cc('max-age="100"'), expected: 'hit' },
  'max-age beyond the largest number is valid': {
    response: cc('max-age=99999999999999999999'),
    after: 1e6,
    expected: 'hit',
  },
  'A negative max-age makes the response stale': { response: cc('max-age=-1'), expected: 'origin' },
  'A max-age with a decimal point makes the response stale': { response: cc('max-age=100.5'), expected: 'origin' },
  'A max-age of letters makes the response stale': { response: cc('max-age=abc'), expected: 'origin' },
  'max-age with a leading zero is valid': { response: cc('max-age=0100'), expected: 'hit' },
  'max-age within the quotes of another directive is ignored': { response: cc('x="max-age=100"'), expected: 'origin' },
  'no-store within the quotes of another directive is ignored': {
    response: cc('x="no-store", max-age=100'),
    expected: 'hit',
  },
  'Expires in the future makes the response fresh': { response: expires(100), expected: 'hit' },
  'Expires in the past makes the response stale': { response: expires(-100), expected: 'origin' },
  'Expires that equals Date makes the response stale': { response: expires(0), expected: 'origin' },
  'Expires: 0 makes the response stale': { response: { expires: '0' }, expected: 'origin' },
  'Expires with an invalid time zone makes the response stale': {
    response: { expires: dateAt(100_000).replace('GMT', 'EST') },
    expected: 'origin',
  },
  'Expires in the RFC 850 format is valid': {
    response: { date: dateAt(0), expires: 'Thursday, 01-Jan-26 00:01:40 GMT' },
    expected: 'hit',
  },
  'Expires in the asctime format is valid': {
    response: { date: dateAt(0), expires: 'Thu Jan  1 00:01:40 2026' },
    expected: 'hit',
  },
  'Expires is compared with Date, not with the clock of the cache': {
    response: { date: dateAt(-1000_000), expires: dateAt(-999_000) },
    expected: 'origin',
  },
  // 4.2.2: heuristic
  'A tenth of the time since Last-Modified is a heuristic lifetime': {
    response: modified(1000),
    after: 99,
    expected: 'hit',
  },
  'The heuristic lifetime ends after a tenth of the time since Last-Modified': {
    response: modified(1000),
    after: 101,
    expected: 'confirmed',
  },
  'A response without Last-Modified has no heuristic lifetime': { response: {}, expected: 'origin' },
  // 4.2.3: age
  'An Age of the whole lifetime makes the response stale': { response: { ...FRESH, age: '100' }, expected: 'origin' },
  'An Age below the lifetime leaves the response fresh': {
    response: { ...FRESH, age: '50' },
    after: 49,
    expected: 'hit',
  },
  'An unreadable Age is ignored': { response: { ...FRESH, age: 'abc' }, expected: 'hit' },
  'A negative Age is ignored': { response: { ...FRESH, age: '-7200' }, expected: 'hit' },
  'The first of several Age values is used': { response: { ...FRESH, age: '0, 200' }, expected: 'hit' },
  'The time since Date counts as age': { response: { ...FRESH, date: dateAt(-100_000) }, expected: 'origin' },
  // 4.2.4: stale responses
  'A fresh response with must-revalidate is a hit': { response: cc('max-age=10, must-revalidate'), expected: 'hit' },
  'A stale response with must-revalidate is validated despite max-stale': {
    response: { ...cc('max-age=1, must-revalidate'), ...ETAG },
    after: 2,
    second: cc('max-stale=100'),
    expected: 'confirmed',
  },
  'A stale response is a hit within the stale-while-revalidate window': {
    response: cc('max-age=1, stale-while-revalidate=10'),
    after: 10,
    expected: 'hit',
  },
  'A stale response is a miss after the stale-while-revalidate window': {
    response: cc('max-age=1, stale-while-revalidate=10'),
    after: 11,
    expected: 'origin',
  },
  // 4.3: validation
  'A stale response is validated by its ETag': {
    response: { ...cc('max-age=1'), ...ETAG },
    after: 2,
    expected: 'confirmed',
  },
  'A stale response is validated by its weak ETag': {
    response: { ...cc('max-age=1'), etag: 'W/"1"' },
    after: 2,
    expected: 'confirmed',
  },
  'A stale response is validated by its Last-Modified': {
    response: { ...cc('max-age=1'), ...modified(100) },
    after: 2,
    expected: 'confirmed',
  },
  'A response with no-cache is validated each time': {
    response: { ...cc('no-cache'), ...ETAG },
    expected: 'confirmed',
  },
  'A response with no-cache for a field is validated each time': {
    response: { ...cc('no-cache="foo", max-age=100'), ...ETAG },
    expected: 'confirmed',
  },
  'A conditional request goes to the origin': {
    response: { ...FRESH, ...ETAG },
    second: { 'if-none-match': '"x"' },
    expected: 'origin',
  },
  'A range request goes to the origin': { response: FRESH, second: { range: 'bytes=0-1' }, expected: 'origin' },
  // 4.4: invalidation
  'A POST invalidates the stored response': { response: FRESH, between: 'POST', expected: 'origin' },
  'A PUT invalidates the stored response': { response: FRESH, between: 'PUT', expected: 'origin' },
  'A DELETE invalidates the stored response': { response: FRESH, between: 'DELETE', expected: 'origin' },
  'An unknown method invalidates the stored response': { response: FRESH, between: 'FOO', expected: 'origin' },
  'A HEAD does not invalidate the stored response': { response: FRESH, between: 'HEAD', expected: 'hit' },
  'A rejected POST does not invalidate the stored response': {
    response: FRESH,
    between: 'POST',
    betweenStatus: 403,
    expected: 'hit',
  },
  'A POST of unknown outcome invalidates the stored response': {
    response: FRESH,
    between: 'POST',
    betweenStatus: 500,
    expected: 'origin',
  },
  // 5.2.1: requests
  'A request with no-cache validates': {
    response: { ...FRESH, ...ETAG },
    second: cc('no-cache'),
    expected: 'confirmed',
  },
  'A request with max-age=0 validates': {
    response: { ...FRESH, ...ETAG },
    after: 1,
    second: cc('max-age=0'),
    expected: 'confirmed',
  },
  'A request with a max-age of at least the age is a hit': {
    response: FRESH,
    after: 5,
    second: cc('max-age=5'),
    expected: 'hit',
  },
  'A request with a max-age below the age goes to the origin': {
    response: FRESH,
    after: 6,
    second: cc('max-age=5'),
    expected: 'origin',
  },
  'A request with a min-fresh of at most the remaining lifetime is a hit': {
    response: FRESH,
    after: 50,
    second: cc('min-fresh=50'),
    expected: 'hit',
  },
  'A request with a min-fresh above the remaining lifetime goes to the origin': {
    response: FRESH,
    after: 51,
    second: cc('min-fresh=50'),
    expected: 'origin',
  },
  'A request with max-stale accepts a stale response': {
    response: cc('max-age=1'),
    after: 5,
    second: cc('max-stale=10'),
    expected: 'hit',
  },
  'A request with max-stale does not accept a response that is stale for longer': {
    response: cc('max-age=1'),
    after: 12,
    second: cc('max-stale=10'),
    expected: 'origin',
  },
  'A request with max-stale without a value accepts any age': {
    response: cc('max-age=1'),
    after: 1e6,
    second: cc('max-stale'),
    expected: 'hit',
  },
  'A request with no-store goes to the origin': { response: FRESH, second: cc('no-store'), expected: 'origin' },
  'A request with only-if-cached is a hit': {
    response: FRESH,
    second: cc('only-if-cached'),
    expected: 'hit',
  },
  'A request with Pragma: no-cache validates': {
    response: { ...FRESH, ...ETAG },
    second: { pragma: 'no-cache' },
    expected: 'confirmed',
  },
  'Pragma in a request is ignored beside Cache-Control': {
    response: FRESH,
    second: { pragma: 'no-cache', 'cache-control': 'max-stale' },
    expected: 'hit',
  },
  'Pragma in a response is ignored': { response: { ...FRESH, pragma: 'no-cache' }, expected: 'hit' },
  // RFC 8246
  'A fresh immutable response is not validated': {
    response: { ...cc('max-age=100, immutable'), ...ETAG },
    after: 1,
    second: cc('max-age=0'),
    expected: 'hit',
  },
  // Directives for other caches
  'CDN-Cache-Control is ignored': { response: { ...FRESH, 'cdn-cache-control': 'no-store' }, expected: 'hit' },
  'Surrogate-Control is ignored': { response: { ...FRESH, 'surrogate-control': 'no-store' }, expected: 'hit' },
  'proxy-revalidate is ignored': { response: cc('max-age=100, proxy-revalidate'), expected: 'hit' },
};

async function outcomeOf(given: Case): Promise<Outcome> {
  const { response, status = 200, first = {}, second = {}, after = 0, between, betweenStatus = 200 } = given;
  const { get, fetch, clock, calls } = setUp(({ method, headers, number }) => {
    if (!['GET', 'HEAD'].includes(method)) return ok({}, '', betweenStatus);
    const isMatch = headers.get('if-none-match') === response.etag || headers.has('if-modified-since');
    const isConditional = headers.has('if-none-match') || headers.has('if-modified-since');
    if (isConditional && isMatch) return new Response(null, { status: 304, headers: response });
    return new Response(method === 'HEAD' ? null : `body ${number}`, { status, headers: response });
  });
  await get({ headers: first });
  if (between !== undefined) await fetch(URL_A, { method: between });
  await clock.advance(after * 1000);
  const { text, cacheStatus } = await get({ headers: second });
  if (cacheStatus.includes('fwd-status=304')) {
    expect(text).toBe('body 1');
    return 'confirmed';
  }
  if (text !== 'body 1') {
    expect(calls.length).toBeGreaterThan(1);
    return 'origin';
  }
  expect(cacheStatus).toMatch(/^hit/);
  return 'hit';
}

describe('RFC 9111, case by case', () => {
  it.each(Object.keys(CASES))('%s', async (name) => {
    const given = CASES[name]!;
    expect(await outcomeOf(given)).toBe(given.expected);
  });
});

describe('header fields of a stored response', () => {
  const fields = [
    'test-header',
    'content-foo',
    'content-type',
    'content-location',
    'etag',
    'expires',
    'x-frame-options',
  ];
  const connection = [
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-connection',
    'te',
    'upgrade',
    'x-listed',
  ];

  it.each(fields)('The field %s is stored and updated by a 304 (3.1, 3.2)', async (name) => {
    const value = (version: number) =>
      name === 'expires' ? dateAt(version * 1000) : name === 'etag' ? '"1"' : `v${version}`;
    const { get } = setUp(({ number }) => {
      const headers = { ...cc('max-age=10'), ...ETAG, [name]: value(number) };
      return number === 1 ? ok(headers) : new Response(null, { status: 304, headers });
    });
    await get();
    expect((await get()).response.headers.get(name)).toBe(value(1));
    await get({ headers: cc('no-cache') });
    expect((await get()).response.headers.get(name)).toBe(value(2));
  });

  it.each(connection)('The connection field %s is not stored (3.1)', async (name) => {
    const { get } = setUp(() =>
      ok({ ...FRESH, connection: 'x-listed', [name]: name === 'connection' ? 'x-listed' : 'v' }),
    );
    await get();
    const { cacheStatus, response } = await get();
    expect(cacheStatus).toMatch(/^hit/);
    expect(response.headers.get(name)).toBeNull();
  });

  it('Content-Length and Content-Encoding of a 304 are ignored (3.2)', async () => {
    const { get } = setUp(({ number }) => {
      const headers = { ...FRESH, ...ETAG, 'x-version': String(number) };
      return number === 1
        ? ok({ ...headers, 'content-length': '4' })
        : new Response(null, {
            status: 304,
            headers: { ...headers, 'content-length': '99', 'content-encoding': 'gzip' },
          });
    });
    await get();
    await get({ headers: cc('no-cache') });
    const { headers } = (await get()).response;
    expect([headers.get('x-version'), headers.get('content-length'), headers.get('content-encoding')]).toEqual([
      '2',
      '4',
      null,
    ]);
  });
});
