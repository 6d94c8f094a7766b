import { EventEmitter } from 'node:events';
import type { Decision } from 'breakwater/core';
import {
  type IncomingRequest,
  type OutgoingResponse,
  type RateLimitHttpOptions,
  type RateLimitMiddlewareOptions,
  rateLimitMiddleware,
} from 'breakwater/http-server';
import { describe, expect, it, vi } from 'vitest';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { FakeLimiter } from './fake-limiter.js';

/** The part of a response that the middleware uses. */
class FakeResponse extends EventEmitter implements OutgoingResponse {
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  body: string | undefined;
  readonly headers: Record<string, string> = {};

  getHeader(name: string) {
    return this.headers[name];
  }

  setHeader(name: string, value: string) {
    if (this.headersSent) throw new Error('ERR_HTTP_HEADERS_SENT');
    this.headers[name] = value;
  }

  end(body?: string) {
    this.body = body;
    this.headersSent = true;
    this.writableEnded = true;
    this.writableFinished = true;
    this.close();
  }

  destroy() {
    this.close();
  }

  close() {
    this.destroyed = true;
    this.emit('close');
  }
}

interface FakeRequest extends IncomingRequest {
  readonly name?: string;
}

const from = (remoteAddress: string | undefined, headers: FakeRequest['headers'] = {}): FakeRequest => ({
  socket: { remoteAddress },
  headers,
});

type Options = Partial<RateLimitHttpOptions<[request: FakeRequest, response: FakeResponse]>> &
  Pick<RateLimitMiddlewareOptions<FakeRequest, FakeResponse>, 'onRefused'>;

/** Sends one request through the middleware. */
async function send(
  middleware: ReturnType<typeof rateLimitMiddleware<FakeRequest, FakeResponse>>,
  request: FakeRequest = from('192.0.2.1'),
  response = new FakeResponse(),
) {
  const next = vi.fn();
  middleware(request, response, next);
  await settle();
  return { next, response, request };
}

function setup(options: Options = {}, limit = 2) {
  const limiter = new FakeLimiter(limit);
  return { limiter, middleware: rateLimitMiddleware<FakeRequest, FakeResponse>({ limiter, ...options }) };
}

describe('the key', () => {
  it.each<[string, Options, FakeRequest, string]>([
    ['the address', {}, from('192.0.2.1'), '192.0.2.1'],
    ['the address despite X-Forwarded-For', {}, from('192.0.2.1', { 'x-forwarded-for': '198.51.100.1' }), '192.0.2.1'],
    ['the IPv6 network', {}, from('2001:db8:1:2::3'), '2001:db8:1::/56'],
    ['a smaller IPv6 network with ipv6Prefix', { ipv6Prefix: 64 }, from('2001:db8:1:2::3'), '2001:db8:1:2::/64'],
    [
      'the address that a trusted proxy has seen',
      { trustProxy: ['10.0.0.0/8'] },
      from('10.0.0.1', { 'x-forwarded-for': 'spoofed, 192.0.2.9' }),
      '192.0.2.9',
    ],
    [
      'the address in several X-Forwarded-For lines',
      { trustProxy: 2 },
      from('10.0.0.1', { 'x-forwarded-for': ['192.0.2.8', '10.0.0.2'] }),
      '192.0.2.8',
    ],
    [
      'the result of the option key',
      { key: ({ headers }) => String(headers['x-key']) },
      from('10.0.0.1', { 'x-key': 'k' }),
      'k',
    ],
    ['the asynchronous result of the option key', { key: async () => 'later' }, from('10.0.0.1'), 'later'],
    ['empty without an address', {}, from(undefined), ''],
    ['empty if the option key returns undefined', { key: () => undefined }, from('192.0.2.1'), ''],
    ['empty if the option key returns an empty string', { key: () => '' }, from('192.0.2.1'), ''],
    ['empty if a proxy sends no address', { trustProxy: 1 }, from('10.0.0.1', { 'x-forwarded-for': 'unknown' }), ''],
  ])('The key of a request is %s', async (_name, options, request, key) => {
    const { limiter, middleware } = setup(options);
    const { next } = await send(middleware, request);
    expect(limiter.calls).toEqual([`tryAcquire ${key} 1`]);
    expect(next).toHaveBeenCalledExactlyOnceWith();
  });

  it("Without a key, onMissingKey 'skip' admits the request and 'reject' answers 400", async () => {
    const skipping = setup({ onMissingKey: 'skip' });
    const { next, response } = await send(skipping.middleware, from(undefined));
    expect(next).toHaveBeenCalledExactlyOnceWith();
    expect(response.headers).toEqual({});
    expect(skipping.limiter.calls).toEqual([]);

    const onRefused = vi.fn();
    const rejecting = setup({ onMissingKey: 'reject', onRefused });
    const rejected = await send(rejecting.middleware, from(undefined));
    expect(rejected.next).not.toHaveBeenCalled();
    expect([rejected.response.statusCode, rejected.response.headers]).toEqual([
      400,
      { 'content-type': 'application/problem+json' },
    ]);
    expect(JSON.parse(rejected.response.body!)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'The request has no key that it could be counted for.',
    });
    expect(rejecting.limiter.calls).toEqual([]);
    expect(onRefused).not.toHaveBeenCalled();

    const observing = setup({ onMissingKey: 'reject', mode: 'observe' });
    expect((await send(observing.middleware, from(undefined))).next).toHaveBeenCalledExactlyOnceWith();
  });

  it.each([5, null, {}, ['a'], true])('A key of %j is passed to next as InvalidOptionError', async (key) => {
    const { middleware, limiter } = setup({ key: () => key as never });
    const { next } = await send(middleware);
    expect(next.mock.calls).toMatchObject([[{ code: 'ERR_INVALID_OPTION', option: 'key', value: key }]]);
    expect(limiter.calls).toEqual([]);
  });
});

