/** Real servers of all frameworks, each with a limited route and a record of admitted requests. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import middie from '@fastify/middie';
import { type Http2Bindings, type HttpBindings, serve } from '@hono/node-server';
import { type RateLimitHttpOptions, rateLimitHandler, rateLimitMiddleware } from 'breakwater/http-server';
import express from 'express';
// @ts-expect-error: it comes without types; those of Express 5 will do
import express4 from 'express-4';
import Fastify from 'fastify';
import { Hono } from 'hono';

/** Options of both middleware and handler that do not depend on the type of the request. */
export type CommonOptions = Omit<RateLimitHttpOptions<[]>, 'key' | 'cost' | 'skip' | 'on'> & { readonly cost?: number };

export interface LimitedServer extends AsyncDisposable {
  readonly origin: string;
  /** The paths of the requests that have reached the route. */
  readonly passed: string[];
  /** The number of accepted connections. */
  readonly connections: () => number;
}

/** Starts a server. `/status/418` is answered by 418, `/slow` after `slow` resolves, other paths by 200. */
type Start = (options: CommonOptions, passed: string[], slow: Promise<void>) => Promise<Server>;

const statusOf = (path: string): number => Number(/^\/status\/(\d+)$/.exec(path)?.[1] ?? 200);

const onNode: Start = async (options, passed, slow) => {
  const limit = rateLimitMiddleware(options);
  return createServer((request, response) =>
    limit(request, response, async (error) => {
      if (error !== undefined) response.writeHead(500).end(String(error));
      else await route(request, response, passed, slow);
    }),
  );
};

async function route(request: IncomingMessage, response: ServerResponse, passed: string[], slow: Promise<void>) {
  const path = request.url ?? '';
  passed.push(path);
  if (path === '/slow') await slow;
  response.statusCode = statusOf(path);
  response.end('passed');
}

const onExpress = (make: typeof express): Start => {
  return async (options, passed, slow) => {
    const app = make();
    app.disable('x-powered-by');
    app.use(rateLimitMiddleware(options));
    app.use((request, response) => void route(request, response, passed, slow));
    return createServer(app);
  };
};

const onFastify: Start = async (options, passed, slow) => {
  const app = Fastify();
  await app.register(middie);
  app.use(rateLimitMiddleware(options));
  app.all('*', async ({ url }, reply) => {
    passed.push(url);
    if (url === '/slow') await slow;
    return reply.code(statusOf(url)).send('passed');
  });
  await app.ready();
  return app.server;
};

const onHono: Start = async (options, passed, slow) => {
  const app = new Hono();
  app.all('*', async (context) => {
    passed.push(context.req.path);
    if (context.req.path === '/slow') await slow;
    return context.text('passed', statusOf(context.req.path) as 200);
  });
  const limited = rateLimitHandler<[HttpBindings | Http2Bindings]>({
    ...options,
    address: (_request, { incoming }) => incoming.socket.remoteAddress,
  });
  const server = serve({ fetch: limited(app.fetch), port: 0, hostname: '127.0.0.1' }) as Server;
  await once(server, 'listening');
  return server;
};

export const makes: readonly (readonly [name: string, start: Start])[] = [
  ['node:http', onNode],
  ['Express 5', onExpress(express)],
  ['Express 4', onExpress(express4)],
  ['Fastify', onFastify],
  ['Hono', onHono],
];

export async function limitedServer(
  start: Start,
  options: CommonOptions,
  slow = Promise.resolve(),
): Promise<LimitedServer> {
  const passed: string[] = [];
  const server = await start(options, passed, slow);
  let connections = 0;
  server.on('connection', () => connections++);
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
