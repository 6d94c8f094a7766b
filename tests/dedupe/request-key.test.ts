import { type DedupeOptions, dedupe, resilientFetch } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';

type Call = readonly [input: unknown, init?: Record<string, unknown>];
const URL_ = 'https://example.com/';
const withGet = (init: Record<string, unknown>): Call => [URL_, init];

/** The number of requests that two concurrent calls send. */
async function requestsOf(one: Call, other: Call, options?: DedupeOptions): Promise<number> {
  const sent: (() => void)[] = [];
  const fetch = resilientFetch({
    fetch: (_input: unknown, _init?: unknown) =>
      new Promise<Response>((resolve) => sent.push(() => resolve(new Response('hello')))),
    dedupe: dedupe(options),
  });
  const calls = [one, other].map(([input, init]) => fetch(input as never, init as never));
  await settle();
  for (const answer of sent) answer();
  for (const call of calls) expect(await (await call).text()).toBe('hello');
  return sent.length;
}

const agent = { dispatch() {} };
const own = Symbol('own');

const clone = () => {};
/** A `Request` of another implementation, which shows its dispatcher. */
const requestWith = (dispatcher: object) => ({ url: URL_, method: 'GET', headers: undefined, clone, dispatcher });

describe('Requests that are shared', () => {
  it.each<[string, Call, Call]>([
    ['the same URL', [URL_], [URL_]],
    ['a string and a URL', [URL_], [new URL(URL_)]],
    ['a string and a Request', [URL_], [new Request(URL_)]],
    ['a relative URL twice', ['/path'], ['/path']],
    ['URLs that differ in their fragment', [`${URL_}#one`], [`${URL_}#two`]],
    ['an explicit method', [URL_], [URL_, { method: 'get' }]],
    ['two HEAD requests', [URL_, { method: 'HEAD' }], [new Request(URL_, { method: 'HEAD' })]],
    [
      'equal headers in other forms',
      withGet({ headers: { A: '1', b: '2' } }),
      withGet({
        headers: [
          ['B', '2'],
          ['a', '1'],
        ],
      }),
    ],
    ['the headers of a Request', withGet({ headers: { a: '1' } }), [new Request(URL_, { headers: { a: '1' } })]],
    [
      'other signals',
      withGet({ signal: new AbortController().signal }),
      withGet({ signal: new AbortController().signal }),
    ],
    [
      'explicit defaults',
      [URL_],
      withGet({ credentials: 'same-origin', cache: 'default', redirect: 'follow', body: null }),
    ],
    ['the same dispatcher in Requests', [requestWith(agent)], [requestWith(agent)]],
    ['the same dispatcher', withGet({ dispatcher: agent }), withGet({ dispatcher: agent })],
    [
      'an undefined member beside that of a Request',
      [new Request(URL_, { credentials: 'include' }), { credentials: undefined }],
      withGet({ credentials: 'include' }),
    ],
    ...[
      'traceparent',
      'tracestate',
      'b3',
      'X-B3-TraceId',
      'sentry-trace',
      'x-request-id',
      'x-correlation-id',
      'x-amzn-trace-id',
    ].map((name): [string, Call, Call] => [
      `another ${name}`,
      withGet({ headers: { [name]: '1' } }),
      withGet({ headers: { [name]: '2' } }),
    ]),
  ])('two requests with %s share one response', async (_what, one, other) => {
    expect(await requestsOf(one, other)).toBe(1);
  });
});

