/**
 * The HTTP cache against http-cache-semantics, which decides by headers alone: its result for one response and the next
 * request is the expected result of the cache. Intended differences are compensated in the input of the peer:
 *
 * - `must-revalidate`: the peer never serves such a response; RFC 9111, 5.2.2.2 forbids this only for stale responses.
 * - `no-cache`: the peer treats it as stale and serves it where stale is allowed; 5.2.2.4 requires validation.
 * - The peer has no apparent age (4.2.3), so it receives the difference to the Date as an Age.
 * - A negative `max-age` is invalid and stale here; in the peer it adds to the age, which moves the end of stale windows.
 * - The peer serves stale while revalidating for a request with `max-age` or `min-fresh`, and this cache does not.
 * - The peer reads numbers as parseInt does, uses a Pragma beside Cache-Control and in responses, assigns one day to
 * immutable responses, compares `max-stale` with `<`, and has no limit for heuristic freshness: none of that is generated.
 */

import fc from 'fast-check';
import CachePolicy from 'http-cache-semantics';
import { describe, expect, it } from 'vitest';
import { dateAt, START, setUp, URL_A } from '../http-cache/setup.js';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';

type Headers = Record<string, string>;

/** The peer does not distinguish users. */
const OF_ONE_USER = { userHeaders: [] };

const seconds = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom(0, 1, 10, 100, 100_000));
const directive = (name: string, value = seconds.map(String)) => value.map((text) => `${name}=${text}`);
const field = (...directives: fc.Arbitrary<string>[]) =>
  fc
    .tuple(...directives.map((one) => fc.option(one, { nil: undefined, freq: 2 })))
    .chain((list) => fc.shuffledSubarray(list, { minLength: list.length }))
    .map((list) => list.filter((one) => one !== undefined).join(', '));

const maxAge = fc.oneof(seconds.map(String), fc.constantFrom('x', '"20"', '-1'));
const responseControl = field(
  directive('max-age', maxAge),
  directive('s-maxage'),
  directive('stale-while-revalidate'),
  fc.constantFrom('no-cache', 'must-revalidate', 'private', 'public', 'x-other'),
  fc.constantFrom('no-store', 'proxy-revalidate', 'no-transform', 'proxy-revalidate'),
);
const offset = fc.integer({ min: -300, max: 300 });
const response = fc.record({
  status: fc.constantFrom(200, 200, 200, 203, 206, 404, 410, 501),
  control: fc.option(responseControl, { nil: undefined }),
  date: fc.option(fc.oneof(fc.constant(0), fc.integer({ min: -40, max: 40 })), { nil: undefined }),
  expires: fc.option(fc.oneof(offset, fc.constant('0')), { nil: undefined, freq: 2 }),
  modified: fc.option(offset, { nil: undefined, freq: 2 }),
  age: fc.option(seconds, { nil: undefined, freq: 2 }),
  vary: fc.constantFrom(undefined, undefined, 'accept-language', 'Accept-Language , x', '*', 'x'),
});
const request = fc.record({
  control: fc.option(
    field(
      directive('max-age', maxAge),
      directive('min-fresh'),
      fc.oneof(fc.constant('max-stale'), directive('max-stale')),
      fc.constantFrom('no-cache', 'x', 'x'),
    ),
    { nil: undefined, freq: 2 },
  ),
  isPragma: fc.boolean(),
  language: fc.constantFrom(undefined, 'en', 'de'),
  x: fc.constantFrom(undefined, '1'),
});
type Generated<A> = A extends fc.Arbitrary<infer T> ? T : never;

function headersOf(given: Generated<typeof response>): Headers {
  const { control, date, expires, modified, age, vary } = given;
  const headers: Headers = { etag: '"1"' };
  if (control !== undefined) headers['cache-control'] = control;
  if (date !== undefined) headers.date = dateAt(date * 1000);
  if (expires !== undefined) headers.expires = typeof expires === 'string' ? expires : dateAt(expires * 1000);
  if (modified !== undefined) headers['last-modified'] = dateAt(modified * 1000);
  if (age !== undefined) headers.age = String(age);
  if (vary !== undefined) headers.vary = vary;
  return headers;
}

function askedBy({ control, isPragma, language, x }: Generated<typeof request>): Headers {
  const headers: Headers = {};
  if (control !== undefined && control !== '') headers['cache-control'] = control;
  else if (isPragma && control === '') headers.pragma = 'no-cache';
  if (language !== undefined) headers['accept-language'] = language;
  if (x !== undefined) headers.x = x;
  return headers;
}

const forThePeer = (headers: Headers): Headers => {
  const { 'cache-control': control } = headers;
  return control === undefined
    ? headers
    : { ...headers, 'cache-control': control.replace('must-revalidate', 'x-must').replace('max-age=-1', 'max-age=0') };
};

/** The decisions of the peer for a response that arrived at 0. */
class Peer {
  #now = START;
  #policy: CachePolicy;
  #control: string;

