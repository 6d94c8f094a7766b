import { type CachedFetchOptions, cachedFetch, InvalidOptionError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle } from '../support/promises.js';
import { always, ok, setUp, URL_A } from './setup.js';

type Init = RequestInit & Record<PropertyKey, unknown>;
const control = (text: string) => ({ 'cache-control': text });
const PRIVATE = control('private, max-age=60');

/** A cached fetch whose inner fetch returns the number of the call as body. */
function counting(headers: HeadersInit = PRIVATE, options: CachedFetchOptions = {}) {
  let calls = 0;
  const origin = async (_input: string | URL | Request, _init?: Init) =>
    new Response(`body ${++calls}`, { headers: new Headers(headers) });
  const fetch = cachedFetch(origin, { clock: new TestClock(), now: () => 0, ...options });
  const get = async (init?: Init, input: string | URL | Request = URL_A) => (await fetch(input, init)).text();
  return { fetch, get, calls: () => calls };
}

/** Whether the second request shares the response of the first one, both in sequence and concurrently. */
async function share(first: Init, second: Init, headers?: HeadersInit, options?: CachedFetchOptions): Promise<boolean> {
  const after = counting(headers, options);
  await after.get(first);
  await after.get(second);
  const beside = counting(headers, options);
  await Promise.all([beside.get(first), beside.get(second)]);
  const isJoined = beside.calls() === 1;
  const isHit = after.calls() === 1;
  // A public response is shared once it is stored. Before it arrives, the cache does not know that it is public.
  if (isJoined) expect(isHit).toBe(true);
  return isHit;
}

const as = (user: string): Init => ({ headers: { authorization: user } });

