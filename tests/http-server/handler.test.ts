import { rateLimitHandler } from 'breakwater/http-server';
import { describe, expect, it, vi } from 'vitest';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { FakeLimiter } from './fake-limiter.js';

const request = (headers: Record<string, string> = {}) => new Request('http://localhost/a', { headers });
const hello = () => new Response('hello', { headers: { 'x-own': '1' } });
const byName = (it: Request) => it.headers.get('x-name') ?? undefined;

describe('rateLimitHandler', () => {
  it('Admitted responses get rate limit headers, and rejected requests are answered with a problem document', async () => {
    const limiter = new FakeLimiter();
    const handler = vi.fn(hello);
    const fetch = rateLimitHandler({ limiter, key: byName, name: 'api', window: '1m' })(handler);
    const responses = [];
    for (let i = 0; i < 3; i++) responses.push(await fetch(request({ 'x-name': 'ann' })));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(responses.map(({ headers }) => headers.get('ratelimit'))).toEqual([
      '"api";r=1;t=2',
      '"api";r=0;t=2', // until one more is available, not until all are
      '"api";r=0;t=2',
    ]);
    expect(responses.map(({ headers }) => headers.get('ratelimit-policy'))).toEqual(Array(3).fill('"api";q=2;w=60'));
    expect(responses.map(({ headers }) => headers.get('retry-after'))).toEqual([null, null, '2']);
    expect(responses[0]!.headers.get('x-own')).toBe('1');
    expect(await responses[0]!.text()).toBe('hello');
    expect(responses[2]!.headers.get('content-type')).toBe('application/problem+json');
    expect(await responses[2]!.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['api'],
    });
    expect(handler).toHaveBeenCalledTimes(2);
    expect((await fetch(request({ 'x-name': 'bob' }))).status).toBe(200);
  });

  it('The arguments of the platform are passed to the handler and to address', async () => {
    const limiter = new FakeLimiter();
    const address = vi.fn(async (_request: Request, { remote }: { remote: string }) => remote);
    const handler = vi.fn(
      (_request: Request, { remote }: { remote: string }, extra: number) => new Response(`${remote} ${extra}`),
    );
    const fetch = rateLimitHandler({ limiter, address, trustProxy: 1 })(handler);
    const it = request({ 'x-forwarded-for': '192.0.2.1, 2001:db8:1:2::3' });
    expect(await (await fetch(it, { remote: '10.0.0.1' }, 5)).text()).toBe('10.0.0.1 5');
    expect(address).toHaveBeenCalledExactlyOnceWith(it, { remote: '10.0.0.1' }, 5);
    expect(handler).toHaveBeenCalledExactlyOnceWith(it, { remote: '10.0.0.1' }, 5);
    expect(limiter.calls).toEqual(['tryAcquire 2001:db8:1::/56 1']);
  });

  it.each([null, undefined, '', 'unknown'])('Requests with the address %j share one limit', async (address) => {
    const limiter = new FakeLimiter();
    const fetch = rateLimitHandler({ limiter, address: () => address })(hello);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await fetch(request())).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(limiter.used).toEqual(new Map([['', 2]]));
  });

  describe('immutable responses', () => {
    it.each<[string, () => Response | Promise<Response>, number]>([
      ['a redirect', () => Response.redirect('http://localhost/b', 303), 303],
      ['from fetch', () => fetch('data:text/plain,hi'), 200],
    ])('An immutable response is copied: %s', async (_name, make, status) => {
      const original = await make();
      const response = await rateLimitHandler({ limiter: new FakeLimiter(), key: byName })(() => original)(request());
      expect(response).not.toBe(original);
      expect(response.status).toBe(status);
      expect(response.headers.get('ratelimit')).toBe('"default";r=1;t=2');
      for (const [name, value] of original.headers) expect(response.headers.get(name)).toBe(value);
      expect(await response.text()).toBe(status === 200 ? 'hi' : '');
    });

    it('A response that cannot be copied is passed through unchanged', async () => {
      const original = Response.error();
      const response = await rateLimitHandler({ limiter: new FakeLimiter(), key: byName })(() => original)(request());
      expect(response).toBe(original);
    });

    it('A mutable response, or one without added headers, is not copied', async () => {
      const original = hello();
      expect(await rateLimitHandler({ limiter: new FakeLimiter(), key: byName })(() => original)(request())).toBe(
        original,
      );
      const bare = Response.redirect('http://localhost/b');
      const silent = rateLimitHandler({ limiter: new FakeLimiter(), key: byName, headers: false })(() => bare);
      expect(await silent(request())).toBe(bare);
    });
  });

  it('The headers of an inner handler are extended', async () => {
    const inner = rateLimitHandler({ limiter: new FakeLimiter(5), key: byName, name: 'inner' })(hello);
    const outer = rateLimitHandler({ limiter: new FakeLimiter(), key: byName, name: 'outer', headers: 'draft-8' })(
      inner,
    );
    const { headers } = await outer(request());
    expect(headers.get('ratelimit')).toBe('"inner";r=4;t=2, "outer"; r=1; t=2');
    expect(headers.get('ratelimit-policy')).toBe('"inner";q=5, "outer"; q=2');
  });

  it('onRefused may return the response of a rejection', async () => {
    const onRefused = vi.fn(
      async () => new Response('slow down', { status: 503, headers: { 'x-own': '2', 'retry-after': '1' } }),
    );
    const fetch = rateLimitHandler({ limiter: new FakeLimiter(0), key: byName, onRefused, cost: 3 })(hello);
    const it = request({ 'x-name': 'ann' });
    const response = await fetch(it);
    expect([response.status, response.headers.get('x-own'), response.headers.get('retry-after')]).toEqual([
      503,
      '2',
      '2',
    ]);
    expect(await response.text()).toBe('slow down');
    const decision = { allowed: false, limit: 0, remaining: 0, retryAfterMs: 1500, resetAfterMs: 60_000 };
    expect(onRefused).toHaveBeenCalledExactlyOnceWith({ key: 'ann', cost: 3, policy: 'default', decision }, it);
  });

  it('An error of an option function or of the handler rejects the call', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    const limiter = new FakeLimiter(0);
    const base = { limiter, key: byName };
    for (const options of [
      { skip: boom },
      { cost: boom },
      { key: boom },
      { onRefused: boom },
      { partitionKey: boom },
    ]) {
      await expect(rateLimitHandler({ ...base, ...options })(hello)(request())).rejects.toThrow('boom');
    }
    await expect(rateLimitHandler({ limiter, address: boom })(hello)(request())).rejects.toThrow('boom');
    await expect(rateLimitHandler({ limiter: new FakeLimiter(), key: byName })(boom)(request())).rejects.toThrow(
      'boom',
    );
  });
});

