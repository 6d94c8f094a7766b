/** Real servers of all frameworks with any middleware or handler of `breakwater/http-server` in front of one route. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import middie from '@fastify/middie';
import { type HttpBindings, serve } from '@hono/node-server';
import type { DeadlineRequest, NextFunction, OutgoingResponse, RequestHandler } from 'breakwater/http-server';
import express from 'express';
// @ts-expect-error: it comes without types; those of Express 5 will do
import express4 from 'express-4';
import Fastify from 'fastify';
import { Hono } from 'hono';

/** What the route answers with: a status, or a body in chunks. */
type Route = (path: string) => Promise<{ readonly status: number; readonly body: string }>;

type Middleware = (request: DeadlineRequest, response: OutgoingResponse, next: NextFunction) => void;
type Wrapper = (handler: RequestHandler<[]>) => (request: Request) => Promise<Response>;

export interface Guard {
  readonly middleware: () => Middleware;
  /** @param address - returns the address of the client. */
  readonly handler: (address: (request: Request) => string | undefined) => Wrapper;
}

export interface GuardedServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
}

type Start = (guard: Guard, route: Route) => Promise<Server>;

const onNode: Start = async ({ middleware }, route) => {
  const guard = middleware();
  return createServer((request, response) =>
    guard(request, response, async (error) => {
      const { status, body } = error === undefined ? await route(request.url ?? '') : { status: 500, body: `${error}` };
      response.writeHead(status).end(body);
    }),
  );
};

const onExpress =
  (make: typeof express): Start =>
  async ({ middleware }, route) => {
    const app = make();
    app.use(middleware() as express.RequestHandler);
    app.use((request, response, next) => {
      route(request.url).then(({ status, body }) => response.status(status).send(body), next);
    });
    return createServer(app);
  };

const onFastify: Start = async ({ middleware }, route) => {
  const app = Fastify();
  await app.register(middie);
  app.use(middleware() as never);
  app.all('*', async ({ url }, reply) => {
    const { status, body } = await route(url);
    return reply.code(status).send(body);
  });
  await app.ready();
  return app.server;
};

const onHono: Start = async ({ handler }, route) => {
  const app = new Hono();
  app.all('*', async (context) => {
    const { status, body } = await route(context.req.path);
    return status === 204 ? context.body(null, status) : context.body(body, status as 200);
  });
  const addresses = new WeakMap<Request, string | undefined>();
  const guarded = handler((request) => addresses.get(request))(app.fetch as RequestHandler<[]>);
  const serveOne = (request: Request, { incoming }: HttpBindings) => {
    addresses.set(request, incoming.socket.remoteAddress);
    return guarded(request);
  };
  const server = serve({ fetch: serveOne as never, port: 0, hostname: '127.0.0.1' }) as Server;
  await once(server, 'listening');
  return server;
};

export const frameworks: readonly (readonly [name: string, start: Start])[] = [
  ['node:http', onNode],
  ['Express 5', onExpress(express)],
  ['Express 4', onExpress(express4)],
  ['Fastify', onFastify],
  ['Hono', onHono],
];

export async function guardedServer(start: Start, guard: Guard, route: Route): Promise<GuardedServer> {
  const server = await start(guard, route);
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
