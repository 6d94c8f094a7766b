import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import middie from '@fastify/middie';
import { type Http2Bindings, type HttpBindings, serve } from '@hono/node-server';
import type { Decision } from 'breakwater';
import {
  type AnnouncedLimit,
  type ClientKey,
  clientKey,
  type HttpRateLimiter,
  parseRateLimit,
  type RateLimitDialect,
  type RateLimitRefusal,
  rateLimitHandler,
  rateLimitHeaders,
  rateLimitMiddleware,
} from 'breakwater/http-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import * as undici from 'undici';
import { describe, expectTypeOf, it } from 'vitest';

declare const limiter: HttpRateLimiter;
declare const decision: Decision;

describe('rateLimitMiddleware', () => {
  it('rateLimitMiddleware fits Express, Fastify and Node servers', async () => {
    express().use(rateLimitMiddleware({ limiter }));
    express().get('/', rateLimitMiddleware({ limiter }), (_request, response) => void response.send());
    const fastify = Fastify();
    await fastify.register(middie);
    fastify.use(rateLimitMiddleware({ limiter }));
    const limit = rateLimitMiddleware({ limiter });
    createServer((request, response) => limit(request, response, () => response.end()));
    createHttp2Server((request, response) => limit(request, response, () => response.end()));
  });

  it('the functions of the options receive the request type of the framework', () => {
    express().use(
      rateLimitMiddleware({
        limiter,
        key: (request: express.Request, response: express.Response) => request.get('x-key') ?? response.locals.user,
        skip: (request) => request.path === '/health',
        onRefused: (rejection, request, response, next) => {
          expectTypeOf(rejection).toEqualTypeOf<RateLimitRefusal>();
          expectTypeOf(request).toEqualTypeOf<express.Request>();
          response.json({ retryAfterMs: rejection.decision.retryAfterMs });
          expectTypeOf(next).toEqualTypeOf<(error?: unknown) => void>();
        },
        on: {
          reject: ({ request, enforced }) =>
            expectTypeOf([request.path, enforced]).toEqualTypeOf<(string | boolean)[]>(),
        },
      }),
    );
    const limit = rateLimitMiddleware<IncomingMessage, ServerResponse>({
      limiter,
      cost: ({ url }) => url?.length ?? 0,
    });
    expectTypeOf(limit).parameters.toEqualTypeOf<[IncomingMessage, ServerResponse, (error?: unknown) => void]>();
    rateLimitMiddleware({ limiter, key: ({ headers }) => headers['x-key']?.toString() });
    rateLimitMiddleware({ limit: 100, per: '1m', key: ({ headers }) => headers['x-key']?.toString() });
    const limited = rateLimitMiddleware<IncomingMessage, ServerResponse>({ limit: 100, per: '1m', trustProxy: 1 });
    expectTypeOf(limited).toEqualTypeOf<typeof limit>();
  });

  it('rateLimitMiddleware rejects invalid options', () => {
    // @ts-expect-error: a limiter is required
    rateLimitMiddleware({});
    // @ts-expect-error: a limit without a window
    rateLimitMiddleware({ limit: 100 });
    // @ts-expect-error: a limiter without keys
    rateLimitMiddleware({ limiter: { tryAcquire: (_cost?: number) => decision, peek: (_cost?: number) => decision } });
    // @ts-expect-error: trusting all proxies is not allowed
    rateLimitMiddleware({ limiter, trustProxy: true });
    // @ts-expect-error: no such dialect
    rateLimitMiddleware({ limiter, headers: 'draft-9' });
    // @ts-expect-error: no such option
    rateLimitMiddleware({ limiter, windowMs: 5 });
    // @ts-expect-error: a key is a string
    rateLimitMiddleware({ limiter, key: () => 5 });
  });
});

describe('rateLimitHandler', () => {
  it('rateLimitHandler wraps a function from a Request to a Response', () => {
    const byKey = rateLimitHandler({ limiter, key: (request) => request.headers.get('x-key') ?? undefined });
    expectTypeOf(byKey(() => new Response())).toEqualTypeOf<(request: Request) => Promise<Response>>();
    const withEnvironment = byKey(async (_request: Request, _env: { readonly SECRET: string }) => new Response());
    expectTypeOf(withEnvironment).toEqualTypeOf<
      (request: Request, env: { readonly SECRET: string }) => Promise<Response>
    >();
  });

  it('rateLimitHandler wraps Hono on Node and on other runtimes', () => {
    const app = new Hono();
    const limited = rateLimitHandler({
      limiter,
      address: (_request, { incoming }: HttpBindings | Http2Bindings) => incoming.socket.remoteAddress,
    });
    serve({ fetch: limited(app.fetch) });
    const worker = rateLimitHandler({ limiter, address: (request) => request.headers.get('cf-connecting-ip') });
    expectTypeOf(worker(app.fetch)(new Request('http://localhost'))).toEqualTypeOf<Promise<Response>>();
  });

  it('rateLimitHandler rejects invalid options', () => {
    // @ts-expect-error: the result must be a Response
    rateLimitHandler({ limiter, onRefused: () => 'no' });
  });
});

describe('Rate limit fields', () => {
  it('the fields are records of strings', () => {
    expectTypeOf(rateLimitHeaders(decision, 'draft-10')).toEqualTypeOf<Record<string, string>>();
    expectTypeOf(rateLimitHeaders).parameter(1).toEqualTypeOf<RateLimitDialect>();
    // @ts-expect-error: no such dialect
    rateLimitHeaders(decision, 'draft-5');
    new Headers(
      rateLimitHeaders(decision, 'draft-6', { name: 'a', windowMs: 5, partitionKey: new Uint8Array(), now: 5 }),
    );
  });

  it('parseRateLimit accepts headers of any form', async () => {
    const { limits, retryAfterMs } = parseRateLimit(new Headers());
    expectTypeOf(limits).toEqualTypeOf<readonly AnnouncedLimit[]>();
    expectTypeOf(retryAfterMs).toEqualTypeOf<number | undefined>();
    parseRateLimit((await undici.fetch('http://localhost')).headers);
    parseRateLimit((await undici.request('http://localhost')).headers, { now: 5 });
    parseRateLimit([['retry-after', '5']]);
    parseRateLimit(new Map([['retry-after', '5']]));
    createServer(({ headers }, response) => [parseRateLimit(headers), parseRateLimit(response.getHeaders())]);
    // @ts-expect-error: not headers
    parseRateLimit('retry-after: 5');
  });
});

it('clientKey has its documented types', () => {
  expectTypeOf(clientKey({ trustProxy: ['10.0.0.0/8'], ipv6Prefix: 64 })).toEqualTypeOf<ClientKey>();
  createServer(({ socket, headers }) => clientKey()(socket.remoteAddress, headers['x-forwarded-for']));
  expectTypeOf(clientKey()('::1', new Headers().get('x-forwarded-for'))).toEqualTypeOf<string | undefined>();
  // @ts-expect-error: trusting all proxies is not allowed
  clientKey({ trustProxy: true });
});
