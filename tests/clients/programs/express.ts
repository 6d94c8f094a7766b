/** Express 5 and 4: a limit for each client of the server, and a guarded client whose errors become responses. */
import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { rateLimitMiddleware } from 'breakwater/http-server';
import express, { type NextFunction, type Request, type Response } from 'express';
import { refusalOf } from './refusal.js';

export function createApp(origin: string, options?: ResilientFetchOptions, app = express()) {
  const fetch = resilientFetch({ timeout: '2s', ...options });
  app.use(rateLimitMiddleware({ limit: 100, per: '1m' }));

  app.get('/prices/:id', (request, response, next) => {
    const caller = new AbortController();
    response.once('close', () => caller.abort());
    fetch(`${origin}/prices/${request.params.id}`, { signal: caller.signal })
      .then(async (upstream) => response.status(upstream.status).send(await upstream.text()))
      .catch(next); // Express 4 needs it
  });

  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const refusal = refusalOf(error);
    if (refusal === undefined || response.headersSent) next(error);
    else response.status(refusal.status).set(refusal.headers).json(refusal.body);
  });
  return app;
}
