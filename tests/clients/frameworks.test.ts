/** The programs of frameworks in docs/guard-your-client.md, each with its real framework, an origin and a client. */
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CircuitBreaker, guarded, InvalidOptionError, type ResilientFetchOptions, retry } from 'breakwater';
import express from 'express';
// @ts-expect-error: the package has no types; those of Express 5 fit.
import express4 from 'express-4';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestServer, testServer } from '../support/http-server.js';
import { createApp as createExpress } from './programs/express.js';
import { createApp as createFastify } from './programs/fastify.js';
import { createHandler } from './programs/hono.js';
import { AppModule, origin as breakerOfNest } from './programs/nest/app.js';
import { Guarded } from './programs/nest/guarded.js';
import { refusalOf } from './programs/refusal.js';
import { rejectionOf } from './support.js';

interface App extends AsyncDisposable {
  readonly url: string;
}

type Start = (origin: string, options: ResilientFetchOptions) => Promise<App>;

async function listen(listener: RequestListener): Promise<App> {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const frameworks: Record<string, Start> = {
  'Express 5': (origin, options) => listen(createExpress(origin, options, express().set('env', 'test'))),
  'Express 4': (origin, options) => listen(createExpress(origin, options, express4().set('env', 'test'))),
  async Fastify(origin, options) {
    const app = createFastify(origin, options);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    return {
      url,
      async [Symbol.asyncDispose]() {
        app.server.closeAllConnections();
        await app.close();
      },
    };
  },
  async Hono(origin, options) {
    const server = serve({ fetch: createHandler(origin, options), port: 0, hostname: '127.0.0.1' }) as Server;
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  },
};

let origin: TestServer;
/** What the origin answers; undefined leaves requests open. */
let status: number | undefined;
/** What the origin answers to its first request; undefined for `status`. */
let firstStatus: number | undefined;
beforeEach(async () => {
  status = 200;
  firstStatus = undefined;
  origin = await testServer(({ path, index }) => {
    const now = index === 0 ? (firstStatus ?? status) : status;
    return now === undefined ? undefined : { status: now, body: `the price ${path}` };
  });
});
afterEach(() => origin.close());

const get = (url: string, signal?: AbortSignal) =>
  fetch(url, { signal: signal ?? null, headers: { connection: 'close' } });

describe.each(Object.entries(frameworks))('The program of %s', (_name, start) => {
  it('a response of the origin is passed on with its status', async () => {
    await using app = await start(origin.origin, {});
    const response = await get(`${app.url}/prices/7`);
    expect([response.status, await response.text()]).toEqual([200, 'the price /prices/7']);
    expect(response.headers.get('ratelimit')).toContain('r=99');
    status = 404;
    expect((await get(`${app.url}/prices/8`)).status).toBe(404);
  });

  it('an open circuit is answered with 503 and Retry-After, and no request is sent', async () => {
    status = 503;
    await using app = await start(origin.origin, {
      retry: false,
      circuitBreaker: { consecutiveFailures: 1, openFor: '1m' },
    });
    expect((await get(`${app.url}/prices/7`)).status).toBe(503);
    const response = await get(`${app.url}/prices/7`);
    expect([response.status, await response.json()]).toEqual([503, { error: 'ERR_CIRCUIT_OPEN' }]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(origin.requests.length).toBe(1);
  });

  it('a timeout is answered with 504', async () => {
    status = undefined;
    await using app = await start(origin.origin, { timeout: '100ms' });
    const response = await get(`${app.url}/prices/7`);
    expect([response.status, await response.json()]).toEqual([504, { error: 'ERR_TIMEOUT' }]);
  });

  it('an error that is not one of a policy has the response of the framework', async () => {
    await using app = await start('http://127.0.0.1:1', { retry: false });
    expect((await get(`${app.url}/prices/7`)).status).toBe(500);
  });

  it('a request above the limit is answered with 429, and the next one on its connection is served', async () => {
    await using app = await start(origin.origin, {});
    const statuses: number[] = [];
    for (let n = 0; n < 102; n++) {
      const response = await fetch(`${app.url}/prices/7`);
      await response.text();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([...Array.from({ length: 100 }, () => 200), 429, 429]);
    expect(origin.requests.length).toBe(100);
  });

  it('a client that has gone ends the request to the origin, which is not sent again', async () => {
    status = undefined;
    await using app = await start(origin.origin, { timeout: '1m' });
    const client = new AbortController();
    const gone = rejectionOf(get(`${app.url}/prices/7`, client.signal));
    await expect.poll(() => origin.requests.length).toBe(1);
    client.abort();
    await gone;
    await origin.requests[0]!.ended;
    expect(origin.requests.length).toBe(1);
  });
});

describe('The program of NestJS', () => {
  let app: INestApplication;
  let url: string;
  beforeEach(async () => {
    breakerOfNest.reset();
    app = await NestFactory.create(AppModule.of(origin.origin), { logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterEach(() => app.close());

  it('the decorator repeats a failed call of the service, and the response is served', async () => {
    firstStatus = 503;
    expect(await (await get(`${url}/prices/7`)).text()).toBe('the price /prices/7');
    expect(breakerOfNest.stats).toMatchObject({ calls: 2, failures: 1 });
  });

  it('a 404 of the origin is not repeated, and has the response of NestJS', async () => {
    status = 404;
    expect((await get(`${url}/prices/7`)).status).toBe(500);
    expect(origin.requests.length).toBe(1);
  });

  it('the interceptor answers an open circuit with 503 and Retry-After', async () => {
    breakerOfNest.trip();
    const response = await get(`${url}/prices/7`);
    expect([response.status, await response.json()]).toEqual([503, { error: 'ERR_CIRCUIT_OPEN' }]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(origin.requests.length).toBe(0);
  });

  it('Guarded calls the method of the object, and guarded rejects the decorators of NestJS', async () => {
    class Counter {
      count = 0;
      @Guarded(retry({ backoff: () => 0 }))
      async next(): Promise<number> {
        if (++this.count === 1) throw new Error('the first call fails');
        return this.count;
      }
    }
    expect(await new Counter().next()).toBe(2);
    const legacy = guarded(retry()) as unknown as (target: object, name: string, descriptor: object) => void;
    expect(() => legacy(Counter.prototype, 'next', {})).toThrow(InvalidOptionError);
  });
});

it('refusalOf has a response for the errors of policies only, and a whole number of seconds above 0', async () => {
  expect(refusalOf(new Error('another error'))).toBe(undefined);
  expect(refusalOf(new InvalidOptionError('retry', 'maxAttempts', 'must be an integer', 0))).toBe(undefined);
  const isolated: CircuitBreaker = breakerOfNest;
  using _isolation = isolated.isolate();
  const error = await rejectionOf(isolated.execute(() => 1));
  expect(refusalOf(error)).toEqual({ status: 503, headers: {}, body: { error: 'ERR_CIRCUIT_OPEN' } });
});
