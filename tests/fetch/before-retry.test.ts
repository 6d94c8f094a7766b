import { type RequestChanges, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const url = 'http://a.test/path?x=1';
const retry = { backoff: () => 0 };

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

type Answer = number | Error | Response;

/** A fetch that answers in the given way, one after the other, and records what it was asked. */
function fetchWith(...answers: readonly Answer[]) {
  const sent: Sent[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const { method, url, headers } = request;
    sent.push({ method, url, headers: Object.fromEntries(headers), body: await request.text() });
    const answer = answers[Math.min(sent.length, answers.length) - 1]!;
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer : new Response('answer', { status: answer });
  };
  return { fetch, sent };
}

const refused = () =>
  new TypeError('fetch failed', {
    cause: Object.assign(new Error('ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' }),
  });

const unauthorizedFails = (outcome: { ok: boolean; value?: unknown }) =>
  outcome.ok && (outcome.value as Response).status === 200 ? ('success' as const) : ('failure' as const);

describe('beforeRetry', () => {
  it('receives the failed attempt and the request, and its token is sent with all later attempts', async () => {
    const { fetch, sent } = fetchWith(401, 503, 200);
    const events: unknown[] = [];
    const response = await resilientFetch({
      fetch,
      retry,
      classify: unauthorizedFails,
      beforeRetry: async ({ attempt, outcome, request, signal }) => {
        events.push([attempt, outcome.ok && (outcome.value as Response).status, request.method, request.url.href]);
        expect(signal.aborted).toBe(false);
        return attempt === 1 ? { headers: { Authorization: 'Bearer fresh' } } : undefined;
      },
    })(url, { headers: { authorization: 'Bearer stale', 'x-other': 'kept' } });
    expect(response.status).toBe(200);
    expect(events).toEqual([
      [1, 401, 'GET', url],
      [2, 503, 'GET', url],
    ]);
    expect(sent.map(({ headers }) => [headers.authorization, headers['x-other']])).toEqual([
      ['Bearer stale', 'kept'],
      ['Bearer fresh', 'kept'],
      ['Bearer fresh', 'kept'],
    ]);
  });

  it('may return nothing', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    let calls = 0;
    const beforeRetry = () => {
      calls++;
      return undefined;
    };
    await resilientFetch({ fetch, retry, beforeRetry })(url);
    expect([sent.length, calls]).toEqual([2, 1]);
  });

  it('is not called before the first attempt, and not after the last one', async () => {
    const { fetch } = fetchWith(503);
    const attempts: number[] = [];
    const beforeRetry = ({ attempt }: { readonly attempt: number }) => {
      attempts.push(attempt);
      return undefined;
    };
    await resilientFetch({ fetch, retry, beforeRetry })(url);
    expect(attempts).toEqual([1, 2]);
  });

  it('is called after the delay, and the attempt waits for it', async () => {
    const clock = new TestClock();
    const { fetch, sent } = fetchWith(503, 200);
    const log: string[] = [];
    const call = watch(
      resilientFetch({
        fetch,
        clock,
        retry: { backoff: () => 1_000 },
        beforeRetry: async () => {
          log.push(`called at ${clock.now()}`);
          await new Promise<void>((resolve) => clock.setTimeout(resolve, 500));
          return {};
        },
      })(url),
    );
    await clock.advance(1_499);
    expect([sent.length, log]).toEqual([1, ['called at 1000']]);
    await clock.advance(1);
    expect(sent).toHaveLength(2);
    expect(call.state).toBe('fulfilled');
  });

  it.each<[string, RequestInit | Request | undefined, RequestChanges, Partial<Sent>]>([
    ['an absolute URL', undefined, { url: 'http://b.test/other' }, { url: 'http://b.test/other' }],
    ['a relative URL', undefined, { url: '/other' }, { url: 'http://a.test/other' }],
    ['a URL object', undefined, { url: new URL('http://b.test/') }, { url: 'http://b.test/' }],
    ['the URL of a Request', new Request(url), { url: 'http://a.test/other' }, { url: 'http://a.test/other' }],
    [
      'the URL of a Request with a body',
      new Request(url, { method: 'PUT', body: 'text' }),
      { url: 'http://a.test/other' },
      { url: 'http://a.test/other', method: 'PUT', body: 'text' },
    ],
    ['headers of a Headers object', undefined, { headers: new Headers({ 'x-a': '1' }) }, { headers: { 'x-a': '1' } }],
    ['headers of pairs', undefined, { headers: [['X-A', '1']] }, { headers: { 'x-a': '1' } }],
    ['a header that is removed', { headers: { 'x-a': '1' } }, { headers: { 'x-a': undefined } }, { headers: {} }],
    [
      'a header of a Request',
      new Request(url, { headers: { 'x-a': '1' } }),
      { headers: { 'x-b': '2' } },
      { headers: { 'x-a': '1', 'x-b': '2' } },
    ],
    ['a method', undefined, { method: 'HEAD' }, { method: 'HEAD' }],
    ['a body', { method: 'PUT', body: 'old' }, { body: 'new' }, { method: 'PUT', body: 'new' }],
    ['a body of a Request', new Request(url, { method: 'PUT', body: 'old' }), { body: 'new' }, { body: 'new' }],
    ['bytes', { method: 'PUT', body: 'old' }, { body: new TextEncoder().encode('new') }, { body: 'new' }],
    [
      'no body and another method',
      new Request(url, { method: 'PUT', body: 'old', headers: { 'x-a': '1' } }),
      { body: null, method: 'GET' },
      { body: '', method: 'GET', headers: { 'x-a': '1' } },
    ],
  ])('changes %s', async (_name, request, changes, expected) => {
    const { fetch, sent } = fetchWith(503, 200);
    const guarded = resilientFetch({ fetch, retry, beforeRetry: () => changes });
    if (request instanceof Request) await guarded(request);
    else await guarded(url, request);
    expect(sent).toHaveLength(2);
    for (const [name, value] of Object.entries(expected)) {
      const seen = sent[1]?.[name as keyof Sent];
      if (name !== 'headers') expect(seen).toBe(value);
      else
        for (const field of ['x-a', 'x-b'])
          expect((seen as Record<string, string>)[field]).toBe((value as Record<string, string>)[field]);
    }
  });

  it('a typed body replaces the Content-Type of the old one', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    const beforeRetry = () => ({ body: new URLSearchParams('a=b') });
    await resilientFetch({ fetch, retry, beforeRetry })(url, {
      method: 'PUT',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(sent.map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ]);
  });

  it('a body that is a stream is sent once more, and no further attempt follows', async () => {
    const { fetch, sent } = fetchWith(503);
    const beforeRetry = () => ({ body: new Response('stream').body });
    const response = await resilientFetch({ fetch, retry, beforeRetry })(url, { method: 'PUT', body: 'text' });
    expect([response.status, sent.map(({ body }) => body)]).toEqual([503, ['text', 'stream']]);
  });

  it('a change of the origin removes credentials, and uses the policies of the new key', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    const guarded = resilientFetch({
      fetch,
      retry,
      beforeRetry: () => ({ url: 'http://b.test/', headers: { cookie: 'of-b=1' } }),
    });
    await guarded(url, { headers: { authorization: 'secret', cookie: 'of-a=1', 'x-other': 'kept' } });
    expect(sent[1]?.headers).toMatchObject({ cookie: 'of-b=1', 'x-other': 'kept' });
    expect(sent[1]?.headers).not.toHaveProperty('authorization');
    const keys = guarded.breakwater
      .snapshot()
      .keys.map(({ key, circuitBreaker }) => [key, circuitBreaker?.calls, circuitBreaker?.failures]);
    expect(keys.sort()).toEqual([
      ['http://a.test', 1, 1],
      ['http://b.test', 1, 0],
    ]);
  });

  it('a change of the origin does not leave the key of the call', async () => {
    const { fetch } = fetchWith(503, 200);
    const guarded = resilientFetch({ fetch, retry, beforeRetry: () => ({ url: 'http://b.test/' }) });
    await guarded(url, { breakwater: { key: 'mine' } });
    expect(guarded.breakwater.snapshot().keys).toMatchObject([{ key: 'mine', circuitBreaker: { calls: 2 } }]);
  });

  it('an open breaker of the first origin does not reject the attempt at another one', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    const options = { circuitBreaker: { consecutiveFailures: 1 }, beforeRetry: () => ({ url: 'http://b.test/' }) };
    const response = await resilientFetch({ fetch, retry, ...options })(url);
    expect([response.status, sent[1]?.url]).toEqual([200, 'http://b.test/']);
  });

  it('a relative URL of a custom fetch stays relative', async () => {
    const inputs: unknown[] = [];
    const fetch = async (input: string): Promise<Response> => {
      inputs.push(input);
      return new Response(null, { status: inputs.length < 2 ? 503 : 200 });
    };
    await resilientFetch({ fetch, retry, beforeRetry: () => ({ url: '/other' }) })('/path');
    expect(inputs).toEqual(['/path', '/other']);
  });

  it('a route receives the new URL', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    const route = ({ url }: { readonly url: URL }) => ({ url: new URL(url.pathname, 'http://node.test') });
    await resilientFetch({ fetch, retry, route, beforeRetry: () => ({ url: '/other' }) })(url);
    expect(sent.map((request) => request.url)).toEqual(['http://node.test/path', 'http://node.test/other']);
  });

  it('the method of a request that was never sent may become repeatable', async () => {
    const { fetch, sent } = fetchWith(refused(), 503, 200);
    const beforeRetry = () => ({ method: 'PUT' });
    const response = await resilientFetch({ fetch, retry, beforeRetry })(url, { method: 'POST', body: 'text' });
    expect([response.status, sent.map(({ method }) => method)]).toEqual([200, ['POST', 'PUT', 'PUT']]);
  });

  it('a method that is not repeatable is sent once', async () => {
    const { fetch, sent } = fetchWith(503);
    const gaveUp: unknown[] = [];
    const options = { beforeRetry: () => ({ method: 'POST' }), on: { giveUp: (event: unknown) => gaveUp.push(event) } };
    const response = await resilientFetch({ fetch, retry, ...options })(url, { method: 'PUT', body: 'text' });
    expect([response.status, sent.map(({ method }) => method)]).toEqual([503, ['PUT', 'POST']]);
    expect(gaveUp).toEqual([{ key: 'http://a.test', method: 'POST', reason: 'not-retryable', attempts: 2 }]);
  });

  it('a non-repeatable request is not prepared', async () => {
    const { fetch, sent } = fetchWith(503);
    let calls = 0;
    const beforeRetry = () => {
      calls++;
      return { method: 'GET' };
    };
    await resilientFetch({ fetch, retry, beforeRetry })(url, { method: 'POST', body: 'text' });
    expect([sent.length, calls]).toEqual([1, 0]);
  });

  it('changes to the request it receives have no effect', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    await resilientFetch({
      fetch,
      retry,
      beforeRetry: ({ request }) => {
        request.url.pathname = '/changed';
        const { headers } = request.init as { readonly headers: Headers };
        headers.set('x-a', 'changed');
        return undefined;
      },
    })(url, { headers: new Headers({ 'x-a': '1' }) });
    expect(sent[1]).toEqual(sent[0]);
  });

  it('may send requests with the same instance while no slot is free for them', async () => {
    const { fetch, sent } = fetchWith(503, 200);
    const guarded: ReturnType<typeof resilientFetch> = resilientFetch({
      fetch,
      retry,
      bulkhead: { maxConcurrent: 1, maxQueue: 0 },
      beforeRetry: async () => {
        const token = await (await guarded('http://a.test/token')).text();
        return { headers: { authorization: token } };
      },
    });
    expect((await guarded(url)).status).toBe(200);
    expect(sent.map((request) => [new URL(request.url).pathname, request.headers.authorization])).toEqual([
      ['/path', undefined],
      ['/token', undefined],
      ['/path', 'answer'],
    ]);
  });
});

