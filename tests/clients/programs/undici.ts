/** `undici.request` on a guarded dispatcher. `setGlobalDispatcher` would guard every request of the process. */
import type { Duration } from 'breakwater';
import { resilient } from 'breakwater/undici';
import { Agent, request } from 'undici';

export function createClient(origin: string, attemptTimeout: Duration = '2s') {
  const guard = resilient({ timeout: '10s', attemptTimeout });
  const dispatcher = new Agent().compose(guard);
  return {
    get: (path: string, options?: { signal?: AbortSignal }) =>
      request(new URL(path, origin), { ...options, dispatcher }),
    health: () => guard.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
