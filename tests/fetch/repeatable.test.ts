import { resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';

const url = 'http://a.test/';
const retry = { backoff: () => 0 };

/** A fetch that answers in the given way, one after the other, and reads the bodies that it gets. */
function fetchWith(...answers: readonly (number | Error)[]) {
  const bodies: (string | undefined)[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, { ...init, ...(init?.body ? { duplex: 'half' } : {}) } as RequestInit);
    bodies.push(request.body === null ? undefined : await request.text());
    const answer = answers[Math.min(bodies.length, answers.length) - 1]!;
    if (typeof answer !== 'number') throw answer;
    return new Response('answer', { status: answer });
  };
  return { fetch, bodies };
}

const failed = (code: string, syscall: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code, syscall }) });

describe('A request that was never sent', () => {
  const refused = () => failed('ECONNREFUSED', 'connect');

  it.each<[string, RequestInit, string]>([
    ['a POST of text', { method: 'POST', body: 'body' }, 'body'],
    ['a POST of bytes', { method: 'POST', body: new TextEncoder().encode('body') }, 'body'],
    ['a PATCH of a form', { method: 'PATCH', body: new URLSearchParams('a=b') }, 'a=b'],
  ])('%s is sent again', async (_name, init, body) => {
    const { fetch, bodies } = fetchWith(refused(), refused(), 200);
    const response = await resilientFetch({ fetch, retry, repeatable: () => false })(url, init);
    expect([response.status, bodies]).toEqual([200, [body, body, body]]);
  });

  it('a body is sent again as it was at the call', async () => {
    const { fetch, bodies } = fetchWith(refused(), 200);
    const body = new TextEncoder().encode('body');
    const call = resilientFetch({ fetch, retry })(url, { method: 'POST', body });
    body.fill(0);
    await call;
    expect(bodies).toEqual(['body', 'body']);
  });

  it('the attempt after a connection is the last one', async () => {
    const { fetch, bodies } = fetchWith(refused(), 503, 200);
    const response = await resilientFetch({ fetch, retry })(url, { method: 'POST', body: 'body' });
    expect([response.status, bodies.length]).toEqual([503, 2]);
  });

  it('the attempt after a connection ends the call without a further delay', async () => {
    const { fetch } = fetchWith(refused(), 503);
    const events: string[] = [];
    const on = {
      retry: ({ attempt }: { readonly attempt: number }) => events.push(`retry ${attempt}`),
      giveUp: ({ reason, attempts }: { readonly reason: string; readonly attempts: number }) =>
        events.push(`${reason} ${attempts}`),
    };
    await resilientFetch({ fetch, retry, on })(url, { method: 'POST', body: 'body' });
    expect(events).toEqual(['retry 1', 'not-retryable 2']);
  });

  it('a POST of a stream is sent once', async () => {
    const { fetch, bodies } = fetchWith(refused(), 200);
    const init = { method: 'POST', body: new Response('body').body, duplex: 'half' } as RequestInit;
    await expect(resilientFetch({ fetch, retry })(url, init)).rejects.toThrow('fetch failed');
    expect(bodies).toEqual(['body']);
  });

  it('a POST whose connection was reset is sent once', async () => {
    const { fetch, bodies } = fetchWith(failed('ECONNRESET', 'read'), 200);
    await expect(resilientFetch({ fetch, retry })(url, { method: 'POST', body: 'body' })).rejects.toThrow(
      'fetch failed',
    );
    expect(bodies).toEqual(['body']);
  });

  it('a POST is sent once without retries', async () => {
    const { fetch, bodies } = fetchWith(refused(), 200);
    await expect(resilientFetch({ fetch, retry: false })(url, { method: 'POST' })).rejects.toThrow('fetch failed');
    expect(bodies).toHaveLength(1);
  });
});

describe('The option repeatable', () => {
  it('a POST is repeated if it says so', async () => {
    const { fetch, bodies } = fetchWith(503, 200);
    const response = await resilientFetch({ fetch, retry, repeatable: ({ url }) => url.pathname === '/search' })(
      'http://a.test/search',
      { method: 'POST', body: 'query' },
    );
    expect([response.status, bodies]).toEqual([200, ['query', 'query']]);
  });

  it('a GET is not repeated if it says so', async () => {
    const { fetch, bodies } = fetchWith(503, 200);
    const response = await resilientFetch({ fetch, retry, repeatable: () => false })(url);
    expect([response.status, bodies.length]).toEqual([503, 1]);
  });

  it('the call rejects if it throws or does not return a boolean', async () => {
    const { fetch, bodies } = fetchWith(200);
    const throwing = () => {
      throw new Error('mine');
    };
    await expect(resilientFetch({ fetch, repeatable: throwing })(url)).rejects.toThrow('mine');
    for (const value of [undefined, 1, 'yes', Promise.resolve(true)]) {
      const call = resilientFetch({ fetch, repeatable: (() => value) as never })(url);
      await expect(call).rejects.toThrow('resilientFetch: "repeatable" must return true or false');
    }
    expect(bodies).toEqual([]);
  });

  it('a value that is not a function is rejected at construction', () => {
    expect(() => resilientFetch({ repeatable: true as never })).toThrow('"repeatable"');
  });
});

