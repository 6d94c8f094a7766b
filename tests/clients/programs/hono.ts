/** Hono: a limit around all routes, and a guarded client whose errors become responses. */
import type { Http2Bindings, HttpBindings } from '@hono/node-server';
import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { rateLimitHandler } from 'breakwater/http-server';
import { Hono } from 'hono';
import { refusalOf } from './refusal.js';

export function createHandler(origin: string, options?: ResilientFetchOptions) {
  const fetch = resilientFetch({ timeout: '2s', ...options });
  const app = new Hono<{ Bindings: HttpBindings | Http2Bindings }>();

  // The signal of a request aborts when its client has gone.
  app.get('/prices/:id', async (context) => {
    const { id } = context.req.param();
    return fetch(`${origin}/prices/${id}`, { signal: context.req.raw.signal });
  });

  app.onError((error) => {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return Response.json(refusal.body, refusal);
  });

  const limited = rateLimitHandler({
    limit: 100,
    per: '1m',
    address: (_request: Request, { incoming }: HttpBindings | Http2Bindings) => incoming.socket.remoteAddress,
  });
  return limited(app.fetch); // serve({ fetch: createHandler(origin) })
}
