/**
 * RFC 9111 as a table of facts: what a first response, and what comes after it, lets a private cache do with the next
 * request. The kinds of cases are those of the public suite of HTTP caches (cache-tests.fyi).
 */
import { describe, expect, it } from 'vitest';
import { dateAt, ok, setUp, URL_A } from './setup.js';

type Headers = Readonly<Record<string, string>>;

/** What becomes of the second request: answered from the store, confirmed by a 304, or answered by the origin. */
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

const FACTS: Readonly<Record<string, Case>> = {
  // 3: storing
  'max-age lets a 200 be used again': { response: FRESH, expected: 'hit' },
  'no-store forbids it': { response: cc('max-age=100, no-store'), expected: 'origin' },
  'No-StOrE forbids it in any case': { response: cc('max-age=100, No-StOrE'), expected: 'origin' },
  'no-store in the first request forbids it': { response: FRESH, first: cc('no-store'), expected: 'origin' },
  'private allows it in a private cache': { response: cc('private, max-age=100'), expected: 'hit' },
  'an unknown status may be stored with max-age': { response: FRESH, status: 299, expected: 'hit' },
  'an unknown status may not be guessed fresh': { response: modified(10_000), status: 299, expected: 'origin' },
  'public lets it be guessed fresh': {
    response: { ...cc('public'), ...modified(10_000) },
    status: 299,
    expected: 'hit',
  },
  'must-understand with an unknown status forbids it': {
    response: cc('must-understand, max-age=100'),
    status: 299,
    expected: 'origin',
  },
  'must-understand overrides no-store where the status is known': {
    response: cc('must-understand, no-store, max-age=100'),
    expected: 'hit',
  },
  'a 404 with max-age is used again': { response: FRESH, status: 404, expected: 'hit' },
  'a 503 with max-age is used again': { response: FRESH, status: 503, expected: 'hit' },
  'a 302 is not, since requests differ in whether they follow it': { response: FRESH, status: 302, expected: 'origin' },
  'a 206 is not': { response: { ...FRESH, 'content-range': 'bytes 0-3/8' }, status: 206, expected: 'origin' },
  'an answer to Authorization is used again for the same user': {
    response: FRESH,
    first: { authorization: 'a' },
    second: { authorization: 'a' },
    expected: 'hit',
  },
  'an answer to Authorization is not used for another user': {
    response: FRESH,
    first: { authorization: 'a' },
    second: { authorization: 'b' },
    expected: 'origin',
  },
  // 4.1: Vary
  'Vary with the same value': {
    response: { ...FRESH, vary: 'foo' },
    first: { foo: '1' },
    second: { foo: '1' },
    expected: 'hit',
  },
  'Vary with another value': {
    response: { ...FRESH, vary: 'Foo' },
    first: { foo: '1' },
    second: { foo: '2' },
    expected: 'origin',
  },
  'Vary where the value is gone': { response: { ...FRESH, vary: 'foo' }, first: { foo: '1' }, expected: 'origin' },
  'Vary where the value is new': { response: { ...FRESH, vary: 'foo' }, second: { foo: '1' }, expected: 'origin' },
  'Vary with *': { response: { ...FRESH, vary: '*' }, expected: 'origin' },
  'Vary with * among others': { response: { ...FRESH, vary: 'foo, *' }, expected: 'origin' },
  'Vary with empty members': { response: { ...FRESH, vary: ', ,foo' }, expected: 'hit' },
  'Vary where lists differ in their spaces': {
    response: { ...FRESH, vary: 'accept' },
    first: { accept: 'a, b' },
    second: { accept: 'a,b' },
    expected: 'hit',
  },
  // 4.2.1: lifetime
  'max-age is over at its end': { response: cc('max-age=10'), after: 10, expected: 'origin' },
  'max-age=0 is stale': { response: cc('max-age=0'), expected: 'origin' },
  'max-age beats Expires that is longer': {
    response: { ...cc('max-age=1'), ...expires(100) },
    after: 2,
    expected: 'origin',
  },
  'max-age beats Expires that is over': { response: { ...FRESH, ...expires(-100) }, expected: 'hit' },
  's-maxage is for shared caches': { response: cc('s-maxage=1, max-age=100'), after: 2, expected: 'hit' },
  'max-age with spaces around = is not read': { response: cc('max-age = 100'), expected: 'origin' },
  'max-age in quotes is read': { response: cc('max-age="100"'), expected: 'hit' },
  'max-age beyond any number is read': { response: cc('max-age=99999999999999999999'), after: 1e6, expected: 'hit' },
  'max-age that is negative is stale': { response: cc('max-age=-1'), expected: 'origin' },
  'max-age with a decimal point is stale': { response: cc('max-age=100.5'), expected: 'origin' },
  'max-age that is letters is stale': { response: cc('max-age=abc'), expected: 'origin' },
  'max-age with a leading zero is read': { response: cc('max-age=0100'), expected: 'hit' },
  'max-age in another directive’s quotes is none': { response: cc('x="max-age=100"'), expected: 'origin' },
  'no-store in another directive’s quotes is none': { response: cc('x="no-store", max-age=100'), expected: 'hit' },
  'Expires in the future is fresh': { response: expires(100), expected: 'hit' },
  'Expires in the past is stale': { response: expires(-100), expected: 'origin' },
  'Expires that equals Date is stale': { response: expires(0), expected: 'origin' },
  'Expires: 0 is stale': { response: { expires: '0' }, expected: 'origin' },
  'Expires with a wrong zone is stale': {
    response: { expires: dateAt(100_000).replace('GMT', 'EST') },
    expected: 'origin',
  },
  'Expires in RFC 850’s form is read': {
    response: { date: dateAt(0), expires: 'Thursday, 01-Jan-26 00:01:40 GMT' },
    expected: 'hit',
  },
  'Expires in asctime’s form is read': {
    response: { date: dateAt(0), expires: 'Thu Jan  1 00:01:40 2026' },
    expected: 'hit',
  },
  'Expires is compared with Date, not with our clock': {
    response: { date: dateAt(-1000_000), expires: dateAt(-999_000) },
    expected: 'origin',
  },
  // 4.2.2: heuristic
  'a tenth of the time without change is guessed fresh': { response: modified(1000), after: 99, expected: 'hit' },
  'no more than a tenth is guessed fresh': { response: modified(1000), after: 101, expected: 'confirmed' },
  'nothing is guessed without Last-Modified': { response: {}, expected: 'origin' },
  // 4.2.3: age
  'Age counts': { response: { ...FRESH, age: '100' }, expected: 'origin' },
  'Age below the lifetime leaves it fresh': { response: { ...FRESH, age: '50' }, after: 49, expected: 'hit' },
  'Age that cannot be read is ignored': { response: { ...FRESH, age: 'abc' }, expected: 'hit' },
  'Age that is negative is ignored': { response: { ...FRESH, age: '-7200' }, expected: 'hit' },
  'the first of several Ages counts': { response: { ...FRESH, age: '0, 200' }, expected: 'hit' },
  'Date that is long ago counts as age': { response: { ...FRESH, date: dateAt(-100_000) }, expected: 'origin' },
  // 4.2.4: stale responses
  'must-revalidate does not matter while it is fresh': { response: cc('max-age=10, must-revalidate'), expected: 'hit' },
  'must-revalidate asks when it is stale': {
    response: { ...cc('max-age=1, must-revalidate'), ...ETAG },
    after: 2,
    second: cc('max-stale=100'),
    expected: 'confirmed',
  },
  'stale-while-revalidate serves within its window': {
    response: cc('max-age=1, stale-while-revalidate=10'),
    after: 10,
    expected: 'hit',
  },
  'stale-while-revalidate does not beyond': {
    response: cc('max-age=1, stale-while-revalidate=10'),
    after: 11,
    expected: 'origin',
  },
  // 4.3: validation
  'an ETag is asked about': { response: { ...cc('max-age=1'), ...ETAG }, after: 2, expected: 'confirmed' },
  'a weak ETag is asked about': { response: { ...cc('max-age=1'), etag: 'W/"1"' }, after: 2, expected: 'confirmed' },
  'Last-Modified is asked about': {
    response: { ...cc('max-age=1'), ...modified(100) },
    after: 2,
    expected: 'confirmed',
  },
  'no-cache is always asked about': { response: { ...cc('no-cache'), ...ETAG }, expected: 'confirmed' },
  'no-cache with fields is, too': {
    response: { ...cc('no-cache="foo", max-age=100'), ...ETAG },
    expected: 'confirmed',
  },
  'a request with a condition of its own goes to the origin': {
    response: { ...FRESH, ...ETAG },
    second: { 'if-none-match': '"x"' },
    expected: 'origin',
  },
  'a request for a range goes to the origin': { response: FRESH, second: { range: 'bytes=0-1' }, expected: 'origin' },
  // 4.4: invalidation
  'POST forgets it': { response: FRESH, between: 'POST', expected: 'origin' },
  'PUT forgets it': { response: FRESH, between: 'PUT', expected: 'origin' },
  'DELETE forgets it': { response: FRESH, between: 'DELETE', expected: 'origin' },
  'an unknown method forgets it': { response: FRESH, between: 'FOO', expected: 'origin' },
  'HEAD does not': { response: FRESH, between: 'HEAD', expected: 'hit' },
  'a POST that is refused does not': { response: FRESH, between: 'POST', betweenStatus: 403, expected: 'hit' },
  'a POST of unknown outcome forgets it': { response: FRESH, between: 'POST', betweenStatus: 500, expected: 'origin' },
  // 5.2.1: requests
  'a request with no-cache asks': { response: { ...FRESH, ...ETAG }, second: cc('no-cache'), expected: 'confirmed' },
  'a request with max-age=0 asks': {
    response: { ...FRESH, ...ETAG },
    after: 1,
    second: cc('max-age=0'),
    expected: 'confirmed',
  },
  'a request with max-age that is not over is a hit': {
    response: FRESH,
    after: 5,
    second: cc('max-age=5'),
    expected: 'hit',
  },
  'a request with max-age that is over asks': {
    response: FRESH,
    after: 6,
    second: cc('max-age=5'),
    expected: 'origin',
  },
  'a request with min-fresh that is left is a hit': {
    response: FRESH,
    after: 50,
    second: cc('min-fresh=50'),
    expected: 'hit',
  },
  'a request with min-fresh that is not left asks': {
    response: FRESH,
    after: 51,
    second: cc('min-fresh=50'),
    expected: 'origin',
  },
  'a request with max-stale takes what is stale': {
    response: cc('max-age=1'),
    after: 5,
    second: cc('max-stale=10'),
    expected: 'hit',
  },
  'a request with max-stale takes it up to there': {
    response: cc('max-age=1'),
    after: 12,
    second: cc('max-stale=10'),
    expected: 'origin',
  },
  'a request with max-stale alone takes any age': {
    response: cc('max-age=1'),
    after: 1e6,
    second: cc('max-stale'),
    expected: 'hit',
  },
  'a request with no-store goes to the origin': { response: FRESH, second: cc('no-store'), expected: 'origin' },
  'a request with only-if-cached is answered by what is stored': {
    response: FRESH,
    second: cc('only-if-cached'),
    expected: 'hit',
  },
  'a request with Pragma asks': {
    response: { ...FRESH, ...ETAG },
    second: { pragma: 'no-cache' },
    expected: 'confirmed',
  },
  'a Pragma beside Cache-Control does not count': {
    response: FRESH,
    second: { pragma: 'no-cache', 'cache-control': 'max-stale' },
    expected: 'hit',
  },
  'a Pragma in the response does not count': { response: { ...FRESH, pragma: 'no-cache' }, expected: 'hit' },
  // RFC 8246
  'immutable is not asked about while it is fresh': {
    response: { ...cc('max-age=100, immutable'), ...ETAG },
    after: 1,
    second: cc('max-age=0'),
    expected: 'hit',
  },
  // Directives for others
  'CDN-Cache-Control is for others': { response: { ...FRESH, 'cdn-cache-control': 'no-store' }, expected: 'hit' },
  'Surrogate-Control is for others': { response: { ...FRESH, 'surrogate-control': 'no-store' }, expected: 'hit' },
  'proxy-revalidate is for others': { response: cc('max-age=100, proxy-revalidate'), expected: 'hit' },
};

