import { isIdempotent, type OutgoingRequest, resilientFetch } from 'breakwater/fetch';
import { retry } from 'breakwater/retry';
import { describe, expect, it } from 'vitest';

/** A fetch that always returns 503, and the calls of it. */
function failing() {
  const calls: [unknown, RequestInit | undefined][] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    calls.push([input, init]);
    return new Response('busy', { status: 503 });
  };
  return { calls, options: { fetch, retry: { maxAttempts: 3, backoff: () => 0 }, circuitBreaker: false } as const };
}

const url = 'http://localhost/';

describe('isIdempotent', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'get', 'Put', undefined])(
    'the method %s is idempotent',
    (method) => {
      expect(isIdempotent({ method })).toBe(true);
    },
  );

  it.each(['POST', 'PATCH', 'CONNECT', 'QUERY', ''])('the method %j is not idempotent', (method) => {
    expect(isIdempotent({ method })).toBe(false);
  });

  it.each([
    new Headers({ 'Idempotency-Key': 'k' }),
    { 'idempotency-key': 'k' },
    { 'IDEMPOTENCY-KEY': 'k' },
    [['Idempotency-Key', 'k']],
  ])('a POST with an Idempotency-Key in headers of any form is idempotent', (headers) => {
    expect(isIdempotent({ method: 'POST', headers })).toBe(true);
  });

  it.each([{}, [], [['x', 'y']], new Headers(), null, 'idempotency-key', [null], { 'x-key': 'k' }])(
    'the headers %j contain no idempotency key',
    (headers) => {
      expect(isIdempotent({ method: 'POST', headers })).toBe(false);
    },
  );

  it('isIdempotent accepts a Request', () => {
    expect(isIdempotent(new Request(url))).toBe(true);
    expect(isIdempotent(new Request(url, { method: 'POST' }))).toBe(false);
  });
});

describe('Requests that are repeated', () => {
  const bytes = new TextEncoder().encode('body');
  const stream = () => new Response('body').body;

  it.each<[string, string | URL | Request, RequestInit | undefined, number]>([
    ['a GET', url, undefined, 3],
    ['a URL', new URL(url), undefined, 3],
    ['a Request without a body', new Request(url), undefined, 3],
    ['a POST', url, { method: 'POST', body: 'body' }, 1],
    ['a POST with a key', url, { method: 'POST', body: 'body', headers: { 'Idempotency-Key': '1' } }, 3],
    [
      'a POST with a key in a Request',
      new Request(url, { method: 'POST', headers: { 'Idempotency-Key': '1' } }),
      {},
      3,
    ],
    ['a PUT of text', url, { method: 'PUT', body: 'body' }, 3],
    ['a put in lower case', url, { method: 'put', body: 'body' }, 3],
    ['a PUT of bytes', url, { method: 'PUT', body: bytes }, 3],
    ['a PUT of a buffer', url, { method: 'PUT', body: bytes.buffer }, 3],
    ['a PUT of a Blob', url, { method: 'PUT', body: new Blob(['body']) }, 3],
    ['a PUT of a form', url, { method: 'PUT', body: new FormData() }, 3],
    ['a PUT of parameters', url, { method: 'PUT', body: new URLSearchParams('a=b') }, 3],
    ['a PUT of a stream', url, { method: 'PUT', body: stream() }, 1],
    ['a PUT of a generator', url, { method: 'PUT', body: (async function* () {})() as never }, 1],
    ['a Request with a body', new Request(url, { method: 'PUT', body: 'body' }), undefined, 3],
    ['a POST in a Request with a body', new Request(url, { method: 'POST', body: 'body' }), undefined, 1],
    ['a null body', url, { method: 'PUT', body: null }, 3],
  ])('%s is sent the expected number of times', async (_name, input, init, times) => {
    const { calls, options } = failing();
    const response = await resilientFetch(options)(input, init);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('busy');
    expect(calls).toHaveLength(times);
    const addressOf = (sent: unknown) => (sent instanceof Request ? `${sent.method} ${sent.url}` : String(sent));
    for (const [sent] of calls) expect(addressOf(sent)).toBe(addressOf(input));
  });

  it.each([
    ['a GET', 'GET', 3, 2],
    ['a POST', 'POST', 1, 0],
  ])("%s through a retry of the caller's own, which judges by itself", async (_name, method, times, retries) => {
    const { calls, options } = failing();
    const policy = retry({ maxAttempts: 3, backoff: () => 0, classify: () => 'failure' });
    let emitted = 0;
    policy.on('retry', () => emitted++);
    const response = await resilientFetch({ fetch: options.fetch, policy })(url, { method });
    expect([response.status, calls.length, emitted]).toEqual([503, times, retries]);
  });

  it('a failure that must not be repeated counts for the breaker', async () => {
    const { calls, options } = failing();
    const get = resilientFetch({ ...options, circuitBreaker: { window: { calls: 2 }, openFor: '1m' } });
    await get(url, { method: 'POST' });
    await get(url, { method: 'POST' });
    await expect(get(url, { method: 'POST' })).rejects.toMatchObject({
      code: 'ERR_CIRCUIT_OPEN',
      policy: 'http://localhost',
    });
    expect(calls).toHaveLength(2);
  });
});