  constructor(asked: Headers, status: number, headers: Headers) {
    this.#control = headers['cache-control'] ?? '';
    const skew = headers.date === undefined ? 0 : (START - Date.parse(headers.date)) / 1000;
    const aged = { ...headers, age: String(Math.max(0, skew, Number(headers.age ?? 0))) };
    const Policy = withClock(() => this.#now);
    this.#policy = new Policy(
      { url: URL_A, method: 'GET', headers: asked },
      { status, headers: forThePeer(aged) },
      { shared: false },
    );
  }

  get isStored(): boolean {
    return this.#policy.storable();
  }

  get age(): number {
    return Math.floor(this.#policy.age());
  }

  serves(asked: Headers, atMs: number): 'hit' | 'refresh' | 'miss' {
    this.#now = START + atMs;
    const isStale = this.#policy.stale();
    const { response, revalidation } = this.#policy.evaluateRequest({ url: URL_A, method: 'GET', headers: asked });
    const isForbidden = /no-cache/.test(this.#control) || (isStale && /must-revalidate/.test(this.#control));
    if (!this.isStored || response === undefined || isForbidden) return 'miss';
    if (revalidation === undefined) return 'hit';
    return /max-age|min-fresh/.test(asked['cache-control'] ?? '') ? 'miss' : 'refresh';
  }

  conditions(asked: Headers): Headers {
    return this.#policy.revalidationHeaders({ url: URL_A, method: 'GET', headers: asked }) as Headers;
  }

  confirm(asked: Headers, headers: Headers, atMs: number): void {
    this.#now = START + atMs;
    this.#control = headers['cache-control'] ?? '';
    const confirmed = { status: 304, headers: forThePeer(headers) };
    this.#policy = this.#policy.revalidatedPolicy({ url: URL_A, method: 'GET', headers: asked }, confirmed).policy;
  }
}

function withClock(now: () => number): typeof CachePolicy {
  return class extends CachePolicy {
    now() {
      return now();
    }
  };
}

const ourServing = (said: string) =>
  said.includes('detail=stale-while-revalidate') ? 'refresh' : said.startsWith('hit') ? 'hit' : 'miss';

describe('The HTTP cache', () => {
  it('the cache stores and serves the same responses with the same age as http-cache-semantics', async () => {
    const seen = { hit: 0, refresh: 0, miss: 0 };
    await fc.assert(
      fc.asyncProperty(
        request,
        response,
        request,
        fc.integer({ min: 0, max: 150 }),
        async (first, given, second, wait) => {
          const [firstAsked, asked, headers] = [askedBy(first), askedBy(second), headersOf(given)];
          const { get, clock, calls } = setUp(
            () => new Response('body', { status: given.status, headers }),
            OF_ONE_USER,
          );
          await get({ headers: firstAsked });
          const waitMs = wait * 1000 + 500; // between the seconds, where < and <= are the same
          await clock.advance(waitMs);
          const { cacheStatus, age } = await get({ headers: asked });
          const peer = new Peer(firstAsked, given.status, headers);
          const expected = peer.serves(asked, waitMs);
          expect(ourServing(cacheStatus)).toBe(expected);
          if (expected === 'hit') expect(age).toBe(String(peer.age));
          await settle();
          expect(calls).toHaveLength(expected === 'hit' ? 1 : 2);
          seen[expected]++;
        },
      ),
      { numRuns: runs(2000) },
    );
    if (runs(1000) >= 1000) expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
  });

  it('the cache sends the same conditions and has the same state after a 304 as http-cache-semantics', async () => {
    const stored = fc.record({ control: responseControl, vary: fc.constantFrom(undefined, 'x'), modified: offset });
    const waits = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }));
    await fc.assert(
      fc.asyncProperty(stored, responseControl, request, waits, async (given, newControl, second, [one, two]) => {
        const headers = headersOf({ ...given, status: 200, date: undefined, expires: undefined, age: undefined });
        // A request that is served from the cache confirms nothing, so the second request requires validation.
        const x = second.x === undefined ? {} : { x: second.x };
        const { get, clock, calls } = setUp(
          ({ number }) =>
            number === 2
              ? new Response(null, { status: 304, headers: { etag: '"1"', 'cache-control': newControl } })
              : new Response('body', { headers }),
          OF_ONE_USER,
        );
        await get({ headers: x });
        const peer = new Peer(x, 200, headers);
        const [oneMs, twoMs] = [one * 1000 + 500, (one + two) * 1000 + 1000];
        await clock.advance(oneMs);
        await get({ headers: { ...x, 'cache-control': 'no-cache' } });
        const sent = Object.fromEntries(calls[1]!.headers);
        expect(sent).toMatchObject(peer.isStored ? peer.conditions(x) : x);
        expect('if-none-match' in sent).toBe(peer.isStored);
        fc.pre(peer.isStored && headers['cache-control'] !== '');
        peer.confirm(
          x,
          { etag: '"1"', 'cache-control': newControl, 'last-modified': headers['last-modified']! },
          oneMs,
        );
        await clock.advance(twoMs - oneMs);
        const asked = askedBy({ ...second, language: undefined });
        expect(ourServing((await get({ headers: asked })).cacheStatus)).toBe(peer.serves(asked, twoMs));
      }),
      { numRuns: runs(1000) },
    );
  });
});
