import { type CachedFetchOptions, cachedFetch, InvalidOptionError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle } from '../support/promises.js';
import { always, ok, setUp, URL_A } from './setup.js';

type Init = RequestInit & Record<PropertyKey, unknown>;
const control = (text: string) => ({ 'cache-control': text });
const PRIVATE = control('private, max-age=60');

/** A cached fetch whose inner fetch says by which call a response came. */
function counting(headers: HeadersInit = PRIVATE, options: CachedFetchOptions = {}) {
  let calls = 0;
  const origin = async (_input: string | URL | Request, _init?: Init) =>
    new Response(`body ${++calls}`, { headers: new Headers(headers) });
  const fetch = cachedFetch(origin, { clock: new TestClock(), now: () => 0, ...options });
  const get = async (init?: Init, input: string | URL | Request = URL_A) => (await fetch(input, init)).text();
  return { fetch, get, calls: () => calls };
}

/** Whether the second request has the response of the first one, after it and beside it. */
async function share(first: Init, second: Init, headers?: HeadersInit, options?: CachedFetchOptions): Promise<boolean> {
  const after = counting(headers, options);
  await after.get(first);
  await after.get(second);
  const beside = counting(headers, options);
  await Promise.all([beside.get(first), beside.get(second)]);
  const isJoined = beside.calls() === 1;
  const isHit = after.calls() === 1;
  // A public response may be shared when it is stored; whether it is public is not known before it comes.
  if (isJoined) expect(isHit).toBe(true);
  return isHit;
}

const as = (user: string): Init => ({ headers: { authorization: user } });

describe('a response whose directives conflict (RFC 9111, 4.2.1)', () => {
  it.each([
    'private, max-age=60, public',
    'public, max-age=60, private',
    'public, private="set-cookie", max-age=60',
    'private="set-cookie", public, max-age=60',
    'private=set-cookie, public, max-age=60',
    'public, public, PRIVATE, max-age=60',
    'public="x", max-age=60',
    'public=, max-age=60',
    'public, public=1, max-age=60',
    'public, max-age=60; private',
    'public; private, max-age=60',
    'public, "private, max-age=60"',
    'public, max-age=60, "private',
    'must-understand, no-store, public, max-age=60',
    'publicly, max-age=60',
  ])('is not shared among users: %s', async (text) => {
    expect(await share(as('ada'), as('bob'), control(text))).toBe(false);
  });

  it('is not shared among users when the two directives come in two fields', async () => {
    const headers: HeadersInit = [
      ['cache-control', 'public, max-age=60'],
      ['cache-control', 'private'],
    ];
    expect(await share(as('ada'), as('bob'), headers)).toBe(false);
  });

  it.each([
    ['no-store and everything else', 'public, max-age=60, immutable, no-store'],
    ['no-store that is malformed', 'public, max-age=60; no-store'],
    ['no-store in quotes', '"no-store, max-age=60"'],
    ['no-store with an argument', 'max-age=60, no-store=1'],
    ['no-store, and must-understand with an argument', 'max-age=60, must-understand=1, no-store'],
    ['no-cache and max-age', 'max-age=60, no-cache'],
    ['no-cache and immutable', 'max-age=60, immutable, no-cache'],
    ['no-cache in a malformed part', 'max-age=60, immutable; no-cache'],
    ['two lifetimes', 'max-age=60, max-age=0'],
    ['a lifetime with and without a value', 'max-age=60, max-age'],
  ])('is asked for again: %s', async (_, text) => {
    const { get, calls } = counting(control(text));
    await get();
    await get();
    expect(calls()).toBe(2);
  });

  it.each([
    ['must-revalidate and stale-while-revalidate', 'max-age=1, stale-while-revalidate=60, must-revalidate'],
    ['no-cache and stale-while-revalidate', 'max-age=1, stale-while-revalidate=60, no-cache'],
    ['two stale windows', 'max-age=1, stale-while-revalidate=60, stale-while-revalidate=5'],
    ['must-revalidate in a malformed part', 'max-age=1, stale-while-revalidate=60, x; must-revalidate'],
  ])('is not served stale: %s', async (_, text) => {
    const { get, clock } = setUp(always(control(text)));
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('body 2');
  });

  it('of one user stays with that user when a 304 calls it public', async () => {
    const etag = '"1"';
    const { get, clock } = setUp(({ headers, number }) =>
      headers.has('if-none-match')
        ? new Response(null, { status: 304, headers: { ...control('public, max-age=60'), etag } })
        : ok({ ...control('private, max-age=1'), etag }, `body ${number}`),
    );
    await get(as('ada'));
    await clock.advance(1000);
    expect((await get(as('ada'))).said).toContain('fwd-status=304');
    expect((await get(as('bob'))).text).toBe('body 3');
  });

  it('of all users becomes one user’s when a 304 calls it private', async () => {
    const etag = '"1"';
    const { get, clock } = setUp(({ headers, number }) =>
      headers.has('if-none-match')
        ? new Response(null, { status: 304, headers: { ...PRIVATE, etag } })
        : ok({ ...control('public, max-age=1'), etag }, `body ${number}`),
    );
    await get(as('ada'));
    await clock.advance(1000);
    await get(as('ada'));
    expect((await get(as('bob'))).text).toBe('body 3');
  });
});