describe('cost and skip', () => {
  it.each<[string, Options, string[]]>([
    ['A cost may be a number', { cost: 2 }, ['tryAcquire 192.0.2.1 2']],
    ['A cost may be a function', { cost: ({ headers }) => Number(headers['x-cost']) }, ['tryAcquire 192.0.2.1 0']],
    ['A cost may be asynchronous', { cost: async () => 1 }, ['tryAcquire 192.0.2.1 1']],
    ['A skipped request takes no tokens', { skip: () => true }, []],
    ['A request that is skipped asynchronously takes no tokens', { skip: async () => true }, []],
    ['A request that is not skipped takes tokens', { skip: () => false }, ['tryAcquire 192.0.2.1 1']],
  ])('%s', async (_name, options, calls) => {
    const { limiter, middleware } = setup(options);
    const { next, response } = await send(middleware, from('192.0.2.1', { 'x-cost': '0' }));
    expect(limiter.calls).toEqual(calls);
    expect(next).toHaveBeenCalledExactlyOnceWith();
    if (calls.length === 0) expect(response.headers).toEqual({});
  });

  it('skip, key and cost receive the request and the response', async () => {
    const seen: unknown[] = [];
    const { middleware } = setup({
      skip: (...args) => seen.push(args) < 0,
      key: (...args) => `${seen.push(args)}`,
      cost: (...args) => seen.push(args) * 0,
    });
    const { request, response } = await send(middleware);
    expect(seen).toEqual(Array(3).fill([request, response]));
  });
});