describe('conflicting response directives (RFC 9111, 4.2.1)', () => {
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
  ])('Users do not share a response with the directives %s', async (text) => {
    expect(await share(as('ada'), as('bob'), control(text))).toBe(false);
  });

  it('Users do not share a response whose conflicting directives are in two fields', async () => {
    const headers: HeadersInit = [
      ['cache-control', 'public, max-age=60'],
      ['cache-control', 'private'],
    ];
    expect(await share(as('ada'), as('bob'), headers)).toBe(false);
  });

  it.each([
    ['no-store and all other directives', 'public, max-age=60, immutable, no-store'],
    ['a malformed no-store', 'public, max-age=60; no-store'],
    ['a quoted no-store', '"no-store, max-age=60"'],
    ['no-store with an argument', 'max-age=60, no-store=1'],
    ['no-store, and must-understand with an argument', 'max-age=60, must-understand=1, no-store'],
    ['no-cache and max-age', 'max-age=60, no-cache'],
    ['no-cache and immutable', 'max-age=60, immutable, no-cache'],
    ['no-cache in a malformed part', 'max-age=60, immutable; no-cache'],
    ['two lifetimes', 'max-age=60, max-age=0'],
    ['a lifetime with and without a value', 'max-age=60, max-age'],
  ])('A response with %s is requested again', async (_, text) => {
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
  ])('A response with %s is not served stale', async (_, text) => {
    const { get, clock } = setUp(always(control(text)));
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('body 2');
  });

  it('A private response stays with its user when a 304 declares it public', async () => {
    const etag = '"1"';
    const { get, clock } = setUp(({ headers, number }) =>
      headers.has('if-none-match')
        ? new Response(null, { status: 304, headers: { ...control('public, max-age=60'), etag } })
        : ok({ ...control('private, max-age=1'), etag }, `body ${number}`),
    );
    await get(as('ada'));
    await clock.advance(1000);
    expect((await get(as('ada'))).cacheStatus).toContain('fwd-status=304');
    expect((await get(as('bob'))).text).toBe('body 3');
  });

  it('A public response becomes private to one user when a 304 declares it private', async () => {
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

describe('users distinguished by a request header', () => {
  it.each([
    ...['x-auth-token', 'x-access-token', 'api-key', 'private-token', 'x-vault-token', 'proxy-authorization'],
    ...['x-goog-api-key', 'x-session-id', 'x-amz-security-token', 'x-csrf-token', 'authentication', 'x-user-id'],
    ...['x-tenant-id', 'authorization', 'cookie', 'x-api-key', 'x-anything-else', 'origin', 'host', 'from'],
  ])('Users with different values of the header %s do not share a private response', async (name) => {
    expect(await share({ headers: { [name]: 'ada' } }, { headers: { [name]: 'bob' } })).toBe(false);
    expect(await share({ headers: { [name]: 'ada' } }, {})).toBe(false);
    expect(await share({ headers: { [name]: 'ada' } }, { headers: { [name]: 'ada' } })).toBe(true);
  });

  it.each([
    ...['accept', 'accept-language', 'accept-charset', 'accept-encoding', 'content-language', 'content-type'],
    ...['user-agent', 'traceparent', 'tracestate', 'baggage', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'sentry-trace'],
    ...['x-request-id', 'x-correlation-id', 'x-amzn-trace-id', 'idempotency-key'],
  ])('The header %s does not distinguish users unless the response varies by it', async (name) => {
    const [one, other] = [{ headers: { [name]: 'one' } }, { headers: { [name]: 'other' } }];
    expect(await share(one, other)).toBe(true);
    expect(await share(one, other, { ...PRIVATE, vary: name })).toBe(false);
  });

  it('Cache directives in a request do not distinguish users', async () => {
    expect(await share({}, { headers: { 'cache-control': 'max-stale=1' } })).toBe(true);
    expect(await share({}, { headers: { pragma: 'x' } })).toBe(true);
  });

  it('A header value that resembles two headers does not match a request with two headers', async () => {
    expect(await share({ headers: { a: '1,"b","2' } }, { headers: { a: '1', b: '2' } })).toBe(false);
  });

  it('Trace headers do not lower the hit ratio', async () => {
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

describe('users distinguished by a member of init', () => {
  it.each(['dispatcher', 'agent', 'client', 'tls', 'httpAgent', 'jar', 'anything'])(
    'Users with different objects as %s do not share a private response',
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
  ])('Users with different values of %s (%o and %o) do not share a private response', async (name, one, other) => {
    expect(await share({ [name]: one }, { [name]: other })).toBe(false);
    expect(await share({ [name]: one }, { [name]: one })).toBe(true);
  });

  it('Symbol-named and non-enumerable members of init distinguish users', async () => {
    const name = Symbol('session');
    expect(await share({ [name]: 'ada' }, { [name]: 'bob' })).toBe(false);
    expect(await share({ [Symbol('a')]: 1 }, { [Symbol('a')]: 1 })).toBe(false);
    const hidden = (dispatcher: object) => Object.defineProperty({}, 'dispatcher', { value: dispatcher }) as Init;
    expect(await share(hidden(new FakeAgent()), hidden(new FakeAgent()))).toBe(false);
  });

  it('Members of init without identity do not distinguish users', async () => {
    const controller = new AbortController();
    const harmless = {
      ...{ method: 'get', signal: controller.signal, priority: 'high', keepalive: true, duplex: 'half', window: null },
      ...{ cache: 'default', body: null, headers: {}, dispatcher: undefined, integrity: '' },
    };
    expect(await share({}, harmless as unknown as Init)).toBe(true);
  });

  it('Explicit default values of init do not distinguish users', async () => {
    const set = { credentials: 'same-origin', mode: 'cors', redirect: 'follow', referrer: 'about:client' } as const;
    expect(await share({}, { ...set, referrerPolicy: '' })).toBe(true);
    const { get, calls } = counting();
    await get({});
    await get({}, new Request(URL_A));
    expect(calls()).toBe(1);
  });

  it('Calls that differ only in redirect share stored responses but no request', async () => {
    const { get, calls } = counting();
    await Promise.all([get({ redirect: 'error' }), get({})]);
    expect(calls()).toBe(2);
    await get({ redirect: 'manual' });
    expect(calls()).toBe(2);
  });

  it('Users with different agents share a public response unless it varies by a header that an agent may add', async () => {
    const [ada, bob] = [{ dispatcher: new FakeAgent() }, { dispatcher: new FakeAgent() }];
    const PUBLIC = control('public, max-age=60');
    expect(await share(ada, bob, PUBLIC)).toBe(true);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'accept-language, Accept-Encoding' })).toBe(true);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'cookie' })).toBe(false);
    expect(await share(ada, bob, { ...PUBLIC, vary: 'accept, x-tenant' })).toBe(false);
  });

  it('Users do not share a public response if a value in init may change it', async () => {
    const PUBLIC = control('public, max-age=60');
    expect(await share({ proxy: 'http://a' }, { proxy: 'http://b' }, PUBLIC)).toBe(false);
    expect(await share({ cf: { image: 1 } }, { cf: { image: 2 } }, PUBLIC)).toBe(false);
    expect(await share({ cf: { image: 1 } }, { cf: { image: 1 } }, PUBLIC)).toBe(true);
  });

  it('Requests with different credentials do not share a private response', async () => {
    const { get, calls } = counting();
    for (const credentials of ['omit', 'include', 'include'] as const) {
      await get(undefined, new Request(URL_A, { credentials }));
    }
    expect(calls()).toBe(2);
  });

  it('Requests of a polyfill with different agents do not share a private response', async () => {
    const { get, calls } = counting();
    const request = (agent: object) => Object.assign(new Request(URL_A), { agent });
    const agents = [new FakeAgent(), new FakeAgent()];
    for (const agent of [...agents, agents[0]!]) await get(undefined, request(agent));
    expect(calls()).toBe(2);
  });
});