describe('users told apart by a request header', () => {
  it.each([
    ...['x-auth-token', 'x-access-token', 'api-key', 'private-token', 'x-vault-token', 'proxy-authorization'],
    ...['x-goog-api-key', 'x-session-id', 'x-amz-security-token', 'x-csrf-token', 'authentication', 'x-user-id'],
    ...['x-tenant-id', 'authorization', 'cookie', 'x-api-key', 'x-anything-else', 'origin', 'host', 'from'],
  ])('share nothing that is not public: %s', async (name) => {
    expect(await share({ headers: { [name]: 'ada' } }, { headers: { [name]: 'bob' } })).toBe(false);
    expect(await share({ headers: { [name]: 'ada' } }, {})).toBe(false);
    expect(await share({ headers: { [name]: 'ada' } }, { headers: { [name]: 'ada' } })).toBe(true);
  });

  it.each([
    ...['accept', 'accept-language', 'accept-charset', 'accept-encoding', 'content-language', 'content-type'],
    ...['user-agent', 'traceparent', 'tracestate', 'baggage', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'sentry-trace'],
    ...['x-request-id', 'x-correlation-id', 'x-amzn-trace-id', 'idempotency-key'],
  ])('are not told apart by %s, unless the response varies by it', async (name) => {
    const [one, other] = [{ headers: { [name]: 'one' } }, { headers: { [name]: 'other' } }];
    expect(await share(one, other)).toBe(true);
    expect(await share(one, other, { ...PRIVATE, vary: name })).toBe(false);
  });

  it('are not told apart by directives for the cache', async () => {
    expect(await share({}, { headers: { 'cache-control': 'max-stale=1' } })).toBe(true);
    expect(await share({}, { headers: { pragma: 'x' } })).toBe(true);
  });

  it('cannot be confused by a value that looks like two headers', async () => {
    expect(await share({ headers: { a: '1,"b","2' } }, { headers: { a: '1', b: '2' } })).toBe(false);
  });

  it('have the hit ratio of a bare client under one that adds trace headers to each request', async () => {
    const ratioOf = async (traced: boolean) => {
      const { fetch } = counting();
      let id = 0;
      for (let round = 0; round < 10; round++) {
        for (const user of ['ada', 'bob', 'eve']) {
          const unique = String(++id);
          const names = ['traceparent', 'tracestate', 'baggage', 'b3', 'x-b3-traceid', 'sentry-trace'];
          const more = ['x-request-id', 'x-correlation-id', 'x-amzn-trace-id', 'idempotency-key', 'user-agent'];
          const trace = Object.fromEntries([...names, ...more].map((name) => [name, unique]));
          const headers = { authorization: user, ...(traced && trace) };
          await (await fetch(`${URL_A}?${round % 2}`, { headers })).text();
        }
      }
      const { hits, forwards } = fetch.cache.stats;
      return hits / (hits + forwards);
    };
    expect(await ratioOf(true)).toBe(await ratioOf(false));
    expect(await ratioOf(true)).toBe(0.8);
  });
});

class FakeAgent {
  dispatch() {}
}