async function outcomeOf(given: Case): Promise<Outcome> {
  const { response, status = 200, first = {}, second = {}, after = 0, between, betweenStatus = 200 } = given;
  const { get, fetch, clock, calls } = setUp(({ method, headers, number }) => {
    if (!['GET', 'HEAD'].includes(method)) return ok({}, '', betweenStatus);
    const isAsked = headers.get('if-none-match') === response.etag || headers.has('if-modified-since');
    const isCondition = headers.has('if-none-match') || headers.has('if-modified-since');
    if (isCondition && isAsked) return new Response(null, { status: 304, headers: response });
    return new Response(method === 'HEAD' ? null : `body ${number}`, { status, headers: response });
  });
  await get({ headers: first });
  if (between !== undefined) await fetch(URL_A, { method: between });
  await clock.advance(after * 1000);
  const { text, said } = await get({ headers: second });
  if (said.includes('fwd-status=304')) {
    expect(text).toBe('body 1');
    return 'confirmed';
  }
  if (text !== 'body 1') {
    expect(calls.length).toBeGreaterThan(1);
    return 'origin';
  }
  expect(said).toMatch(/^hit/);
  return 'hit';
}

describe('RFC 9111, case by case', () => {
  it.each(Object.keys(FACTS))('%s', async (name) => {
    const given = FACTS[name]!;
    expect(await outcomeOf(given)).toBe(given.expected);
  });
});

describe('the fields of a stored response', () => {
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

  it.each(fields)('have %s, and a 304 brings it up to date (3.1, 3.2)', async (name) => {
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

  it.each(connection)('do not have %s (3.1)', async (name) => {
    const { get } = setUp(() =>
      ok({ ...FRESH, connection: 'x-listed', [name]: name === 'connection' ? 'x-listed' : 'v' }),
    );
    await get();
    const { said, response } = await get();
    expect(said).toMatch(/^hit/);
    expect(response.headers.get(name)).toBeNull();
  });

  it('do not take the length and the encoding of a 304 (3.2)', async () => {
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
