/** The SDK of OpenAI on `resilientFetch`: a POST is repeated only if the server says so, or with an idempotency key. */
import { resilientFetch } from 'breakwater';
import OpenAI from 'openai';

export function createClient(baseURL: string) {
  const fetch = resilientFetch({ timeout: '2m', attemptTimeout: '1m', circuitBreaker: { consecutiveFailures: 5 } });
  return new OpenAI({ apiKey: 'key', baseURL, maxRetries: 0, fetch });
}
