/** got under a policy, without its own retries. */
import { type CallOptions, circuitBreaker, type Duration, pipeline, retry, timeout } from 'breakwater';
import got from 'got';

export function createClient(prefixUrl: string, attemptTimeout: Duration = '2s') {
  const breaker = circuitBreaker({ name: prefixUrl });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3 }), breaker, timeout(attemptTimeout));
  const client = got.extend({ prefixUrl, retry: { limit: 0 } });
  return {
    getJson: <T>(path: string, options?: CallOptions<T>) =>
      policy.execute(({ signal }) => client.get(path, { signal }).json<T>(), options),
    health: () => breaker.stats,
  };
}