describe('users told apart by a member of init', () => {
  it.each(['dispatcher', 'agent', 'client', 'tls', 'httpAgent', 'jar', 'anything'])(
    'share nothing that is not public: objects as %s',
    async (name) => {
      const [ada, bob] = [new FakeAgent(), new FakeAgent()];
      expect(await share({ [name]: ada }, { [name]: bob })).toBe(false);
      expect(await share({ [name]: ada }, {})).toBe(false);
      expect(await share({ [name]: ada }, { [name]: ada })).toBe(true);
      expect(await share({ [name]: () => ada }, { [name]: () => bob })).toBe(false);
      expect(await share({ [name]: {} }, { [name]: {} })).toBe(false);
    },
  );

  it.each<[string, unknown, unknown]>([
    ['credentials', 'omit', 'include'],
    ['proxy', 'http://a', 'http://b'],
    ['tenant', 1, '1'],
    ['tenant', 1n, 2n],
    ['tenant', true, false],
    ['tenant', Symbol('a'), Symbol('a')],
    ['tenant', Symbol.for('a'), Symbol.for('b')],
    ['cf', { cacheKey: 'a' }, { cacheKey: 'b' }],
    ['mode', 'cors', 'same-origin'],
    ['referrer', 'https://example.com/x', ''],
  ])('share nothing that is not public: values of %s', async (name, one, other) => {
    expect(await share({ [name]: one }, { [name]: other })).toBe(false);
    expect(await share({ [name]: one }, { [name]: one })).toBe(true);
  });

  it('share nothing that is not public when the member is named by a symbol, or is not enumerable', async () => {
    const name = Symbol('session');
    expect(await share({ [name]: 'ada' }, { [name]: 'bob' })).toBe(false);
    expect(await share({ [Symbol('a')]: 1 }, { [Symbol('a')]: 1 })).toBe(false);
    const hidden = (dispatcher: object) => Object.defineProperty({}, 'dispatcher', { value: dispatcher }) as Init;
    expect(await share(hidden(new FakeAgent()), hidden(new FakeAgent()))).toBe(false);
  });

  it('are not told apart by members that carry no identity', async () => {
    const controller = new AbortController();
    const harmless = {
      ...{ method: 'get', signal: controller.signal, priority: 'high', keepalive: true, duplex: 'half', window: null },
      ...{ cache: 'default', body: null, headers: {}, dispatcher: undefined, integrity: '' },
    };
    expect(await share({}, harmless as unknown as Init)).toBe(true);
  });

  it('are not told apart by the value that a member has unless it is set', async () => {
    const set = { credentials: 'same-origin', mode: 'cors', redirect: 'follow', referrer: 'about:client' } as const;
    expect(await share({}, { ...set, referrerPolicy: '' })).toBe(true);
    const { get, calls } = counting();
    await get({});
    await get({}, new Request(URL_A));
    expect(calls()).toBe(1);
  });

  it('share what is stored, but no exchange, when they differ in redirect alone', async () => {
    const { get, calls } = counting();
    await Promise.all([get({ redirect: 'error' }), get({})]);
    expect(calls()).toBe(2);
    await get({ redirect: 'manual' });
    expect(calls()).toBe(2);
  });

  it('share what is public through different agents, unless it varies by a header that an agent may add', async () => {
    const [ada, bob] = [{ dispatcher: new FakeAgent() }, { dispatcher: new FakeAgent() }];
    const PUBLIC = control('public, max-age=60');
    expect(await share(ada, bob, PUBLIC)).toBe(true);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'accept-language, Accept-Encoding' })).toBe(true);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'cookie' })).toBe(false);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'accept, x-tenant' })).toBe(false);
  });

  it('do not share a public response that a value in init may change', async () => {
    const PUBLIC = control('public, max-age=60');
    expect(await share({ proxy: 'http://a' }, { proxy: 'http://b' }, PUBLIC)).toBe(false);
    expect(await share({ cf: { image: 1 } }, { cf: { image: 2 } }, PUBLIC)).toBe(false);
    expect(await share({ cf: { image: 1 } }, { cf: { image: 1 } }, PUBLIC)).toBe(true);
  });

  it('share nothing through Requests that differ in their credentials', async () => {
    const { get, calls } = counting();
    for (const credentials of ['omit', 'include', 'include'] as const) {
      await get(undefined, new Request(URL_A, { credentials }));
    }
    expect(calls()).toBe(2);
  });

  it('share nothing through Requests of a polyfill that have different agents', async () => {
    const { get, calls } = counting();
    const request = (agent: object) => Object.assign(new Request(URL_A), { agent });
    const agents = [new FakeAgent(), new FakeAgent()];
    for (const agent of [...agents, agents[0]!]) await get(undefined, request(agent));
    expect(calls()).toBe(2);
  });
});

