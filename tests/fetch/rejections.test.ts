import { runInNewContext } from 'node:vm';
import { circuitBreaker, fallback, isNetworkError, resilientFetch } from 'breakwater';
import { describe, expect, it } from 'vitest';

const URL_A = 'https://a.test/';

type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** The effect of a rejection of the fetch: how often the request is sent, and whether the breaker counts the failure. */
async function outcomeOf(reject: () => unknown, init?: RequestInit, url = URL_A) {
  let sent = 0;
  const states: string[] = [];
  const fetch: Fetch = async () => {
    sent++;
    await Promise.resolve(); // after the request was built
    throw reject();
  };
  const stateChange = ({ to }: { to: string }) => states.push(to);
  const counting = resilientFetch({
    fetch,
    retry: false,
    circuitBreaker: { consecutiveFailures: 1 },
    on: { stateChange },
  });
  await counting(url, init).catch(() => {});
  sent = 0;
  const retried = { backoff: () => 0, maxAttempts: 3 };
  const first = await resilientFetch({ fetch, retry: retried, circuitBreaker: false })(url, init).catch(
    (error) => error,
  );
  return { sent, opened: states.includes('open'), first };
}

/** Each error as created in the realm of the library and in another realm, such as that of Jest or of a `node:vm`. */
const realms = (source: string): [string, () => unknown][] => [
  ['of this realm', () => new Function(`return ${source}`)()],
  ['of another realm', () => runInNewContext(source)],
];