describe('A request that must not be repeated', () => {
  const post = { method: 'POST', body: 'pay' };
  const anyFailure = ({ ok, ...outcome }: { ok: boolean }) =>
    ok && (outcome as unknown as { value: Response }).value.status < 500 ? 'success' : 'failure';

  it('the request is sent once with any classify function of retry', async () => {
    const { calls, options } = failing();
    const get = resilientFetch({ ...options, retry: { ...options.retry, classify: anyFailure } });
    expect(await (await get(url, post)).text()).toBe('busy');
    expect(calls).toHaveLength(1);
    await get(url);
    expect(calls).toHaveLength(4); // requests that can be repeated follow classify
  });

  it('the request is sent once with any custom policy', async () => {
    const { calls, options } = failing();
    const policy = retry({ maxAttempts: 3, backoff: () => 0, classify: anyFailure });
    const response = await resilientFetch({ fetch: options.fetch, policy })(url, post);
    expect(await response.text()).toBe('busy');
    expect(calls).toHaveLength(1);
  });

  it('a body with a pipe method is a stream, even if its toStringTag is FormData', async () => {
    const { calls, options } = failing();
    const body = { [Symbol.toStringTag]: 'FormData', pipe() {} };
    await resilientFetch(options)(url, { method: 'PUT', body: body as never });
    expect(calls).toHaveLength(1);
  });
});

describe('A relative URL', () => {
  it('a URL that only the custom fetch can resolve is protected like any other URL', async () => {
    const { calls, options } = failing();
    const keys: string[] = [];
    const key = ({ url }: OutgoingRequest) => {
      keys.push(url.pathname);
      return 'framework';
    };
    expect((await resilientFetch({ ...options, key })('/users')).status).toBe(503);
    expect(calls.map(([input]) => input)).toEqual(['/users', '/users', '/users']);
    expect(keys).toEqual(['/users']);
  });
});

describe('The options of the policies of each key', () => {
  it('the options are copied, so that later changes have no effect', async () => {
    const { options } = failing();
    const circuitBreaker = { consecutiveFailures: 1, window: { calls: 5 } };
    const get = resilientFetch({ ...options, retry: false, circuitBreaker });
    circuitBreaker.consecutiveFailures = Number.NaN;
    circuitBreaker.window.calls = -1;
    expect((await get(url)).status).toBe(503);
    await expect(get(url)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });
});

describe('The key option', () => {
  it('the key function receives the request and replaces the origin as the key', async () => {
    const seen: OutgoingRequest[] = [];
    const { options } = failing();
    const rejected: string[] = [];
    const get = resilientFetch({
      ...options,
      retry: false,
      circuitBreaker: { consecutiveFailures: 1 },
      key: (request) => {
        seen.push(request);
        return request.url.pathname;
      },
      on: { reject: ({ key, by }) => rejected.push(`${by} ${key}`) },
    });
    await get('http://localhost/a?x=1', { method: 'post' });
    await get('http://localhost/b');
    await expect(get('http://localhost/a')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    expect(seen[0]).toMatchObject({ method: 'POST', input: 'http://localhost/a?x=1', init: { method: 'post' } });
    expect(rejected).toEqual(['circuit-breaker /a']);
  });

  it('an error of the key function rejects the call', async () => {
    const get = resilientFetch({
      key: () => {
        throw new Error('no key');
      },
    });
    await expect(get(url)).rejects.toThrow('no key');
  });
});

describe('Listeners', () => {
  it('the listeners receive retries, given-up calls, rejections by the bulkhead and timeouts', async () => {
    const log: unknown[] = [];
    const note = (type: string) => (event: object) => log.push({ type, ...event });
    let answer = 0;
    const get = resilientFetch({
      fetch: async (_input: string, init?: RequestInit) => {
        if (++answer === 1) return new Response(null, { status: 503 });
        return new Promise<Response>((_, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
        );
      },
      attemptTimeout: 20,
      timeout: '5s',
      retry: { maxAttempts: 2, backoff: () => 0 },
      circuitBreaker: false,
      bulkhead: { maxConcurrent: 1, maxQueue: 0 },
      on: { retry: note('retry'), giveUp: note('giveUp'), reject: note('reject'), timeout: note('timeout') },
    });
    const first = get(url).catch((error) => error.code);
    await expect(get(url)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'http://localhost' });
    expect(await first).toBe('ERR_TIMEOUT');
    expect(log).toMatchObject([
      { type: 'reject', key: 'http://localhost', by: 'bulkhead', event: { reason: 'full' } },
      { type: 'giveUp', reason: 'not-retryable', attempts: 1 },
      { type: 'retry', attempt: 1, delayMs: 0 },
      { type: 'timeout', of: 'attempt', timeoutMs: 20 },
      { type: 'giveUp', reason: 'attempts', attempts: 2 },
    ]);
  });
});

it('a custom fetch is called as a function, because a browser rejects it as a method', async () => {
  const seen: unknown[] = [];
  async function fetch(this: unknown, _input: string, _init?: RequestInit) {
    seen.push(this);
    return new Response('ok');
  }
  const resilient = resilientFetch({ fetch });
  await resilient(url);
  await resilient('not a URL at all').catch(() => {});
  await (resilient as (input: never) => Promise<unknown>)(7 as never).catch(() => {});
  expect(new Set(seen)).toEqual(new Set([undefined]));
});