describe('headers', () => {
  it.each<[string, Options, Record<string, string>]>([
    [
      'has the headers of draft 10 by default',
      {},
      { ratelimit: '"default";r=1;t=2', 'ratelimit-policy': '"default";q=2' },
    ],
    ['has no headers if the option headers is false', { headers: false }, {}],
    ['has no headers if the option headers is an empty list', { headers: [] }, {}],
    [
      'has the headers of draft 8',
      { headers: 'draft-8', name: 'a', window: '1m' },
      { ratelimit: '"a"; r=1; t=2', 'ratelimit-policy': '"a"; q=2; w=60' },
    ],
    [
      'has the headers of two dialects',
      { headers: ['draft-7', 'x-ratelimit'], window: 1500 },
      {
        ratelimit: 'limit=2, remaining=1, reset=2',
        'ratelimit-policy': '2;w=2',
        'x-ratelimit-limit': '2',
        'x-ratelimit-remaining': '1',
        'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/) as unknown as string,
      },
    ],
    [
      'has the partition key in its headers',
      { partitionKey: (key) => `share of ${key}` },
      {
        ratelimit: '"default";r=1;t=2;pk=:c2hhcmUgb2YgMTkyLjAuMi4x:',
        'ratelimit-policy': '"default";q=2;pk=:c2hhcmUgb2YgMTkyLjAuMi4x:',
      },
    ],
  ])('A response %s', async (_name, options, headers) => {
    const { response } = await send(setup(options).middleware);
    expect(response.headers).toEqual(headers);
  });

  it('A rejected response always has Retry-After', async () => {
    const { response } = await send(setup({ headers: false }, 0).middleware);
    expect(response.headers).toEqual({ 'retry-after': '2', 'content-type': 'application/problem+json' });
  });

  it('Headers are appended to the lists of another limiter and replace other values', async () => {
    const response = new FakeResponse();
    const request = from('192.0.2.1');
    await send(setup({ name: 'a' }).middleware, request, response);
    await send(setup({ name: 'b', headers: ['draft-8', 'x-ratelimit'] }, 5).middleware, request, response);
    await send(setup({ headers: 'x-ratelimit' }, 9).middleware, request, response);
    expect(response.headers).toMatchObject({
      ratelimit: '"a";r=1;t=2, "b"; r=4; t=2',
      'ratelimit-policy': '"a";q=2, "b"; q=5',
      'x-ratelimit-limit': '9',
    });
  });

  it('Headers name the limit that decided', async () => {
    const decisions: Decision[] = [
      { allowed: true, limit: 10, remaining: 9, retryAfterMs: 0, resetAfterMs: 1000, limitedBy: 0 },
      { allowed: false, limit: 1000, remaining: 0, retryAfterMs: 5000, resetAfterMs: 5000, limitedBy: 1 },
      { allowed: true, limit: 10, remaining: 9, retryAfterMs: 0, resetAfterMs: 1000 },
      { allowed: true, limit: 10, remaining: 9, retryAfterMs: 0, resetAfterMs: 1000, limitedBy: 7 },
    ];
    const policies = [{ name: 'burst', window: '1s' }, { name: 'hourly' }] as const;
    const limiter = { tryAcquire: () => decisions.shift()! };
    const middleware = rateLimitMiddleware<FakeRequest, FakeResponse>({ limiter, policies });
    const responses = [];
    for (let i = 0; i < 4; i++) responses.push((await send(middleware)).response);
    expect(responses.map(({ headers }) => headers['ratelimit-policy'])).toEqual([
      '"burst";q=10;w=1',
      '"hourly";q=1000',
      '"burst";q=10;w=1',
      '"burst";q=10;w=1',
    ]);
    expect(JSON.parse(responses[1]!.body!)['violated-policies']).toEqual(['hourly']);
  });

  describe('the reset time of the headers', () => {
    const decision: Decision = { allowed: true, limit: 5, remaining: 3, retryAfterMs: 0, resetAfterMs: 60_000 };
    const fieldOf = async (taken: Decision, peek?: () => Decision) => {
      const limiter = { tryAcquire: () => taken, ...(peek && { peek }) };
      const { response } = await send(rateLimitMiddleware<FakeRequest, FakeResponse>({ limiter }));
      expect(response.headers).not.toHaveProperty('retry-after');
      return response.headers.ratelimit;
    };

    it('The reset is the time until one more token is available, from peek', async () => {
      const peek = vi.fn(() => ({ ...decision, allowed: false, retryAfterMs: 3000 }));
      expect(await fieldOf(decision, peek)).toBe('"default";r=3;t=3');
      expect(peek).toHaveBeenCalledExactlyOnceWith('192.0.2.1', 4);
    });

    it('The remaining count and the reset are those of peek if more is available by now', async () => {
      const peek = () => ({ ...decision, remaining: 4, resetAfterMs: 2000 });
      expect(await fieldOf(decision, peek)).toBe('"default";r=4;t=2');
    });

    it('peek is not called if all tokens are available', async () => {
      const peek = vi.fn(() => decision);
      expect(await fieldOf({ ...decision, remaining: 5, resetAfterMs: 0 }, peek)).toBe('"default";r=5;t=0');
      expect(peek).not.toHaveBeenCalled();
    });

    it('The reset is the time until all tokens are available if peek is missing or throws', async () => {
      expect(await fieldOf(decision)).toBe('"default";r=3;t=60');
      const peek = () => {
        throw new RangeError('above the capacity');
      };
      expect(await fieldOf(decision, peek)).toBe('"default";r=3;t=60');
    });
  });
});