describe('Requests that are not shared', () => {
  it.each<[string, Call, Call]>([
    ['other URLs', [URL_], [`${URL_}?a=1`]],
    ['a relative URL and the URL that it seems to have', ['/path'], ['http://localhost/path']],
    ['other methods', [URL_], withGet({ method: 'HEAD' })],
    ...[
      'authorization',
      'cookie',
      'accept',
      'accept-language',
      'x-tenant',
      'baggage',
      'user-agent',
      'if-none-match',
      'proxy-authorization',
      'idempotency-key',
      'x-b3',
    ].map((name): [string, Call, Call] => [
      `another ${name} (E47)`,
      withGet({ headers: { [name]: '1' } }),
      withGet({ headers: { [name]: '2' } }),
    ]),
    ['a header that only one has', [URL_], withGet({ headers: { 'x-own': '' } })],
    [
      'header texts that look equal when joined (E47)',
      withGet({ headers: { a: '1","b","2' } }),
      withGet({ headers: { a: '1', b: '2' } }),
    ],
    ['another dispatcher', withGet({ dispatcher: agent }), withGet({ dispatcher: { dispatch() {} } })],
    ['a dispatcher that only one has', [URL_], withGet({ dispatcher: agent })],
    ['another dispatcher in a Request', [requestWith(agent)], [requestWith({ dispatch() {} })]],
    ['other credentials', withGet({ credentials: 'include' }), withGet({ credentials: 'omit' })],
    ['other credentials in a Request', [new Request(URL_, { credentials: 'include' })], [URL_]],
    ['another cache mode', [URL_], withGet({ cache: 'no-cache' })],
    ['another redirect mode', [URL_], withGet({ redirect: 'manual' })],
    ['another mode', [URL_], withGet({ mode: 'no-cors' })],
    ['another integrity', [URL_], withGet({ integrity: 'sha256-AA==' })],
    ['another integrity in a Request', [URL_], [new Request(URL_, { integrity: 'sha256-AA==' })]],
    ['another referrer', [URL_], withGet({ referrer: 'https://example.com/page' })],
    ['another referrerPolicy', [URL_], withGet({ referrerPolicy: 'no-referrer' })],
    ['an unknown member with another value', withGet({ tenant: 'a' }), withGet({ tenant: 'b' })],
    ['an unknown member with another object', withGet({ tenant: {} }), withGet({ tenant: {} })],
    ['values of other types', withGet({ tenant: 1 }), withGet({ tenant: '1' })],
    ['an unknown symbol', withGet({ [own]: 1 }), withGet({ [own]: 2 })],
    ['a POST', withGet({ method: 'POST' }), withGet({ method: 'POST' })],
    ['OPTIONS', withGet({ method: 'OPTIONS' }), withGet({ method: 'OPTIONS' })],
    ['a body', withGet({ body: 'text' }), withGet({ body: 'text' })],
    ['a Range', withGet({ headers: { Range: 'bytes=0-1' } }), withGet({ headers: { Range: 'bytes=0-1' } })],
    [
      'a Range of a Request',
      [new Request(URL_, { headers: { range: 'bytes=0-1' } })],
      [new Request(URL_, { headers: { range: 'bytes=0-1' } })],
    ],
    ["cache: 'no-store'", withGet({ cache: 'no-store' }), withGet({ cache: 'no-store' })],
    ["cache: 'reload'", withGet({ cache: 'reload' }), withGet({ cache: 'reload' })],
    [
      "cache: 'no-store' of a Request",
      [new Request(URL_, { cache: 'no-store' })],
      [new Request(URL_, { cache: 'no-store' })],
    ],
    [
      'Cache-Control: no-store',
      withGet({ headers: { 'cache-control': 'no-store' } }),
      withGet({ headers: { 'cache-control': 'no-store' } }),
    ],
  ])('two requests with %s do not share a response', async (_what, one, other) => {
    expect(await requestsOf(one, other)).toBe(2);
  });

  it('a request whose caller has aborted already is not sent and joins nothing', async () => {
    let sent = 0;
    const fetch = resilientFetch({
      fetch: async (_url: string, _init?: object) => new Response(`${++sent}`),
      dedupe: dedupe(),
    });
    const reason = new Error('enough');
    const calls = [fetch(URL_), fetch(URL_, { signal: AbortSignal.abort(reason) })];
    await expect(calls[1]).rejects.toBe(reason);
    expect(await (await calls[0]!).text()).toBe('1');
  });

  it('changes of the arguments after the call do not change what is shared', async () => {
    const headers = new Headers({ authorization: 'one' });
    const url = new URL(URL_);
    const sent: string[] = [];
    const own = async (input: URL, init?: { headers: Headers }) => {
      await settle();
      sent.push(`${input} ${init?.headers.get('authorization')}`);
      return new Response('hello');
    };
    const fetch = resilientFetch({ fetch: own, dedupe: dedupe() });
    const first = fetch(url, { headers });
    headers.set('authorization', 'two');
    const second = fetch(url, { headers });
    url.pathname = '/other';
    await Promise.all([first, second]);
    expect(sent.sort()).toEqual([`${URL_} one`, `${URL_} two`]);
  });
});

