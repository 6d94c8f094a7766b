import { cachedFetch, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { ok, setUp, URL_A } from './setup.js';

const PRIVATE = { 'cache-control': 'private, max-age=60' };

/** An origin whose replies the test resolves through `replies`. */
function slow() {
  const replies: ReturnType<typeof defer<Response>>[] = [];
  const made = setUp(() => {
    replies.push(defer<Response>());
    return replies.at(-1)!.promise;
  });
  return { ...made, replies };
}

describe('arguments of a call are read once, before the call returns', () => {
  it('A waiter that sends its own request uses the headers and the URL from the time of its call', async () => {
    const { fetch, replies, calls } = slow();
    const url = new URL(URL_A);
    const headers = new Headers({ 'accept-language': 'en' });
    const init: { headers: Headers; priority: string } = { headers, priority: 'low' };
    watch(fetch(url, init as RequestInit));
    watch(fetch(url, init as RequestInit));
    headers.set('accept-language', 'de');
    headers.set('authorization', 'of Bob');
    url.pathname = '/other';
    init.priority = 'high';
    await settle();
    expect(calls).toHaveLength(1);
    replies[0]!.resolve(ok({ 'cache-control': 'no-store' }));
    await settle();
    expect(
      calls.map((call) => [call.url, call.headers.get('accept-language'), call.headers.get('authorization')]),
    ).toEqual([
      [URL_A, 'en', null],
      [URL_A, 'en', null],
    ]);
  });

  it.each<[string, (authorization: string) => { init: RequestInit; change: (authorization: string) => void }]>([
    [
      'Headers',
      (authorization) => {
        const headers = new Headers({ authorization });
        return { init: { headers }, change: (other) => headers.set('authorization', other) };
      },
    ],
    [
      'a record',
      (authorization) => {
        const headers = { authorization };
        const change = (other: string) => {
          headers.authorization = other;
        };
        return { init: { headers }, change };
      },
    ],
    [
      'pairs',
      (authorization) => {
        const pair: [string, string] = ['authorization', authorization];
        const change = (other: string) => {
          pair[1] = other;
        };
        return { init: { headers: [pair] }, change };
      },
    ],
    [
      'init itself',
      (authorization) => {
        const init = { headers: { authorization } };
        const change = (other: string) => {
          init.headers = { authorization: other };
        };
        return { init, change };
      },
    ],
  ])('A change of %s after the call does not change the user of the call', async (_, make) => {
    const { fetch, get, replies, calls } = slow();
    const { init, change } = make('ada');
    const [leader, waiter] = [fetch(URL_A, init), fetch(URL_A, init)];
    change('bob');
    await settle();
    replies[0]!.resolve(ok({ ...PRIVATE, 'cache-control': 'private, no-cache', etag: '"1"' }, 'secret of ada'));
    await settle();
    expect(calls.map(({ headers }) => headers.get('authorization'))).toEqual(['ada', 'ada']);
    replies[1]!.resolve(ok(PRIVATE, 'secret of ada'));
    expect([await (await leader).text(), await (await waiter).text()]).toEqual(['secret of ada', 'secret of ada']);
    watch(get({ headers: { authorization: 'bob' } }));
    expect(calls).toHaveLength(3);
    expect((await get({ headers: { authorization: 'ada' } })).text).toBe('secret of ada');
  });

  it('The headers of a Request are read once', async () => {
    const { fetch, replies, calls } = slow();
    const request = new Request(URL_A, { headers: { authorization: 'ada' } });
    watch(fetch(request));
    watch(fetch(request));
    request.headers.set('authorization', 'bob');
    replies[0]!.resolve(ok({ 'cache-control': 'no-store' }));
    await settle();
    expect(calls.map(({ headers }) => headers.get('authorization'))).toEqual(['ada', 'ada']);
  });

  it('A Headers object that is reused for several tenants does not mix their responses', async () => {
    let calls = 0;
    const clock = new TestClock();
    const origin = async (_url: string, init?: RequestInit) => {
      const who = new Headers(init?.headers).get('authorization');
      return ++calls === 1 ? new Response('busy', { status: 503 }) : ok(PRIVATE, `secret of ${who}`);
    };
    const fetch = cachedFetch(resilientFetch({ fetch: origin, clock }), { clock });
    const headers = new Headers();
    const asTenant = (token: string) => {
      headers.set('authorization', token);
      return fetch(URL_A, { headers }).then((response) => response.text());
    };
    const [ada, bob] = [asTenant('ada'), asTenant('bob')];
    await clock.advance(60_000);
    expect([await ada, await bob]).toEqual(['secret of ada', 'secret of bob']);
    expect(await asTenant('ada')).toBe('secret of ada');
  });
});

describe('the inner fetch', () => {
  it('A change of headers or URL by the inner fetch does not reach the caller or later calls', async () => {
    const seen: (string | null)[] = [];
    const clock = new TestClock();
    const inner = async (url: URL, init?: { readonly headers?: Headers }) => {
      seen.push(`${url.pathname} ${init?.headers?.get('traceparent')}`);
      init?.headers?.append('traceparent', 'added');
      url.pathname = '/changed';
      return ok({ 'cache-control': 'max-age=0, stale-while-revalidate=60' });
    };
    const fetch = cachedFetch(inner, { clock });
    const headers = new Headers({ traceparent: 'mine' });
    const url = new URL(URL_A);
    for (let i = 0; i < 3; i++) await fetch(url, { headers });
    await settle();
    expect(new Set(seen)).toEqual(new Set(['/a mine']));
    expect([url.href, headers.get('traceparent')]).toEqual([URL_A, 'mine']);
  });
});

class Options {
  #method: string;
  #reads = 0;

  constructor(method: string) {
    this.#method = method;
  }

  get method() {
    this.#reads++;
    return this.#reads > 1 ? 'GET' : this.#method;
  }

  get headers() {
    return { authorization: 'ada' };
  }

  get body() {
    return this.#method === 'GET' ? undefined : 'text';
  }
}

describe('init that is not a plain object', () => {
  const hidden = Object.defineProperties(
    {},
    { method: { value: 'POST' }, headers: { value: { authorization: 'ada' } }, body: { value: 'text' } },
  );
  const literal = { method: 'POST', headers: { authorization: 'ada' }, body: 'text' };

  it.each<[string, () => object]>([
    ['a class with getters, each of which is read once', () => new Options('POST')],
    ['inherited members', () => Object.create(literal)],
    ['members that are not enumerable', () => hidden],
    ['a Proxy', () => new Proxy({}, { get: (_target, name) => literal[name as keyof typeof literal] })],
  ])('The method, headers and body are passed on from init as %s', async (_, make) => {
    const inner = vi.fn(async (..._arguments: unknown[]) => ok({}));
    await cachedFetch(inner)(URL_A, make());
    expect(inner.mock.calls[0]![1]).toMatchObject(literal);
  });

  it('The headers of a GET separate users even if init has getters or inherits members', async () => {
    const { fetch, calls } = setUp(() => ok(PRIVATE));
    await fetch(URL_A, new Options('GET') as RequestInit);
    await fetch(URL_A, Object.create({ headers: { authorization: 'bob' } }));
    await fetch(URL_A, Object.create({ headers: { authorization: 'ada' } }));
    expect(calls.map(({ headers }) => headers.get('authorization'))).toEqual(['ada', 'bob']);
  });

  it('An unsafe method that init inherits invalidates the stored response', async () => {
    const { fetch, get, calls } = setUp(() => ok(PRIVATE));
    await get();
    await fetch(URL_A, Object.create({ method: 'DELETE' }));
    await get();
    expect(calls.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'GET']);
  });

  it('An error thrown by a getter of init rejects the call', async () => {
    const inner = vi.fn(async (..._arguments: unknown[]) => ok({}));
    const init = {
      get headers() {
        throw new RangeError('no headers');
      },
    };
    await expect(cachedFetch(inner)(URL_A, init)).rejects.toThrow('no headers');
    expect(inner).not.toHaveBeenCalled();
  });
});