describe('rejections', () => {
  it('A rejected request is answered and next is not called', async () => {
    const { middleware } = setup({ statusCode: 503, message: 'Not so fast.', name: 'api' }, 0);
    const { next, response } = await send(middleware);
    expect(next).not.toHaveBeenCalled();
    expect(response.statusCode).toBe(503);
    expect(JSON.parse(response.body!)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 503,
      detail: 'Not so fast.',
      'violated-policies': ['api'],
    });
  });

  it('onRefused may answer a rejected request', async () => {
    const onRefused = vi.fn(async (_refusal: unknown, _request: FakeRequest, response: FakeResponse) =>
      response.end('no'),
    );
    const { middleware } = setup({ onRefused }, 0);
    const { next, response, request } = await send(middleware);
    expect([response.statusCode, response.body, response.headers['retry-after']]).toEqual([429, 'no', '2']);
    expect(onRefused).toHaveBeenCalledExactlyOnceWith(
      { key: '192.0.2.1', cost: 1, policy: 'default', decision: expect.objectContaining({ allowed: false }) },
      request,
      response,
      next,
    );
    expect(next).not.toHaveBeenCalled();
  });

  it('In mode observe a rejection is only reported', async () => {
    const reject = vi.fn();
    const { middleware, limiter } = setup({ mode: 'observe', on: { reject } }, 1);
    for (let i = 0; i < 3; i++) {
      const { next, response } = await send(middleware);
      expect(next).toHaveBeenCalledExactlyOnceWith();
      expect([response.headers, response.statusCode]).toEqual([{}, 200]);
    }
    expect(limiter.used.get('192.0.2.1')).toBe(1);
    expect(reject).toHaveBeenCalledTimes(2);
    expect(reject.mock.calls[0]![0]).toMatchObject({ key: '192.0.2.1', cost: 1, policy: 'default', enforced: false });
  });

  it('An enforced rejection is reported, and an error of a listener changes nothing', async () => {
    using uncaught = catchUncaught();
    const reject = vi.fn(() => {
      throw new Error('boom');
    });
    const { middleware } = setup({ on: { reject } }, 0);
    const { response, request } = await send(middleware);
    expect(response.statusCode).toBe(429);
    expect(reject).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ enforced: true, request }));
    expect(uncaught.errors).toEqual([new Error('boom')]);
  });
});

describe('responses that have begun already', () => {
  it('A begun response gets no headers, and an admitted request continues', async () => {
    const response = Object.assign(new FakeResponse(), { headersSent: true });
    const { next } = await send(setup().middleware, from('192.0.2.1'), response);
    expect(next).toHaveBeenCalledExactlyOnceWith();
    expect(response.headers).toEqual({});
  });

  it('A begun response is destroyed when the request is rejected', async () => {
    const response = Object.assign(new FakeResponse(), { headersSent: true });
    const { next } = await send(setup({}, 0).middleware, from('192.0.2.1'), response);
    expect(next).not.toHaveBeenCalled();
    expect(response.destroyed).toBe(true);
    expect(response.body).toBeUndefined();
  });

  it('An ended response is not changed when the request is rejected', async () => {
    const response = new FakeResponse();
    response.headersSent = true;
    response.writableEnded = true;
    const { next } = await send(setup({}, 0).middleware, from('192.0.2.1'), response);
    expect([next.mock.calls, response.destroyed, response.body]).toEqual([[], false, undefined]);
  });
});

const ALLOWED: Decision = { allowed: true, limit: 5, remaining: 3, retryAfterMs: 0, resetAfterMs: 60_000 };

describe('errors', () => {
  const boom = () => {
    throw new Error('boom');
  };

  it.each<[string, Options]>([
    ['skip', { skip: boom }],
    ['an asynchronous skip', { skip: () => Promise.reject(new Error('boom')) }],
    ['key', { key: boom }],
    ['cost', { cost: boom }],
    ['partitionKey', { partitionKey: boom }],
    ['onRefused', { onRefused: boom }],
    ['an asynchronous onRefused', { onRefused: () => Promise.reject(new Error('boom')) }],
    ['the limiter', { limiter: { tryAcquire: boom } }],
    ['the peek of the limiter', { limiter: { tryAcquire: () => ({ ...ALLOWED }), peek: boom } }],
    ['a remote limiter', { limiter: { tryAcquire: () => Promise.reject(new Error('boom')) } }],
    ['the reserve of the limiter', { limiter: { tryAcquire: boom, reserve: boom }, refundWhen: () => true }],
  ])('An error of %s is passed to next once', async (_name, options) => {
    const { next, response } = await send(setup(options, 0).middleware);
    expect(next).toHaveBeenCalledExactlyOnceWith(new Error('boom'));
    expect(response.body).toBeUndefined();
  });

  it('An error of next is not passed to next', async () => {
    using uncaught = catchUncaught();
    const next = vi.fn(boom);
    setup().middleware(from('192.0.2.1'), new FakeResponse(), next);
    await settle();
    expect(next).toHaveBeenCalledExactlyOnceWith();
    expect(uncaught.rejections).toEqual([new Error('boom')]);
  });
});