describe('A rejection of the fetch', () => {
  const wordings = [
    ...['Failed to fetch', 'Failed to fetch (a.test)', 'NetworkError when attempting to fetch resource.'],
    ...['NetworkError when attempting to fetch resource. (a.test)', 'Load failed', 'Load failed (a.test)', 'cancelled'],
    ...['The network connection was lost.', 'The network connection was lost. (a.test)', 'The request timed out.'],
    ...['Could not connect to the server.', 'A server with the specified hostname could not be found.'],
    ...['Network request failed', 'Network request timed out', 'A network error occurred.', 'Network connection lost.'],
    ...[
      'La connexion réseau a été perdue.',
      'ネットワーク接続が失われました。',
      'Die Netzwerkverbindung wurde unterbrochen.',
    ],
    ...['error sending request for url (https://a.test/redirect): client error (Connect): tcp connect error'],
    ...['a wording that no platform has yet', 'fetch failed', ''],
  ];

  it.each(wordings)(
    'a TypeError with the message %j is a network error, is retried and counts for the breaker',
    async (message) => {
      for (const [realm, make] of realms(`new TypeError(${JSON.stringify(message)})`)) {
        const { sent, opened, first } = await outcomeOf(make);
        expect([realm, sent, opened, isNetworkError(first)]).toEqual([realm, 3, true, true]);
      }
    },
  );

  it('a network error of resilientFetch is also a network error for outer policies', async () => {
    const fetch: Fetch = () => Promise.reject(new TypeError('неизвестно'));
    const guarded = resilientFetch({ fetch, retry: false });
    expect(await fallback('instead').execute(() => guarded(URL_A))).toBe('instead');
    const breaker = circuitBreaker({ consecutiveFailures: 1 });
    await breaker.execute(() => guarded(URL_A)).catch(() => {});
    expect(breaker.state).toBe('open');
  });

  it.each([
    ...["new TypeError('x is not a function')", 'new TypeError("Cannot read properties of undefined (reading \'y\')")'],
    ...["new TypeError('undefined is not an object (evaluating \\'a.b\\')')", "new TypeError('x.map is not iterable')"],
    ...[
      "new TypeError('Assignment to constant variable.')",
      "new TypeError(\"can't access property 'a', b is undefined\")",
    ],
    ...["new TypeError('Converting circular structure to JSON')", "new RangeError('Invalid array length')"],
    ...[
      "new ReferenceError('x is not defined')",
      "Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' })",
    ],
    ...["new TypeError('fetch failed', { cause: new Error('bad port') })"],
    ...["new TypeError('fetch failed', { cause: new Error('unknown scheme') })"],
    ...["new TypeError('fetch failed', { cause: new Error('unexpected redirect') })"],
    ...["new TypeError('Fetch failed: Maximum number of redirects (20) reached')"],
    ...["Object.assign(new Error('redirect'), { name: 'FetchError', type: 'no-redirect' })"],
  ])('%s is a programming error, is not retried and does not count for the breaker', async (source) => {
    for (const [realm, make] of realms(source)) {
      const { sent, opened } = await outcomeOf(make);
      expect([realm, sent, opened]).toEqual([realm, 1, false]);
    }
  });

  it.each<[string, RequestInit, string]>([
    ['an invalid header name', { headers: { 'x y': 'a' } }, URL_A],
    ['a header with a line break', { headers: { x: 'a\nb' } }, URL_A],
    ['an invalid method', { method: 'A B' }, URL_A],
    ['a GET with a body', { body: 'x' }, URL_A],
    ['a URL with credentials', {}, 'https://a:b@a.test/'],
    ['an invalid mode', { mode: 'strange' as never }, URL_A],
  ])('an error of a request with %s is a programming error with any message', async (_what, init, url) => {
    const { sent, opened } = await outcomeOf(() => new TypeError('in the words of this platform'), init, url);
    expect([sent, opened]).toEqual([1, false]);
  });

  it.each([
    ...["Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })"],
    ...["Object.assign(new Error('ssl'), { code: 'ERR_SSL_WRONG_VERSION_NUMBER' })"],
    ...[
      "Object.assign(new Error('ssl'), { code: 'EPROTO' })",
      "Object.assign(new Error('parse'), { code: 'HPE_INVALID_CONSTANT' })",
    ],
    ...[
      "new Error('error sending request for url (https://a/): client error (Connect): invalid peer certificate: UnknownIssuer')",
    ],
  ])('%s is permanent, is not retried and counts for the breaker', async (source) => {
    for (const [realm, make] of realms(source)) {
      const wrappers: ((cause: unknown) => unknown)[] = [
        (cause) => new TypeError('fetch failed', { cause }),
        (cause) => cause, // node-fetch
        (cause) => new Error('a wrapper of a wrapper', { cause: new TypeError('fetch failed', { cause }) }),
      ];
      for (const wrap of wrappers) {
        const { sent, opened } = await outcomeOf(() => wrap(make()));
        expect([realm, sent, opened]).toEqual([realm, 1, true]);
      }
    }
  });

  it.each([
    ['UND_ERR_ABORTED', 'Proxy response (502) !== 200 when HTTP Tunneling', true],
    ['UND_ERR_ABORTED', 'Proxy response (503) !== 200 when HTTP Tunneling', true],
    ['UND_ERR_ABORTED', 'Proxy response (504) !== 200 when HTTP Tunneling', true],
    ['UND_ERR_ABORTED', 'Proxy response (407) !== 200 when HTTP Tunneling', false],
    ['UND_ERR_ABORTED', 'Proxy response (403) !== 200 when HTTP Tunneling', false],
    ['UND_ERR_ABORTED', 'Request aborted', true],
    ['UND_ERR_INFO', 'HTTP/2: "stream ended" before headers', true],
    ['UND_ERR_INFO', 'HTTP/2: "stream error" received - code 8', true],
    ['UND_ERR_PRX_TLS', 'Secure Proxy Connection failed', true],
    ['UND_ERR_SOCKS5', 'SOCKS5 proxy error', true],
    ['UND_ERR_ABORT', 'aborted', true],
    ['UND_ERR_SOCKS5_REPLY_5', 'SOCKS5 connection failed: Connection refused', true],
    ['UND_ERR_SOCKS5_REPLY_2', 'SOCKS5 connection failed: not allowed by ruleset', false],
    ['UND_ERR_SOCKS5_AUTH_FAILED', 'Authentication failed', false],
    ['UND_ERR_DESTROYED', 'The client is destroyed', true],
    ['UND_ERR_CLOSED', 'The client is closed', true],
  ])(
    'the undici error %s with the message %j has the expected repeatability %s and counts for the breaker',
    async (code, message, isRepeated) => {
      const name = code === 'UND_ERR_ABORTED' ? 'AbortError' : 'UndiciError';
      const make = () => new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code, name }) });
      const { sent, opened } = await outcomeOf(make);
      expect([sent, opened]).toEqual([isRepeated ? 3 : 1, true]);
    },
  );

  it('a certificate error of a proxy is permanent', async () => {
    const cause = Object.assign(new Error('Secure Proxy Connection failed'), {
      code: 'UND_ERR_PRX_TLS',
      cause: Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' }),
    });
    const { sent, opened } = await outcomeOf(() => new TypeError('fetch failed', { cause }));
    expect([sent, opened]).toEqual([1, true]);
  });

  it('an AbortError while the signal of the call is not aborted is a failure', async () => {
    const { signal } = new AbortController();
    const { sent, opened } = await outcomeOf(() => new DOMException('given up', 'AbortError'), { signal });
    expect([sent, opened]).toEqual([3, true]);
  });

  it('the abort reason of the caller is neither retried nor counted, even if it is a TypeError', async () => {
    const controller = new AbortController();
    const reason = new TypeError('the caller has left');
    const states: string[] = [];
    let sent = 0;
    const fetch: Fetch = async () => {
      sent++;
      controller.abort(reason);
      throw reason;
    };
    const guarded = resilientFetch({
      fetch,
      retry: { backoff: () => 0 },
      circuitBreaker: { consecutiveFailures: 1 },
      on: { stateChange: ({ to }) => states.push(to) },
    });
    await expect(guarded(URL_A, { signal: controller.signal })).rejects.toBe(reason);
    expect([sent, states]).toEqual([1, []]);
  });

  it('an error that the fetch throws synchronously is a programming error', async () => {
    let sent = 0;
    const fetch: Fetch = () => {
      sent++;
      throw new TypeError('no wording of any engine');
    };
    await expect(resilientFetch({ fetch, retry: { backoff: () => 0 } })(URL_A)).rejects.toThrow('no wording');
    expect(sent).toBe(1);
  });
});