describe('the option user', () => {
  it('The user function distinguishes users of equal requests', async () => {
    let current = 'ada';
    const { get, calls } = counting(PRIVATE, { user: () => current });
    expect(await get()).toBe('body 1');
    current = 'bob';
    expect(await get()).toBe('body 2');
    current = 'ada';
    expect(await get()).toBe('body 1');
    expect(calls()).toBe(2);
  });

  it('The user function replaces headers and init as identity', async () => {
    const options = { user: () => 'ada' };
    expect(await share(as('token 1'), as('token 2'), PRIVATE, options)).toBe(true);
    expect(await share({ agent: new FakeAgent() }, { agent: new FakeAgent() }, PRIVATE, options)).toBe(true);
  });

  it('The user function and userHeaders together identify a user', async () => {
    const options = { user: () => 'ada', userHeaders: ['x-tenant'] };
    expect(await share({ headers: { 'x-tenant': '1' } }, { headers: { 'x-tenant': '2' } }, PRIVATE, options)).toBe(
      false,
    );
    expect(await share(as('token 1'), as('token 2'), PRIVATE, options)).toBe(true);
  });

  it('The user function receives URL, headers and init once and synchronously', async () => {
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

  it('A user function that throws or returns no string rejects the call', async () => {
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

  it('With empty userHeaders, all requests without objects in init share private responses', async () => {
    expect(await share(as('ada'), as('bob'), PRIVATE, { userHeaders: [] })).toBe(true);
    expect(await share({ agent: {} }, { agent: {} }, PRIVATE, { userHeaders: [] })).toBe(false);
  });
});

describe('single flight', () => {
  it('Users do not join a request before its response is known to be public', async () => {
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

  it('A failure of one agent does not reach calls with another agent of the same user', async () => {
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
  ])('A failure by %s of one caller does not reach another caller', async (_, init) => {
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

describe('Vary without a valid header name', () => {
  it.each(['foo bar', ':user', 'a, (b)', '"x"', '*, x'])(
    'A response with Vary: %s matches no request',
    async (vary) => {
      const { get, calls } = counting({ ...control('public, max-age=60'), vary });
      expect(await get()).toBe('body 1');
      await get();
      expect(calls()).toBe(2);
    },
  );
});