describe('The option vary', () => {
  const tracing = (value: string) => withGet({ headers: { 'X-Request-Id': value, traceparent: value } });

  it('names of tracing headers distinguish requests again', async () => {
    expect(await requestsOf(tracing('1'), tracing('2'), { vary: ['X-Request-ID'] })).toBe(2);
    expect(await requestsOf(tracing('1'), tracing('1'), { vary: ['X-Request-ID'] })).toBe(1);
  });

  it('names can only add: all other headers still distinguish requests (E47)', async () => {
    const one = withGet({ headers: { authorization: '1' } });
    const other = withGet({ headers: { authorization: '2' } });
    expect(await requestsOf(one, other, { vary: ['accept'] })).toBe(2);
    expect(await requestsOf(one, other, { vary: [] })).toBe(2);
    expect(await requestsOf(one, other, { vary: () => 'equal' })).toBe(2);
  });

  it('a function adds a part of the key, from copies of the arguments', async () => {
    const seen: unknown[] = [];
    let tenants = 0;
    const vary: DedupeOptions['vary'] = ({ url, method, headers, init }) => {
      seen.push([url, method, headers.get('a'), init.priority]);
      headers.delete('a');
      return `${tenants++ % 2}`;
    };
    const call = [`${URL_}#part`, { headers: { a: '1' }, priority: 'low' }] as const;
    expect(await requestsOf(call, call, { vary })).toBe(2);
    expect(seen).toEqual(Array(2).fill([URL_, 'GET', '1', 'low']));
    expect(await requestsOf(call, call, { vary: () => 'equal' })).toBe(1);
  });

  it('a function that throws, or returns no string, rejects the call before it is sent', async () => {
    let sent = 0;
    const own = async (_url: string) => new Response(`${++sent}`);
    const failing = () => {
      throw new Error('no tenant');
    };
    await expect(resilientFetch({ fetch: own, dedupe: dedupe({ vary: failing }) })(URL_)).rejects.toThrow('no tenant');
    for (const value of [undefined, 1, null, Promise.resolve('a')]) {
      const fetch = resilientFetch({ fetch: own, dedupe: dedupe({ vary: () => value as never }) });
      await expect(fetch(URL_)).rejects.toThrow(/vary.*must return a string/);
    }
    expect(sent).toBe(0);
  });
});

describe('The options of dedupe', () => {
  it.each<[string, unknown]>([
    ...['x-tenant', [1], [''], ['a b'], {}, null].map((vary): [string, unknown] => ['vary', { vary }]),
    ...[-1, 1.5, Number.NaN, '1', null].map((maxBuffer): [string, unknown] => ['maxBuffer', { maxBuffer }]),
    ['maxbuffer', { maxbuffer: 1 }],
    ['options', 5],
  ])('an invalid %s is rejected at construction: %j', (option, options) => {
    expect(() => dedupe(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'dedupe', option }),
    );
  });

  it.each([true, {}, () => {}, null])('resilientFetch({ dedupe: %j }) is rejected at construction', (value) => {
    expect(() => resilientFetch({ dedupe: value as never })).toThrow(expect.objectContaining({ option: 'dedupe' }));
  });
});
