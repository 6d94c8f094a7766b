import { InvalidOptionError, pipeline, resilientFetch, retry } from 'breakwater';
import { dedupe } from 'breakwater/dedupe';
import { cachedFetch } from 'breakwater/http-cache';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const url = 'http://a.test/';

/** A fetch that records its arguments and answers with the given statuses; the last one is repeated. */
function recordingFetch(...statuses: readonly number[]) {
  const calls: { readonly input: unknown; readonly init: Record<string, unknown> }[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    calls.push({ input, init: { ...init } });
    const status = statuses[Math.min(calls.length, statuses.length) - 1] ?? 200;
    return new Response('answer', { status });
  };
  return { fetch, calls };
}

/** A fetch whose requests hang until they are aborted. */
const hangingFetch = (_input: string | URL | Request, init?: RequestInit): Promise<Response> =>
  new Promise((_, reject) => {
    init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
  });

const withOptions = (request: Request, breakwater: unknown): Request => Object.assign(request, { breakwater });

describe('The options of a call', () => {
  const clock = () => new TestClock();

  it.each<[string, (fetch: ReturnType<typeof resilientFetch>) => Promise<Response>]>([
    ['the second argument', (fetch) => fetch(url, { breakwater: { timeout: 200 } })],
    ['a property of a Request', (fetch) => fetch(withOptions(new Request(url), { timeout: 200 }))],
    [
      'a Request as the second argument',
      (fetch) => fetch(url, withOptions(new Request(url), { timeout: 200 }) as RequestInit),
    ],
    ['with', (fetch) => fetch.breakwater.with({ timeout: 200 })(url)],
    ['with twice', (fetch) => fetch.breakwater.with({ timeout: 200 }).breakwater.with({ priority: 1 })(url)],
    [
      'the second argument before a Request and with',
      (fetch) =>
        fetch.breakwater.with({ timeout: 900 })(withOptions(new Request(url), { timeout: 700 }), {
          breakwater: { timeout: 200 },
        }),
    ],
    [
      'a Request if the second argument has undefined',
      (fetch) => fetch(withOptions(new Request(url), { timeout: 200 }), { breakwater: { timeout: undefined } }),
    ],
  ])('are read from %s', async (_place, call) => {
    const time = clock();
    const result = watch(call(resilientFetch({ fetch: hangingFetch, clock: time })));
    await time.advance(199);
    expect(result.state).toBe('pending');
    await time.advance(1);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 200 });
    expect(time.pendingTimers).toBe(0);
  });

  it('a timeout may be longer than that of the instance', async () => {
    const time = clock();
    const fetch = resilientFetch({ fetch: hangingFetch, clock: time, timeout: 100, retry: false });
    const result = watch(fetch(url, { breakwater: { timeout: 5_000, attemptTimeout: Infinity } }));
    await time.advance(4_999);
    expect(result.state).toBe('pending');
    await time.advance(1);
    expect(result.error).toMatchObject({ timeoutMs: 5_000 });
  });

  it('attemptTimeout limits each attempt', async () => {
    const time = clock();
    const timeouts: unknown[] = [];
    const fetch = resilientFetch({
      fetch: hangingFetch,
      clock: time,
      retry: { backoff: () => 0 },
      on: { timeout: (event) => timeouts.push(event) },
    });
    const result = watch(fetch(url, { breakwater: { attemptTimeout: 50 } }));
    await time.advance(150);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 50 });
    expect(timeouts).toEqual(Array(3).fill({ key: 'http://a.test', method: 'GET', of: 'attempt', timeoutMs: 50 }));
  });

  it('calls with other timeouts share the breaker, the bulkhead and the budget', async () => {
    const { fetch: inner } = recordingFetch(503);
    const fetch = resilientFetch({ fetch: inner, retry: false, circuitBreaker: { consecutiveFailures: 2 } });
    await fetch(url, { breakwater: { timeout: 10_000 } });
    await fetch(url, { breakwater: { attemptTimeout: 5_000 } });
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });

  it('calls with 300 different timeouts share one breaker', async () => {
    const { fetch: inner, calls } = recordingFetch(200);
    const fetch = resilientFetch({ fetch: inner });
    for (let ms = 1_000; ms < 1_300; ms++) await fetch(url, { breakwater: { timeout: ms } });
    expect(calls).toHaveLength(300);
    expect(fetch.breakwater.snapshot().keys).toMatchObject([{ circuitBreaker: { calls: 300 } }]);
  });

  it('a lower priority number leaves the bulkhead first', async () => {
    const order: string[] = [];
    const open: (() => void)[] = [];
    const inner = (input: string | URL | Request, _init?: RequestInit) =>
      new Promise<Response>((resolve) => {
        order.push(new URL(String(input)).pathname);
        open.push(() => resolve(new Response()));
      });
    const fetch = resilientFetch({ fetch: inner, bulkhead: { maxConcurrent: 1 } });
    const calls = [
      fetch(`${url}first`),
      fetch(`${url}later`, { breakwater: { priority: 9 } }),
      fetch(`${url}default`),
      fetch(`${url}sooner`, { breakwater: { priority: 0 } }),
    ];
    for (let n = 0; n < 4; n++) {
      await new Promise(setImmediate);
      open[n]?.();
    }
    await Promise.all(calls);
    expect(order).toEqual(['/first', '/sooner', '/default', '/later']);
  });

  it('a key selects the breaker', async () => {
    const { fetch: inner } = recordingFetch(503);
    const fetch = resilientFetch({ fetch: inner, retry: false, circuitBreaker: { consecutiveFailures: 1 } });
    await fetch(url, { breakwater: { key: 'reports' } });
    await expect(fetch(url, { breakwater: { key: 'reports' } })).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    expect((await fetch(url)).status).toBe(503);
    expect(fetch.breakwater.snapshot().keys.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['reports', 'http://a.test']),
    );
  });

  it.each([
    ['true', true, 3],
    ['a function that returns true', () => true, 3],
    ['false', false, 1],
  ])('repeatable: %s decides whether a POST is sent again', async (_name, repeatable, requests) => {
    const { fetch: inner, calls } = recordingFetch(503);
    const fetch = resilientFetch({ fetch: inner, retry: { backoff: () => 0 }, repeatable: () => !repeatable });
    await fetch(url, { method: 'POST', body: 'text', breakwater: { repeatable } });
    expect(calls).toHaveLength(requests);
  });

  it('repeatable: true does not repeat a stream', async () => {
    const { fetch: inner, calls } = recordingFetch(503);
    const fetch = resilientFetch({ fetch: inner, retry: { backoff: () => 0 } });
    const init = { method: 'POST', body: new Response('text').body, duplex: 'half' } as RequestInit;
    await fetch(url, { ...init, breakwater: { repeatable: true } });
    expect(calls).toHaveLength(1);
  });

  it('classify judges the outcomes of the call', async () => {
    const { fetch: inner, calls } = recordingFetch(404, 200);
    const fetch = resilientFetch({ fetch: inner, retry: { backoff: () => 0 } });
    const response = await fetch(url, {
      breakwater: { classify: (outcome) => (outcome.ok && outcome.value.status < 400 ? 'success' : 'failure') },
    });
    expect([response.status, calls.length]).toEqual([200, 2]);
  });

  it('are not passed on', async () => {
    const { fetch: inner, calls } = recordingFetch(503, 503, 200);
    const fetch = resilientFetch({ fetch: inner, retry: { backoff: () => 0 } });
    await fetch(withOptions(new Request(url), { priority: 1 }), { breakwater: { priority: 2 } });
    await fetch(url, { method: 'POST', breakwater: { priority: 2 } });
    await fetch(withOptions(new Request(url, { method: 'POST', body: 'text' }), { priority: 1 }));
    expect(calls).toHaveLength(5);
    for (const { input, init } of calls) {
      expect(init).not.toHaveProperty('breakwater');
      expect(input).not.toHaveProperty('breakwater');
    }
  });

  it('are not passed on with a URL that fetch rejects', async () => {
    const { fetch: inner, calls } = recordingFetch(200);
    await resilientFetch({ fetch: inner })('http://[', { breakwater: { priority: 2 } });
    expect(calls[0]?.init).not.toHaveProperty('breakwater');
  });

  it('a body and a signal of a Request with options still work', async () => {
    const bodies: string[] = [];
    const inner = async (input: Request, init?: RequestInit): Promise<Response> => {
      bodies.push(await new Request(input, init).text());
      return new Response(null, { status: bodies.length < 2 ? 503 : 200 });
    };
    const fetch = resilientFetch({ fetch: inner, retry: { backoff: () => 0 } });
    const put = () => withOptions(new Request(url, { method: 'PUT', body: 'text' }), { priority: 1 });
    expect((await fetch(put())).status).toBe(200);
    expect(bodies).toEqual(['text', 'text']);

    const controller = new AbortController();
    const hanging = resilientFetch({ fetch: hangingFetch });
    const call = hanging(withOptions(new Request(url, { signal: controller.signal }), { priority: 1 }));
    controller.abort(new Error('no longer needed'));
    await expect(call).rejects.toThrow('no longer needed');
  });

  it('are read once, at the call', async () => {
    let reads = 0;
    const options = {
      get timeout() {
        reads++;
        return 100;
      },
    };
    const { fetch: inner } = recordingFetch(503, 200);
    await resilientFetch({ fetch: inner, retry: { backoff: () => 0 } })(url, { breakwater: options });
    expect(reads).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'breakwater'],
    ['text', '5s', 'breakwater'],
    ['an unknown option', { timeuot: 5 }, 'breakwater.timeuot'],
    ['an option of the instance', { retry: false }, 'breakwater.retry'],
    ['a timeout of 0', { timeout: 0 }, 'breakwater.timeout'],
    ['a timeout that is NaN', { timeout: NaN }, 'breakwater.timeout'],
    ['an attemptTimeout of text', { attemptTimeout: 'soon' }, 'breakwater.attemptTimeout'],
    ['an infinite priority', { priority: Infinity }, 'breakwater.priority'],
    ['a key that is a number', { key: 7 }, 'breakwater.key'],
    ['a repeatable that is text', { repeatable: 'yes' }, 'breakwater.repeatable'],
    ['a classify that is no function', { classify: 'success' }, 'breakwater.classify'],
  ])('%s is an InvalidOptionError before anything is sent', async (_name, breakwater, option) => {
    const { fetch: inner, calls } = recordingFetch(200);
    const fetch = resilientFetch({ fetch: inner });
    const given = { breakwater } as never;
    const expected = { code: 'ERR_INVALID_OPTION', owner: 'resilientFetch', option };
    await expect(fetch(url, given)).rejects.toMatchObject(expected);
    await expect(fetch(withOptions(new Request(url), breakwater))).rejects.toMatchObject(expected);
    expect(() => fetch.breakwater.with(breakwater as never)).toThrow(InvalidOptionError);
    expect(calls).toHaveLength(0);
    expect(fetch.breakwater.snapshot()).toMatchObject({ inFlight: 0 });
  });

  it('a repeatable that does not return a boolean rejects the call', async () => {
    const fetch = resilientFetch({ fetch: recordingFetch(200).fetch });
    await expect(fetch(url, { breakwater: { repeatable: (() => 'yes') as never } })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      option: 'repeatable',
    });
  });

  it('a property that Object.prototype has is not read', async () => {
    Object.defineProperty(Object.prototype, 'breakwater', { value: { timeout: -1 }, configurable: true });
    try {
      const fetch = resilientFetch({ fetch: recordingFetch(200).fetch });
      expect((await fetch(url)).status).toBe(200);
      expect((await fetch(new Request(url), { method: 'GET' })).status).toBe(200);
    } finally {
      delete (Object.prototype as { breakwater?: unknown }).breakwater;
    }
  });

  it('the timeout limits a policy of the caller, which has no attempt timeout', async () => {
    const time = clock();
    const policy = pipeline(retry({ backoff: () => 0, clock: time }));
    const fetch = resilientFetch({ fetch: hangingFetch, policy, clock: time });
    const result = watch(fetch(url, { breakwater: { timeout: 300 } }));
    await time.advance(300);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 300 });
    const option = 'breakwater.attemptTimeout';
    await expect(fetch(url, { breakwater: { attemptTimeout: 1 } })).rejects.toMatchObject({ option });
    expect(() => fetch.breakwater.with({ attemptTimeout: 1 })).toThrow(InvalidOptionError);
  });
});