describe('The body of a Request', () => {
  const put = (body: BodyInit, more: object = {}) =>
    new Request(url, { method: 'PUT', body, duplex: 'half', ...more } as RequestInit);

  it.each([
    [4, 2],
    [3, 1],
    [0, 1],
    [Infinity, 2],
  ])('a body of 4 bytes with a replayLimit of %s is sent %i times, whole', async (replayLimit, times) => {
    const { fetch, bodies } = fetchWith(503, 200);
    const response = await resilientFetch({ fetch, retry, replayLimit })(put('body'));
    expect([response.status, bodies]).toEqual([times === 2 ? 200 : 503, Array(times).fill('body')]);
  });

  it('a long body passes as a stream after its beginning was read', async () => {
    const { fetch, bodies } = fetchWith(503, 200);
    const chunks = Array.from({ length: 100 }, (_, index) => `chunk ${index} `);
    const body = new ReadableStream({
      pull(controller) {
        const chunk = chunks.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(chunk));
      },
    });
    const whole = chunks.join('');
    const response = await resilientFetch({ fetch, retry, replayLimit: 50 })(put(body));
    expect([response.status, bodies]).toEqual([503, [whole]]);
  });

  it('the members of the Request stay', async () => {
    let seen: Request | undefined;
    const fetch = async (input: Request): Promise<Response> => {
      seen = input;
      return new Response('ok');
    };
    await resilientFetch({ fetch, retry })(put('body', { redirect: 'manual', headers: { 'x-a': 'b' } }));
    expect([seen?.method, seen?.redirect, seen?.headers.get('x-a')]).toEqual(['PUT', 'manual', 'b']);
  });

  it('an error of the body rejects the call and is not retried', async () => {
    const { fetch, bodies } = fetchWith(200);
    const body = new ReadableStream({ start: (controller) => controller.error(new Error('broken source')) });
    const events: string[] = [];
    const call = resilientFetch({ fetch, retry, on: { retry: () => events.push('retry') } })(put(body));
    await expect(call).rejects.toThrow('broken source');
    expect([bodies, events]).toEqual([[], []]);
  });

  it('an abort while the body is read rejects with the reason and cancels the body', async () => {
    const { fetch, bodies } = fetchWith(200);
    let cancelled = 0;
    const body = new ReadableStream({
      cancel: () => {
        cancelled++;
      },
    });
    const controller = new AbortController();
    const call = resilientFetch({ fetch, retry })(put(body), { signal: controller.signal });
    const rejection = call.catch((error: unknown) => error);
    await settle();
    controller.abort('left');
    expect([await rejection, bodies]).toEqual(['left', []]);
    await settle();
    expect(cancelled).toBe(1);
  });

  it('the total timeout ends the reading of a body that never ends', async () => {
    const clock = new TestClock();
    const { fetch } = fetchWith(200);
    const call = resilientFetch({ fetch, clock, timeout: '30s' })(put(new ReadableStream()));
    const rejection = call.catch((error: { code?: string }) => error.code);
    await clock.advance(60_000);
    expect(await rejection).toBe('ERR_TIMEOUT');
  });

  it('a used body rejects as fetch words it, at the first attempt', async () => {
    const request = put('body');
    await request.text();
    let retries = 0;
    const call = resilientFetch({ retry, on: { retry: () => retries++ } })(request);
    await expect(call).rejects.toThrow(TypeError);
    expect(retries).toBe(0);
  });

  it('a body is not read first without retries', async () => {
    const { fetch, bodies } = fetchWith(200);
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('begin '));
        setTimeout(() => controller.enqueue(new TextEncoder().encode('end')), 5);
        setTimeout(() => controller.close(), 10);
      },
    });
    await resilientFetch({ fetch, retry: false })(put(body));
    expect(bodies).toEqual(['begin end']);
  });
});
