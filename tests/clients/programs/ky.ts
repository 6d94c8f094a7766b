/** ky on `resilientFetch`, which repeats the requests instead of ky. */
import { resilientFetch } from 'breakwater';
import ky from 'ky';

export function createClient(prefixUrl: string) {
  return ky.create({
    prefixUrl,
    retry: 0,
    timeout: false,
    fetch: resilientFetch({ timeout: '10s', attemptTimeout: '2s' }),
  });
}
