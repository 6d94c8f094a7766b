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
  it('goes where middleware goes', async () => {
    express().use(rateLimitMiddleware({ limiter }));
    express().get('/', rateLimitMiddleware({ limiter }), (_request, response) => void response.send());
    const fastify = Fastify();
    await fastify.register(middie);
    fastify.use(rateLimitMiddleware({ limiter }));
    const limit = rateLimitMiddleware({ limiter });
    createServer((request, response) => limit(request, response, () => response.end()));
    createHttp2Server((request, response) => limit(request, response, () => response.end()));
  });

  it('gives functions the requests of the framework they name', () => {
    express().use(
      rateLimitMiddleware({
        limiter,
        key: (request: express.Request, response: express.Response) => request.get('x-key') ?? response.locals.user,
        skip: (request) => request.path === '/health',
        onRefused: (refusal, request, response, next) => {
          expectTypeOf(refusal).toEqualTypeOf<RateLimitRefusal>();
          expectTypeOf(request).toEqualTypeOf<express.Request>();
          response.json({ retryAfterMs: refusal.decision.retryAfterMs });
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

  it('takes no options that cannot work', () => {
    // @ts-expect-error: no limiter
    rateLimitMiddleware({});
    // @ts-expect-error: a limit without a window
    rateLimitMiddleware({ limit: 100 });
    // @ts-expect-error: a limiter that knows no keys
    rateLimitMiddleware({ limiter: { tryAcquire: (_cost?: number) => decision, peek: (_cost?: number) => decision } });
    // @ts-expect-error: that would be everybody
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
  it('wraps what makes a Response of a Request', () => {
    const byKey = rateLimitHandler({ limiter, key: (request) => request.headers.get('x-key') ?? undefined });
    expectTypeOf(byKey(() => new Response())).toEqualTypeOf<(request: Request) => Promise<Response>>();
    const withEnvironment = byKey(async (_request: Request, _env: { readonly SECRET: string }) => new Response());
    expectTypeOf(withEnvironment).toEqualTypeOf<
      (request: Request, env: { readonly SECRET: string }) => Promise<Response>
    >();
  });

  it('goes around Hono, on Node and elsewhere', () => {
    const app = new Hono();
    const limited = rateLimitHandler({
      limiter,
      address: (_request, { incoming }: HttpBindings | Http2Bindings) => incoming.socket.remoteAddress,
    });
    serve({ fetch: limited(app.fetch) });
    const worker = rateLimitHandler({ limiter, address: (request) => request.headers.get('cf-connecting-ip') });
    expectTypeOf(worker(app.fetch)(new Request('http://localhost'))).toEqualTypeOf<Promise<Response>>();
  });

  it('takes no options that cannot work', () => {
    // @ts-expect-error: an answer is a Response
    rateLimitHandler({ limiter, onRefused: () => 'no' });
  });
});

describe('fields', () => {
  it('are records of strings', () => {
    expectTypeOf(rateLimitHeaders(decision, 'draft-10')).toEqualTypeOf<Record<string, string>>();
    expectTypeOf(rateLimitHeaders).parameter(1).toEqualTypeOf<RateLimitDialect>();
    // @ts-expect-error: no such dialect
    rateLimitHeaders(decision, 'draft-5');
    new Headers(
      rateLimitHeaders(decision, 'draft-6', { name: 'a', windowMs: 5, partitionKey: new Uint8Array(), now: 5 }),
    );
  });

  it('are read in whatever shape they come', async () => {
    const { limits, retryAfterMs } = parseRateLimit(new Headers());
    expectTypeOf(limits).toEqualTypeOf<readonly AnnouncedLimit[]>();
    expectTypeOf(retryAfterMs).toEqualTypeOf<number | undefined>();
    parseRateLimit((await undici.fetch('http://localhost')).headers);
    parseRateLimit((await undici.request('http://localhost')).headers, { now: 5 });
    parseRateLimit([['retry-after', '5']]);
    parseRateLimit(new Map([['retry-after', '5']]));
    createServer(({ headers }, response) => [parseRateLimit(headers), parseRateLimit(response.getHeaders())]);
    // @ts-expect-error: no headers
    parseRateLimit('retry-after: 5');
  });
});

it('clientKey', () => {
  expectTypeOf(clientKey({ trustProxy: ['10.0.0.0/8'], ipv6Prefix: 64 })).toEqualTypeOf<ClientKey>();
  createServer(({ socket, headers }) => clientKey()(socket.remoteAddress, headers['x-forwarded-for']));
  expectTypeOf(clientKey()('::1', new Headers().get('x-forwarded-for'))).toEqualTypeOf<string | undefined>();
  // @ts-expect-error: that would be everybody
  clientKey({ trustProxy: true });
});