describe('a remote limiter', () => {
  it('Asynchronous tryAcquire and peek are supported', async () => {
    const here = new FakeLimiter(1);
    const limiter = {
      tryAcquire: async (key: string, cost?: number) => here.tryAcquire(key, cost),
      peek: async (key: string, cost?: number) => here.peek(key, cost),
    };
    const middleware = rateLimitMiddleware<FakeRequest, FakeResponse>({ limiter });
    const [first, second] = [await send(middleware), await send(middleware)];
    expect(first.response.headers).toMatchObject({ ratelimit: '"default";r=0;t=2' });
    expect(second.response.statusCode).toBe(429);
  });
});

describe('repeated middleware', () => {
  it('A middleware that is mounted twice counts a request once', async () => {
    const { middleware, limiter } = setup();
    const first = await send(middleware);
    const again = await send(middleware, first.request, first.response);
    expect(again.next).toHaveBeenCalledExactlyOnceWith();
    expect(limiter.used.get('192.0.2.1')).toBe(1);
    expect(first.response.headers.ratelimit).toBe('"default";r=1;t=2');
    await send(middleware, { ...first.request });
    expect(limiter.used.get('192.0.2.1')).toBe(2);
  });
});

describe('refundWhen', () => {
  it('refundWhen is called once after the response has ended and receives its outcome', async () => {
    const refundWhen = vi.fn(({ status }) => status === 401);
    const refund = vi.fn();
    const { middleware, limiter } = setup({ refundWhen, on: { refund }, cost: 2 });
    const { response, request } = await send(middleware);
    expect(limiter.calls).toEqual(['reserve 192.0.2.1 2 0']);
    expect(refundWhen).not.toHaveBeenCalled();
    response.statusCode = 401;
    response.end();
    response.emit('close'); // a second close event
    await settle();
    expect(refundWhen).toHaveBeenCalledExactlyOnceWith({ status: 401, completed: true }, request, response);
    expect(limiter.used.get('192.0.2.1')).toBe(0);
    expect(refund).toHaveBeenCalledExactlyOnceWith({ key: '192.0.2.1', cost: 2, request });
    const second = await send(middleware);
    second.response.end();
    await settle();
    expect(limiter.used.get('192.0.2.1')).toBe(2);
    expect(refund).toHaveBeenCalledOnce();
  });

  it('refundWhen is called for a client that has disconnected, also before the decision', async () => {
    const endings: unknown[] = [];
    const { middleware } = setup({ refundWhen: (ending) => endings.push(ending) < 0 });
    const { response } = await send(middleware);
    response.close();
    const gone = new FakeResponse();
    gone.close();
    await send(middleware, from('192.0.2.1'), gone);
    expect(endings).toEqual(Array(2).fill({ status: 200, completed: false }));
  });

  it('refundWhen is not called for rejections', async () => {
    const refundWhen = vi.fn(() => true);
    const { middleware, limiter } = setup({ refundWhen }, 0);
    const { response } = await send(middleware);
    expect(response.statusCode).toBe(429);
    await settle();
    expect(refundWhen).not.toHaveBeenCalled();
    expect(limiter.calls).toEqual(['reserve 192.0.2.1 1 0']);
  });

  it('refundWhen works in mode observe', async () => {
    const { middleware, limiter } = setup({ refundWhen: () => true, mode: 'observe' });
    const { response } = await send(middleware);
    response.end();
    await settle();
    expect(limiter.used.get('192.0.2.1')).toBe(0);
  });

  it('refundWhen is not called for rejections in mode observe', async () => {
    const refundWhen = vi.fn(() => true);
    const { middleware, limiter } = setup({ refundWhen, mode: 'observe' }, 0);
    const { response, next } = await send(middleware);
    expect(next).toHaveBeenCalledExactlyOnceWith();
    response.end();
    await settle();
    expect(refundWhen).not.toHaveBeenCalled();
    expect(limiter.calls).toEqual(['reserve 192.0.2.1 1 0']);
  });
});
