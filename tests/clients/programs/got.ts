/** got under a policy, without its own retries. */
import { circuitBreaker, pipeline, retry, timeout } from 'breakwater';
import got from 'got';

export function createClient(prefixUrl: string) {
  const policy = pipeline(
    timeout('10s'),
    retry({ maxAttempts: 3 }),
    circuitBreaker({ name: prefixUrl }),
    timeout('2s'),
  );
  const client = got.extend({ prefixUrl, retry: { limit: 0 } });
  return {
    getJson: <T>(path: string) => policy.execute(({ signal }) => client.get(path, { signal }).json<T>()),
  };
}
