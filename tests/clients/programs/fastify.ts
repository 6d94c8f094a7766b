/** Fastify 5: the middleware of the limit is an `onRequest` hook, without @fastify/middie. */
import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { rateLimitMiddleware } from 'breakwater/http-server';
import Fastify from 'fastify';
import { refusalOf } from './refusal.js';

export function createApp(origin: string, options?: ResilientFetchOptions) {
  const fetch = resilientFetch({ timeout: '2s', ...options });
  const limit = rateLimitMiddleware({ limit: 100, per: '1m' });
  const app = Fastify();
  // The middleware answers a request above the limit by itself and does not call `done`.
  app.addHook('onRequest', ({ raw }, reply, done) =>
    limit(raw, reply.raw, (error) => done(error as Error | undefined)),
  );

  app.get<{ Params: { id: string } }>('/prices/:id', async (request, reply) => {
    const caller = new AbortController();
    reply.raw.once('close', () => caller.abort());
    const upstream = await fetch(`${origin}/prices/${request.params.id}`, { signal: caller.signal });
    return reply.code(upstream.status).send(await upstream.text());
  });

  app.setErrorHandler((error, _request, reply) => {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
  });
  return app;
}