describe('Calls with options and other features', () => {
  it('dedupe shares a request only among calls with equal options', async () => {
    const { fetch: inner, calls } = recordingFetch(200);
    const fetch = resilientFetch({ fetch: inner, dedupe: dedupe() });
    const classify = () => 'success' as const;
    await Promise.all([
      fetch(url, { breakwater: { timeout: '5s', classify } }),
      fetch(url, { breakwater: { timeout: 5_000, classify } }),
      fetch.breakwater.with({ timeout: '5s' })(url, { breakwater: { classify } }),
      fetch(url, { breakwater: { timeout: '6s', classify } }),
      fetch(url, { breakwater: { timeout: '5s' } }),
      fetch(url),
      fetch(url),
    ]);
    expect(calls).toHaveLength(4);
  });

  it('cachedFetch passes the options on, and shares its entries among calls with different ones', async () => {
    const requests: unknown[] = [];
    const inner = async (_input: unknown, init?: RequestInit): Promise<Response> => {
      requests.push({ ...init });
      return new Response('fresh', { headers: { 'cache-control': 'max-age=60' } });
    };
    const keys: unknown[] = [];
    const fetch = cachedFetch(resilientFetch({ fetch: inner, on: { call: ({ key }) => keys.push(key) } }));
    await (await fetch(url, { breakwater: { key: 'one' } })).text();
    expect(await (await fetch(url, { breakwater: { key: 'two' } })).text()).toBe('fresh');
    expect(keys).toEqual(['one']);
    expect(requests).toHaveLength(1);
    expect(requests[0]).not.toHaveProperty('breakwater');
  });

  it('an instance inside another one does not read the options of the outer call', async () => {
    const { fetch: inner, calls } = recordingFetch(503);
    const nested = resilientFetch({ fetch: inner, retry: false });
    const fetch = resilientFetch({ fetch: nested, retry: { backoff: () => 0 } });
    await fetch(withOptions(new Request(url), { key: 'outer' }), { breakwater: { priority: 1 } });
    expect(calls).toHaveLength(3);
    expect(nested.breakwater.snapshot().keys.map(({ key }) => key)).toEqual(['http://a.test']);
  });

  it('the function has the own properties of the given fetch', () => {
    const inner = Object.assign(async () => new Response(), { preconnect: () => 'connected' });
    expect(resilientFetch({ fetch: inner }).preconnect()).toBe('connected');
  });
});
