/** All server frameworks over real sockets with real limiters. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import autocannon from 'autocannon';
import { clientKey, parseRateLimit, type RateLimitDialect, rateLimitMiddleware } from 'breakwater/http-server';
import { FixedWindow, KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { defer } from '../support/promises.js';
import { limitedServer, makes } from './servers.js';

/** A limit per client that is not reset during the test. */
const fixed = (limit: number, clock = new TestClock()) =>
  new KeyedRateLimiter(() => new FixedWindow({ limit, per: '1m', clock }));

const statusesOf = (responses: readonly Response[]) => responses.map(({ status }) => status);

async function inTurn(count: number, send: (index: number) => Promise<Response>): Promise<Response[]> {
  const responses: Response[] = [];
  for (let index = 0; index < count; index++) responses.push(await send(index));
  return responses;
}

const fieldsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => /ratelimit|^retry-after$/.test(name)));

describe.each(makes)('%s', (_name, start) => {
  it('Exactly the limit of 1,000 concurrent requests passes', async () => {
    await using server = await limitedServer(start, { limiter: fixed(100) });
    const { statusCodeStats, errors, timeouts } = await autocannon({
      url: server.origin,
      connections: 32,
      amount: 1000,
    });
    expect({ statusCodeStats, errors, timeouts }).toEqual({
      statusCodeStats: { 200: { count: 100 }, 429: { count: 900 } },
      errors: 0,
      timeouts: 0,
    });
    expect(server.passed).toHaveLength(100);
  });

  it('Responses have the remaining count and the time until the next token', async () => {
    const clock = new TestClock();
    const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 3, refill: 3, per: '1m', clock }));
    await using server = await limitedServer(start, { limiter, name: 'api', window: '1m' });
    const responses = await inTurn(4, () => fetch(server.origin));
    await clock.advance(19_001);
    responses.push(await fetch(server.origin));
    await clock.advance(1000);
    responses.push(await fetch(server.origin));
    expect(responses.map(fieldsOf)).toEqual([
      { ratelimit: '"api";r=2;t=20', 'ratelimit-policy': '"api";q=3;w=60' },
      { ratelimit: '"api";r=1;t=20', 'ratelimit-policy': '"api";q=3;w=60' },
      { ratelimit: '"api";r=0;t=20', 'ratelimit-policy': '"api";q=3;w=60' },
      { ratelimit: '"api";r=0;t=20', 'ratelimit-policy': '"api";q=3;w=60', 'retry-after': '20' },
      { ratelimit: '"api";r=0;t=1', 'ratelimit-policy': '"api";q=3;w=60', 'retry-after': '1' },
      { ratelimit: '"api";r=0;t=20', 'ratelimit-policy': '"api";q=3;w=60' },
    ]);
    expect(statusesOf(responses)).toEqual([200, 200, 200, 429, 429, 200]);
    const [, , , rejected] = responses;
    expect(rejected!.headers.get('content-type')).toBe('application/problem+json');
    expect(await rejected!.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['api'],
    });
    expect(await responses[5]!.text()).toBe('passed');
  });

  it('Rejected requests keep their connection, also those with bodies', async () => {
    await using server = await limitedServer(start, { limiter: fixed(1) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const [index, status] of [200, 429, 429, 429].entries()) {
      const call = request(server.origin, { agent, method: 'POST' }).end('x'.repeat(index * 10_000));
      const [response] = await once(call, 'response');
      expect(response.statusCode).toBe(status);
      response.resume();
      await once(response, 'close');
      if (index > 0) expect(call.reusedSocket).toBe(true);
    }
    expect(server.connections()).toBe(1);
    agent.destroy();
  });

  it('A rejected HEAD request is answered without a body', async () => {
    await using server = await limitedServer(start, { limiter: fixed(1) });
    const responses = await inTurn(2, () => fetch(server.origin, { method: 'HEAD' }));
    expect(statusesOf(responses)).toEqual([200, 429]);
    expect(await responses[1]!.text()).toBe('');
  });

  it('A client cannot change its key by X-Forwarded-For', async () => {
    const spoof = (index: number) => ({ headers: { 'x-forwarded-for': `198.51.100.${index}` } });
    await using direct = await limitedServer(start, { limiter: fixed(2) });
    expect(statusesOf(await inTurn(4, (index) => fetch(direct.origin, spoof(index))))).toEqual([200, 200, 429, 429]);

    // A trusted proxy appends the address of the client to the header of the client.
    const throughProxy = (index: number) => ({ headers: { 'x-forwarded-for': `198.51.100.${index}, 203.0.113.7` } });
    for (const trustProxy of [1, ['127.0.0.0/8']]) {
      await using behind = await limitedServer(start, { limiter: fixed(2), trustProxy });
      const responses = await inTurn(4, (index) => fetch(behind.origin, throughProxy(index)));
      expect(statusesOf(responses)).toEqual([200, 200, 429, 429]);
      expect((await fetch(behind.origin, { headers: { 'x-forwarded-for': '203.0.113.8' } })).status).toBe(200);
    }
  });

  it('Addresses of one IPv6 network are one client, and those of the next network another', async () => {
    await using server = await limitedServer(start, { limiter: fixed(2), trustProxy: 1 });
    const from = (address: string) => fetch(server.origin, { headers: { 'x-forwarded-for': address } });
    const responses = [
      await from('2001:db8:0:1::1'),
      await from('2001:db8:0:2:ffff::'),
      await from('[2001:db8:0:ff::9]:80'),
    ];
    expect(statusesOf(responses)).toEqual([200, 200, 429]);
    expect(statusesOf([await from('2001:db8:0:100::1'), await from('::ffff:192.0.2.1')])).toEqual([200, 200]);
    expect(statusesOf([await from('192.0.2.1'), await from('192.0.2.1')])).toEqual([200, 429]);
  });

  it('In mode observe no request is rejected and no header is sent', async () => {
    await using server = await limitedServer(start, { limiter: fixed(1), mode: 'observe' });
    const responses = await inTurn(3, () => fetch(server.origin));
    expect(statusesOf(responses)).toEqual([200, 200, 200]);
    expect(responses.map(fieldsOf)).toEqual([{}, {}, {}]);
  });

  it('A failed response is refunded after it has ended', async () => {
    await using server = await limitedServer(start, { limiter: fixed(2), refundWhen: ({ status }) => status >= 500 });
    for (let i = 0; i < 5; i++) {
      // The client receives the response before the server emits its end.
      const { status } = await eventually(async () => {
        const response = await fetch(`${server.origin}/status/503`);
        expect(response.status).not.toBe(429);
        return response;
      });
      expect(status).toBe(503);
    }
    await eventually(async () => {
      const last = await fetch(`${server.origin}/status/503`);
      expect(last.headers.get('ratelimit')).toMatch(/r=1;/); // only the token of this request is taken
    });
    await eventually(async () => expect((await fetch(server.origin)).headers.get('ratelimit')).toMatch(/r=1;/));
    expect(statusesOf(await inTurn(2, () => fetch(server.origin)))).toEqual([200, 429]);
  });

  it('Requests of clients that disconnect are counted exactly once', async () => {
    const slow = defer<void>();
    const endings: boolean[] = [];
    const options = {
      limiter: fixed(20),
      refundWhen: ({ completed }: { completed: boolean }) => endings.push(completed) < 0,
    };
    await using server = await limitedServer(start, options, slow.promise);
    const port = Number(new URL(server.origin).port);
    const sockets = Array.from({ length: 10 }, () => connect(port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {}).write('GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await eventually(() => expect(server.passed).toHaveLength(10));
    for (const socket of sockets) socket.destroy();
    slow.resolve();
    await eventually(() => expect(endings).toHaveLength(10));
    expect(statusesOf(await inTurn(11, () => fetch(server.origin)))).toEqual([...Array(10).fill(200), 429]);
  });
});

describe('servers with request and response objects', () => {
  it('A request of a client that has disconnected is refunded if refundWhen returns true', async () => {
    const slow = defer<void>();
    const [, start] = makes[0]!;
    const options = { limiter: fixed(3), refundWhen: ({ completed }: { completed: boolean }) => !completed };
    await using server = await limitedServer(start, options, slow.promise);
    const gone = new AbortController();
    const calls = Array.from({ length: 3 }, () =>
      fetch(`${server.origin}/slow`, { signal: gone.signal }).catch(() => {}),
    );
    await eventually(() => expect(server.passed).toHaveLength(3));
    gone.abort();
    await Promise.all(calls);
    await eventually(async () => expect((await fetch(server.origin)).status).toBe(200));
    expect((await fetch(server.origin)).headers.get('ratelimit')).toMatch(/r=1;/);
    slow.resolve();
  });

  it('Errors reach the error handler of Express', async () => {
    const app = express();
    app.use(
      rateLimitMiddleware({
        limiter: fixed(1),
        cost: () => {
          throw new Error('boom');
        },
      }),
    );
    app.use(
      ((error, _request, response, _next) =>
        void response.status(500).json(String(error))) as express.ErrorRequestHandler,
    );
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect([response.status, await response.json()]).toEqual([500, 'Error: boom']);
    server.close();
  });
});

describe('comparison with express-rate-limit in one Express application', () => {
  it.each<RateLimitDialect>(['draft-6', 'draft-7', 'draft-8', 'x-ratelimit'])(
    'The %s headers are identical',
    async (dialect) => {
      const app = express();
      const isLegacy = dialect === 'x-ratelimit';
      const theirs = rateLimit({
        windowMs: 60_000,
        limit: 2,
        legacyHeaders: isLegacy,
        standardHeaders: isLegacy ? false : (dialect as 'draft-6' | 'draft-7' | 'draft-8'),
      });
      const ours = rateLimitMiddleware({
        limiter: new KeyedRateLimiter(() => new FixedWindow({ limit: 2, per: '1m' })),
        headers: dialect,
        name: '2-in-1min',
        window: '1m',
        partitionKey: (key) => createHash('sha256').update(key).digest('hex').slice(0, 12),
      });
      app.get('/theirs', theirs, (_request, response) => void response.send('passed'));
      app.get('/ours', ours, (_request, response) => void response.send('passed'));
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await fetch(origin);
      for (const status of [200, 200, 429]) {
        const [their, our] = [await fetch(`${origin}/theirs`), await fetch(`${origin}/ours`)];
        expect([their.status, our.status]).toEqual([status, status]);
        const [expected, actual] = [fieldsOf(their), fieldsOf(our)];
        const resets = [expected, actual].map((fields) => Number(fields['x-ratelimit-reset'] ?? 0));
        expect(Math.abs(resets[0]! - resets[1]!)).toBeLessThanOrEqual(1); // two windows that began one after the other
        expect({ ...actual, 'x-ratelimit-reset': '' }).toEqual({ ...expected, 'x-ratelimit-reset': '' });
        expect(parseRateLimit(our.headers).limits).toMatchObject([{ limit: 2, resetAfterMs: expect.any(Number) }]);
      }
      expect(clientKey()('::ffff:127.0.0.1')).toBe('127.0.0.1');
      server.close();
    },
  );
});
