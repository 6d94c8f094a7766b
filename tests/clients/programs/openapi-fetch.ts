/** openapi-fetch on `resilientFetch`. It throws no errors of HTTP: its results contain either `data` or `error`. */
import { type Duration, resilientFetch } from 'breakwater';
import createOpenApiClient from 'openapi-fetch';

/** In a real program `openapi-typescript` generates it. */
interface Paths {
  '/models': { get: { responses: { 200: { content: { 'application/json': { data: string[] } } } } } };
}

export function createClient(baseUrl: string, attemptTimeout: Duration = '2s') {
  const fetch = resilientFetch({ timeout: '10s', attemptTimeout });
  return {
    client: createOpenApiClient<Paths>({ baseUrl, fetch }),
    health: () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
