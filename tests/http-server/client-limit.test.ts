/** The shorthand `{ limit, per }`: a limit for each client without a limiter of the caller's own. */
import { clientKey, rateLimitHandler, rateLimitMiddleware } from 'breakwater/http-server';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const setUp = (options: { maxKeys?: number; key?: (request: Request) => string; ipv6Prefix?: number } = {}) => {
  const clock = new TestClock();
  const { key, ...rest } = options;
  const address = (request: Request) => request.headers.get('x-peer');
  const whom = key === undefined ? { address, ...rest } : { key, ...rest };
  const serve = rateLimitHandler({ limit: 4, per: '1m', clock, ...whom })(() => new Response('hello'));
  const get = (peer: string) => serve(new Request('http://localhost/', { headers: { 'x-peer': peer } }));
  const statusOf = async (peer: string) => (await get(peer)).status;
  /** How many of ten requests pass. */
  const passing = async (peer: string) => {
    let passed = 0;
    for (let n = 0; n < 10; n++) if ((await statusOf(peer)) === 200) passed++;
    return passed;
  };
  return { clock, get, statusOf, passing };
};

describe('rateLimitHandler({ limit, per })', () => {
  it('allows each client the limit, and sends the window to clients', async () => {
    const { clock, get, passing } = setUp();
    const { headers } = await get('192.0.2.1');
    expect(headers.get('ratelimit-policy')).toBe('"default";q=4;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"default";r=3;t=\d+$/);
    expect([await passing('192.0.2.1'), await passing('192.0.2.2')]).toEqual([3, 4]);
    const refused = await get('192.0.2.1');
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 75]); // as the counter estimates
    await clock.advance(120_000);
    expect(await passing('192.0.2.1')).toBe(4);
  });

  it.each([
    ['IPv4', (n: number) => `203.0.113.${n % 256}`, '203.0.113.77', ['198.51.100.7', '2001:db8::1']],
    ['IPv6', (n: number) => `2001:db8:7:${(n % 256).toString(16)}00::1`, '2001:db8:7:ff00::5', ['2001:db8:8::1']],
  ])('keeps honest clients apart from a network of made-up %s addresses', async (_kind, madeUp, last, others) => {
    const { passing, statusOf, clock } = setUp({ maxKeys: 100 });
    expect(await statusOf('192.0.2.9')).toBe(200); // a client that is known before
    let passed = 0;
    for (let n = 0; n < 2000; n++) if ((await statusOf(madeUp(n))) === 200) passed++;
    expect(passed).toBeLessThanOrEqual(99 * 4 + 4);
    expect(await statusOf(last)).toBe(429);
    expect(await passing('192.0.2.9')).toBe(3);
    for (const other of others) expect(await passing(other)).toBe(4);
    await clock.advance(120_000);
    expect(await passing(last)).toBe(4);
  });

  it('survives 10,000 made-up addresses of one network at the default size', async () => {
    const { passing, statusOf } = setUp();
    for (let n = 0; n < 10_000; n++) await statusOf(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    expect(await statusOf('10.0.39.200')).toBe(200); // shares with its network from now on
    expect(await passing('10.0.39.201')).toBe(3);
    expect([await passing('198.51.100.7'), await passing('198.51.101.7')]).toEqual([4, 4]);
  });

  it('counts clients without an address together', async () => {
    const clock = new TestClock();
    const serve = rateLimitHandler({ limit: 1, per: '1m', maxKeys: 1, clock, address: () => undefined });
    const get = serve(() => new Response('hello'));
    const statuses = [await get(new Request('http://localhost/')), await get(new Request('http://localhost/'))];
    expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
  });

  it('counts by a key of one’s own, and at maxKeys all new keys together', async () => {
    const { passing } = setUp({ maxKeys: 1, key: (request) => request.headers.get('x-peer')! });
    expect([await passing('192.0.2.1'), await passing('192.0.2.2'), await passing('198.51.100.7')]).toEqual([4, 4, 0]);
  });

  it('gives back what was not used', async () => {
    const clock = new TestClock();
    const limited = rateLimitHandler({
      limit: 2,
      per: '1m',
      maxKeys: 1,
      clock,
      address: (request) => request.headers.get('x-peer'),
      refundWhen: ({ status }) => status === 204,
    });
    const serve = limited((request) => new Response(null, { status: Number(request.headers.get('x-status')) }));
    const statuses: number[] = [];
    for (const peer of ['192.0.2.1', '198.51.100.7']) {
      for (const status of ['204', '204', '201', '204', '201', '201']) {
        const headers = { 'x-peer': peer, 'x-status': status };
        statuses.push((await serve(new Request('http://localhost/', { headers }))).status);
      }
    }
    expect(statuses).toEqual([204, 204, 201, 204, 201, 429, 204, 204, 201, 204, 201, 429]);
  });
});

it.each<[object, string]>([
  [{ limit: 100 }, '"per" must be milliseconds'],
  [{ per: '1m' }, '"limit" must be an integer ≥ 1'],
  [{ limit: 0, per: '1m' }, '"limit" must be an integer ≥ 1'],
  [{ limit: 5, per: '1m', maxKeys: 0 }, '"maxKeys" must be an integer ≥ 1'],
  [{ limit: 5, per: '1m', clock: {} }, '"clock" must be an object with'],
  [{ maxKeys: 5 }, '"limiter" must be an object with tryAcquire'],
  [{ clock: new TestClock() }, '"limiter" must be an object with tryAcquire'],
])('rateLimitMiddleware refuses the shorthand %j', (options, message) => {
  expect(() => rateLimitMiddleware(options as never)).toThrow(`rateLimitMiddleware: ${message}`);
  const handlerOptions = { address: () => '::1', ...options } as never;
  expect(() => rateLimitHandler(handlerOptions)).toThrow(`rateLimitHandler: ${message}`);
});

it('clientKey gives the keys that the shorthand goes by', () => {
  expect(clientKey()('2001:db8:7:1234::1')).toBe('2001:db8:7:1200::/56');
});