describe('refundWhen', () => {
  it('A request for which refundWhen returns true is refunded once', async () => {
    const limiter = new FakeLimiter();
    const refunds: unknown[] = [];
    const endings: unknown[] = [];
    const limited = rateLimitHandler({
      limiter,
      key: byName,
      cost: 2,
      refundWhen: async (ending) => {
        endings.push(ending);
        return ending.status < 400;
      },
      on: { refund: ({ key, cost, request: { url } }) => refunds.push([key, cost, url]) },
    });
    const status = { value: 200 };
    const fetch = limited(() => {
      if (status.value === 0) throw new Error('boom');
      return new Response('', { status: status.value });
    });
    for (const value of [200, 204, 302, 500]) {
      status.value = value === 204 ? 201 : value;
      expect((await fetch(request({ 'x-name': 'ann' }))).status).toBe(status.value);
      await settle();
    }
    expect(refunds).toEqual(Array(3).fill(['ann', 2, 'http://localhost/a']));
    expect((await fetch(request({ 'x-name': 'ann' }))).status).toBe(429);
    await settle();
    status.value = 0;
    await expect(fetch(request({ 'x-name': 'bob' }))).rejects.toThrow('boom');
    await settle();
    expect(endings).toEqual([
      { status: 200, completed: true },
      { status: 201, completed: true },
      { status: 302, completed: true },
      { status: 500, completed: true },
      { status: 500, completed: false },
    ]);
    expect(limiter.calls.filter((call) => call.startsWith('cancel'))).toHaveLength(3);
    expect(limiter.calls[0]).toBe('reserve ann 2 0');
    expect(limiter.calls).not.toContainEqual(expect.stringContaining('tryAcquire'));
  });

  it('An error thrown by refundWhen is reported as uncaught and the response is returned', async () => {
    using uncaught = catchUncaught();
    const refundWhen = () => {
      throw new Error('boom');
    };
    const fetch = rateLimitHandler({ limiter: new FakeLimiter(), key: byName, refundWhen })(hello);
    expect((await fetch(request())).status).toBe(200);
    await settle();
    expect(uncaught.errors).toEqual([new Error('boom')]);
  });
});