describe('A beforeRetry that fails', () => {
  it('ends the call with its error, whose cause is the error of the attempt', async () => {
    const failure = refused();
    const { fetch, sent } = fetchWith(failure);
    const gaveUp: unknown[] = [];
    const error = new Error('no token');
    const options = {
      beforeRetry: () => Promise.reject(error),
      on: { giveUp: (event: unknown) => gaveUp.push(event) },
    };
    await expect(resilientFetch({ fetch, retry, ...options })(url)).rejects.toBe(error);
    expect(error.cause).toBe(failure);
    expect(sent).toHaveLength(1);
    expect(gaveUp).toEqual([{ key: 'http://a.test', method: 'GET', reason: 'not-retryable', attempts: 1 }]);
  });

  it.each<[string, () => unknown]>([
    [
      'a synchronous error',
      () => {
        throw new Error('sync');
      },
    ],
    [
      'an error with its own cause',
      () => {
        throw new Error('own', { cause: 'mine' });
      },
    ],
    [
      'a frozen error',
      () => {
        throw Object.freeze(new Error('frozen'));
      },
    ],
    ['a value that is no error', () => Promise.reject('text')],
    ['a rejected thenable', () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject('thenable') })],
  ])('%s ends the call unchanged', async (_name, beforeRetry) => {
    let thrown: unknown;
    try {
      await beforeRetry();
    } catch (error) {
      thrown = error;
    }
    const { fetch } = fetchWith(refused());
    const result = await resilientFetch({ fetch, retry, beforeRetry: beforeRetry as never })(url).catch(
      (error) => error,
    );
    if (thrown instanceof Error) expect(result.message).toBe(thrown.message);
    else expect(result).toBe(thrown);
    if (result instanceof Error && result.message === 'own') expect(result.cause).toBe('mine');
  });

  it('that never settles ends with the timeout of the call', async () => {
    const clock = new TestClock();
    const { fetch } = fetchWith(503);
    const call = watch(
      resilientFetch({ fetch, clock, retry, timeout: 5_000, beforeRetry: () => new Promise<undefined>(() => {}) })(url),
    );
    await clock.advance(4_999);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('that is running when the caller aborts rejects with the reason, and its signal aborts', async () => {
    const controller = new AbortController();
    const { fetch, sent } = fetchWith(503);
    let seen: AbortSignal | undefined;
    let finish = (_changes: RequestChanges) => {};
    const gaveUp: unknown[] = [];
    const call = resilientFetch({
      fetch,
      retry,
      beforeRetry: ({ signal }) => {
        seen = signal;
        return new Promise<RequestChanges>((resolve) => {
          finish = resolve;
        });
      },
      on: { giveUp: ({ reason }) => gaveUp.push(reason) },
    })(url, { signal: controller.signal });
    const result = watch(call);
    await new Promise(setImmediate);
    controller.abort(new Error('changed my mind'));
    await result.done;
    expect(result.error).toMatchObject({ message: 'changed my mind' });
    expect(seen?.aborted).toBe(true);
    finish({ url: 'http://[' });
    await new Promise(setImmediate);
    expect(sent).toHaveLength(1);
    expect(gaveUp).toEqual(['aborted']);
  });

  it.each<[string, unknown, string]>([
    ['text', 'http://b.test', 'beforeRetry'],
    ['null', null, 'beforeRetry'],
    ['an array', [], 'beforeRetry'],
    ['a Request', new Request(url), 'beforeRetry'],
    ['an unknown change', { header: {} }, 'beforeRetry.header'],
    ['a URL that cannot be parsed', { url: 'http://[' }, 'beforeRetry.url'],
    ['a method that is a number', { method: 7 }, 'beforeRetry.method'],
    ['headers that are text', { headers: 'x-a: 1' }, 'beforeRetry.headers'],
    ['a header with an invalid name', { headers: { 'x a': '1' } }, 'beforeRetry.headers'],
  ])('that returns %s rejects the call with an InvalidOptionError', async (_name, changes, option) => {
    const { fetch, sent } = fetchWith(503);
    await expect(resilientFetch({ fetch, retry, beforeRetry: () => changes as never })(url)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      option,
    });
    expect(sent).toHaveLength(1);
  });

  it('is rejected at construction if it is no function, or has no effect', () => {
    const beforeRetry = () => undefined;
    for (const options of [{ beforeRetry: {} as never }, { beforeRetry, retry: false as const }]) {
      expect(() => resilientFetch(options)).toThrow(expect.objectContaining({ option: 'beforeRetry' }));
    }
  });

  it('does not hold more than maxElapsed allows', async () => {
    const clock = new TestClock();
    const { fetch, sent } = fetchWith(503);
    const gaveUp: unknown[] = [];
    const call = watch(
      resilientFetch({
        fetch,
        clock,
        retry: { backoff: () => 0, maxElapsed: 1_000 },
        beforeRetry: () => new Promise<undefined>((resolve) => clock.setTimeout(() => resolve(undefined), 2_000)),
        on: { giveUp: ({ reason }) => gaveUp.push(reason) },
      })(url),
    );
    await clock.advance(2_000);
    expect([call.state, sent.length, gaveUp]).toEqual(['fulfilled', 1, ['elapsed']]);
  });
});
