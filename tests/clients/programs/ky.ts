/** ky on `resilientFetch`, which repeats the requests instead of ky. */
import { type Duration, resilientFetch } from 'breakwater';
import ky from 'ky';

export function createClient(prefixUrl: string, attemptTimeout: Duration = '2s') {
  const fetch = resilientFetch({ timeout: '10s', attemptTimeout });
  return {
    client: ky.create({ prefixUrl, retry: 0, timeout: false, fetch }),
    health: () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
