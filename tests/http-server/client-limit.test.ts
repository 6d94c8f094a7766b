/** The shorthand `{ limit, per }`: a limit for each client without a limiter object. */
import { clientKey, rateLimitHandler, rateLimitMiddleware } from 'breakwater/http-server';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const setUp = (options: { maxKeys?: number; key?: (request: Request) => string; ipv6Prefix?: number } = {}) => {
  const clock = new TestClock();
  const { key, ...rest } = options;
  const address = (request: Request) => request.headers.get('x-peer');
  const identity = key === undefined ? { address, ...rest } : { key, ...rest };
  const serve = rateLimitHandler({ limit: 4, per: '1m', clock, ...identity })(() => new Response('hello'));
  const get = (peer: string) => serve(new Request('http://localhost/', { headers: { 'x-peer': peer } }));
  const statusOf = async (peer: string) => (await get(peer)).status;
  /** The number of requests of ten that pass. */
  const passing = async (peer: string) => {
    let passed = 0;
    for (let n = 0; n < 10; n++) if ((await statusOf(peer)) === 200) passed++;
    return passed;
  };
  return { clock, get, statusOf, passing };
};

describe('rateLimitHandler({ limit, per })', () => {
  it('Each client may send the limit, and the window is sent to clients', async () => {
    const { clock, get, passing } = setUp();
    const { headers } = await get('192.0.2.1');
    expect(headers.get('ratelimit-policy')).toBe('"default";q=4;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"default";r=3;t=\d+$/);
    expect([await passing('192.0.2.1'), await passing('192.0.2.2')]).toEqual([3, 4]);
    const rejected = await get('192.0.2.1');
    // 75 seconds is the estimate of the sliding window counter.
    expect([rejected.status, Number(rejected.headers.get('retry-after'))]).toEqual([429, 75]);
    await clock.advance(120_000);
    expect(await passing('192.0.2.1')).toBe(4);
  });

  it.each([
    ['IPv4', (n: number) => `203.0.113.${n % 256}`, '203.0.113.77', ['198.51.100.7', '2001:db8::1']],
    ['IPv6', (n: number) => `2001:db8:7:${(n % 256).toString(16)}00::1`, '2001:db8:7:ff00::5', ['2001:db8:8::1']],
  ])(
    'Other clients keep their limits when one network sends from many %s addresses',
    async (_kind, addressOf, last, others) => {
      const { passing, statusOf, clock } = setUp({ maxKeys: 100 });
      expect(await statusOf('192.0.2.9')).toBe(200); // a client known before the attack
      let passed = 0;
      for (let n = 0; n < 2000; n++) if ((await statusOf(addressOf(n))) === 200) passed++;
      expect(passed).toBeLessThanOrEqual(99 * 4 + 4);
      expect(await statusOf(last)).toBe(429);
      expect(await passing('192.0.2.9')).toBe(3);
      for (const other of others) expect(await passing(other)).toBe(4);
      await clock.advance(120_000);
      expect(await passing(last)).toBe(4);
    },
  );

  it('At the default size 10,000 addresses of one network do not lower the limit of other networks', async () => {
    const { passing, statusOf } = setUp();
    for (let n = 0; n < 10_000; n++) await statusOf(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    expect(await statusOf('10.0.39.200')).toBe(200); // shares a limit with its network from now on
    expect(await passing('10.0.39.201')).toBe(3);
    expect([await passing('198.51.100.7'), await passing('198.51.101.7')]).toEqual([4, 4]);
  });

  it('Clients without an address share one limit', async () => {
    const clock = new TestClock();
    const serve = rateLimitHandler({ limit: 1, per: '1m', maxKeys: 1, clock, address: () => undefined });
    const get = serve(() => new Response('hello'));
    const statuses = [await get(new Request('http://localhost/')), await get(new Request('http://localhost/'))];
    expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
  });

  it('The option key replaces the address, and new keys at maxKeys share one limit', async () => {
    const { passing } = setUp({ maxKeys: 1, key: (request) => request.headers.get('x-peer')! });
    expect([await passing('192.0.2.1'), await passing('192.0.2.2'), await passing('198.51.100.7')]).toEqual([4, 4, 0]);
  });

  it('refundWhen refunds requests, also of keys that share a limit', async () => {
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
])('rateLimitMiddleware and rateLimitHandler reject the shorthand %j', (options, message) => {
  expect(() => rateLimitMiddleware(options as never)).toThrow(`rateLimitMiddleware: ${message}`);
  const handlerOptions = { address: () => '::1', ...options } as never;
  expect(() => rateLimitHandler(handlerOptions)).toThrow(`rateLimitHandler: ${message}`);
});

it('clientKey returns the key that the shorthand uses', () => {
  expect(clientKey()('2001:db8:7:1234::1')).toBe('2001:db8:7:1200::/56');
});
