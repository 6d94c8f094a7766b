/** Arguments are read during the call. Later changes and a polluted prototype have no effect. */
import { KeyedRateLimiter, TokenBucket } from 'breakwater';
import { rateLimitHandler, rateLimitHeaders, rateLimitMiddleware } from 'breakwater/http-server';
import { allOf, type RateLimiter, rateLimit } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { FakeLimiter } from './fake-limiter.js';

const later = <T>(value: T): Promise<T> => settle().then(() => value);

const response = () => ({
  statusCode: 200,
  headersSent: false,
  writableEnded: false,
  writableFinished: false,
  destroyed: false,
  getHeader: () => undefined,
  setHeader: () => {},
  end: () => {},
  destroy: () => {},
  once: () => {},
});

describe('requests that change while the middleware waits', () => {
  it.each([
    ['an asynchronous skip', { skip: () => later(false) }],
    ['no asynchronous option', {}],
  ])('With %s a request counts for the address that it had at the call', async (_name, options) => {
    const limiter = new FakeLimiter();
    const middleware = rateLimitMiddleware({ limiter, trustProxy: 1, ...options });
    const request = {
      socket: { remoteAddress: '10.0.0.1' as string | undefined },
      headers: { 'x-forwarded-for': '192.0.2.1' },
    };
    middleware(request, response(), () => {});
    request.socket.remoteAddress = undefined;
    request.headers['x-forwarded-for'] = '198.51.100.7';
    await later(undefined);
    await settle();
    expect(limiter.calls).toEqual(['tryAcquire 192.0.2.1 1']);
  });

  it('With an asynchronous key a request has the cost that it had at the call', async () => {
    const limiter = new FakeLimiter(9);
    const middleware = rateLimitMiddleware({
      limiter,
      key: ({ headers }) => later(String(headers['x-user'])),
      cost: ({ headers }) => Number(headers['x-cost']),
    });
    const request = { socket: {}, headers: { 'x-user': 'ada', 'x-cost': '3' } };
    middleware(request, response(), () => {});
    request.headers = { 'x-user': 'grace', 'x-cost': '5' };
    await later(undefined);
    await settle();
    expect(limiter.calls).toEqual(['tryAcquire ada 3']);
  });

  it('With an asynchronous address a request uses the header that it had at the call', async () => {
    const limiter = new FakeLimiter();
    const limited = rateLimitHandler({ limiter, trustProxy: 1, address: () => later('10.0.0.1') });
    const request = new Request('http://localhost/', { headers: { 'x-forwarded-for': '192.0.2.1' } });
    const answer = limited(() => new Response('ok'))(request);
    request.headers.set('x-forwarded-for', '198.51.100.7');
    await answer;
    expect(limiter.calls).toEqual(['tryAcquire 192.0.2.1 1']);
  });

  it('The error is passed on once when key and cost both fail asynchronously', async () => {
    const fail = () => settle().then(() => Promise.reject(new Error('boom')));
    const errors: unknown[] = [];
    const middleware = rateLimitMiddleware({ limiter: new FakeLimiter(), key: fail, cost: fail });
    middleware({ socket: {}, headers: {} }, response(), (error) => errors.push(error));
    await later(undefined);
    await settle();
    expect(errors).toEqual([new Error('boom')]);
  });
});

describe('options that change after the call', () => {
  const setUp = () => {
    const clock = new TestClock();
    const limiter: RateLimiter = new TokenBucket({ capacity: 2, refill: 1, per: '1s', clock });
    limiter.tryAcquire(2);
    return { clock, limiter };
  };

  it('Changes of the options of acquire after the call have no effect', async () => {
    const { clock, limiter } = setUp();
    const options = { cost: 1, maxWait: 5000, signal: new AbortController().signal };
    const waiting = watch(allOf(limiter).acquire(options));
    const keyed = new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock }));
    keyed.tryAcquire('ada');
    const keyedWaiting = watch(keyed.acquire('ada', options));
    Object.assign(options, { cost: 2, maxWait: 0, signal: AbortSignal.abort() });
    await clock.advance(1000);
    expect([waiting.value?.allowed, keyedWaiting.value?.allowed]).toEqual([true, true]);
  });

  it('Changes of the options of rateLimit after the call have no effect', async () => {
    const { clock, limiter } = setUp();
    const options = { maxWait: 5000, cost: 1 };
    const policy = rateLimit(limiter, options);
    Object.assign(options, { maxWait: 0, cost: 99 });
    const call = watch(policy.execute(() => 'done'));
    await clock.advance(1000);
    expect(call.value).toBe('done');
  });
});

/** Runs a function while `Object.prototype` has a property. */
async function polluted<T>(name: string, value: unknown, run: () => T): Promise<Awaited<T>> {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
  try {
    return await run();
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name];
  }
}

describe('a polluted Object.prototype', () => {
  it.each([
    ['maxWait', 0],
    ['cost', 2],
    ['signal', AbortSignal.abort(new Error('polluted'))],
  ])('An inherited %s does not change acquire and reserve', async (name, value) => {
    const clock = new TestClock();
    const make = () => new TokenBucket({ capacity: 2, refill: 2, per: 20, clock });
    const one = make();
    const keyed = new KeyedRateLimiter(make);
    one.tryAcquire(2);
    keyed.tryAcquire('ada', 2);
    await polluted(name, value, async () => {
      const waiting = [one.acquire(), one.acquire({}), keyed.acquire('ada'), keyed.acquire('ada', {})].map(watch);
      expect([one.reserve().delayMs, one.reserve({}).delayMs, keyed.reserve('ada', {}).delayMs]).toEqual([30, 40, 30]);
      await clock.advance(20);
      expect(waiting.map(({ value: decision }) => decision?.allowed)).toEqual([true, true, true, true]);
    });
  });

  it.each([
    ['now', 0],
    ['name', 'evil'],
    ['windowMs', 5000],
    ['partitionKey', 'evil'],
  ])('An inherited %s does not change rateLimitHeaders', async (name, value) => {
    const decision = new TokenBucket({ capacity: 2, refill: 2, per: 20, clock: new TestClock() }).tryAcquire();
    const before = rateLimitHeaders(decision, 'draft-10', {});
    await polluted(name, value, () => expect(rateLimitHeaders(decision, 'draft-10', {})).toEqual(before));
  });

  it.each([
    ['problem', { status: 500, body: 'polluted' }],
    ['refusal', { policy: 'polluted' }],
    ['limitedBy', 1],
    ['onRefused', () => new Response('polluted')],
    ['onEnd', () => {}],
  ])('An inherited %s does not change rateLimitHandler', async (name, value) => {
    const policies = [{ name: 'one' }, { name: 'two' }];
    const limited = rateLimitHandler({ limiter: new FakeLimiter(1), key: () => 'ada', policies });
    const serve = limited(() => new Response('ok'));
    const answers = await polluted(name, value, async () => {
      return [await serve(new Request('http://localhost/')), await serve(new Request('http://localhost/'))];
    });
    expect(answers.map(({ status }) => status)).toEqual([200, 429]);
    expect(answers[0]!.headers.get('ratelimit')).toMatch(/^"one"/);
    expect(await answers[1]!.json()).toMatchObject({ 'violated-policies': ['one'] });
  });
});
