/** `fetch` under the policies of `resilientFetch`: the response is judged by its status. */
import { type Duration, resilientFetch } from 'breakwater';

export function createClient(origin: string, attemptTimeout: Duration = '2s') {
  const fetch = resilientFetch({ timeout: '10s', attemptTimeout });
  return {
    get: (path: string, init?: { signal?: AbortSignal }) => fetch(new URL(path, origin), init),
    health: () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