describe('the option user', () => {
  it('tells users apart where nothing in the request does', async () => {
    let current = 'ada';
    const { get, calls } = counting(PRIVATE, { user: () => current });
    expect(await get()).toBe('body 1');
    current = 'bob';
    expect(await get()).toBe('body 2');
    current = 'ada';
    expect(await get()).toBe('body 1');
    expect(calls()).toBe(2);
  });

  it('stands in place of headers and init', async () => {
    const options = { user: () => 'ada' };
    expect(await share(as('token 1'), as('token 2'), PRIVATE, options)).toBe(true);
    expect(await share({ agent: new FakeAgent() }, { agent: new FakeAgent() }, PRIVATE, options)).toBe(true);
  });

  it('counts together with userHeaders where both are given', async () => {
    const options = { user: () => 'ada', userHeaders: ['x-tenant'] };
    expect(await share({ headers: { 'x-tenant': '1' } }, { headers: { 'x-tenant': '2' } }, PRIVATE, options)).toBe(
      false,
    );
    expect(await share(as('token 1'), as('token 2'), PRIVATE, options)).toBe(true);
  });

  it('sees the URL, the headers and init of the request, and is called once for it, at once', async () => {
    const seen: string[] = [];
    const { fetch } = counting(PRIVATE, {
      user: ({ url, headers, init }) => {
        headers.set('x-changed', 'has no effect');
        seen.push(`${url} ${headers.get('authorization')} ${String(init.tenant)}`);
        return 'ada';
      },
    });
    const response = fetch(`${URL_A}#x`, { ...as('token'), tenant: 7 });
    expect(seen).toEqual([`${URL_A} token 7`]);
    await response;
    expect(seen).toHaveLength(1);
  });

  it('rejects the call with what it throws, or when it returns no string', async () => {
    const throws = counting(PRIVATE, {
      user: () => {
        throw new RangeError('no user');
      },
    });
    await expect(throws.fetch(URL_A)).rejects.toThrow('no user');
    const wrong = counting(PRIVATE, { user: () => undefined as unknown as string });
    await expect(wrong.fetch(URL_A)).rejects.toThrow(InvalidOptionError);
    expect([throws.calls(), wrong.calls()]).toEqual([0, 0]);
  });

  it('with a list of userHeaders that is empty lets all share what has no other mark', async () => {
    expect(await share(as('ada'), as('bob'), PRIVATE, { userHeaders: [] })).toBe(true);
    expect(await share({ agent: {} }, { agent: {} }, PRIVATE, { userHeaders: [] })).toBe(false);
  });
});

describe('single flight', () => {
  it('keeps users apart before it is known whether the response is public', async () => {
    const replies: ReturnType<typeof defer<Response>>[] = [];
    const { fetch } = setUp(() => {
      replies.push(defer<Response>());
      return replies.at(-1)!.promise;
    });
    const [ada, bob] = [{}, {}].map((dispatcher) => fetch(URL_A, { dispatcher } as RequestInit));
    await settle();
    expect(replies).toHaveLength(2);
    replies[0]!.resolve(ok(PRIVATE, 'of Ada'));
    replies[1]!.resolve(ok(PRIVATE, 'of Bob'));
    expect([await (await ada!).text(), await (await bob!).text()]).toEqual(['of Ada', 'of Bob']);
  });

  it('keeps the failure of one agent from the users of another, also when one user has both', async () => {
    const broken = { agent: new FakeAgent() };
    const origin = async (_input: string, init?: Init) => {
      await settle();
      if (init?.agent === broken.agent) throw new TypeError('fetch failed');
      return ok(PRIVATE, 'well');
    };
    const fetch = cachedFetch(origin, { clock: new TestClock(), user: () => 'ada' });
    const [first, second] = await Promise.allSettled([fetch(URL_A, broken), fetch(URL_A, { agent: new FakeAgent() })]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });

  it.each<[string, Init]>([
    ['redirect', { redirect: 'error' }],
    ['mode', { mode: 'same-origin' }],
    ['credentials', { credentials: 'omit' }],
    ['integrity', { integrity: 'sha256-x' }],
    ['an agent', { agent: new FakeAgent() }],
  ])('keeps the failure of one caller’s %s from another caller', async (_, init) => {
    const [name] = Object.keys(init);
    const origin = async (_input: string, given?: Init) => {
      await settle();
      if (given !== undefined && name !== undefined && given[name] === init[name]) throw new TypeError('fetch failed');
      return ok(PRIVATE, 'well');
    };
    const fetch = cachedFetch(origin, { clock: new TestClock() });
    const results = await Promise.allSettled([fetch(URL_A, init), fetch(URL_A), fetch(URL_A)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(fetch.cache.stats.collapsed).toBe(1);
  });
});

describe('a Vary that names no header', () => {
  it.each(['foo bar', ':user', 'a, (b)', '"x"', '*, x'])('matches no request: %s', async (vary) => {
    const { get, calls } = counting({ ...control('public, max-age=60'), vary });
    expect(await get()).toBe('body 1');
    await get();
    expect(calls()).toBe(2);
  });
});
