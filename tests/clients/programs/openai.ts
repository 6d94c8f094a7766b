/** The SDK of OpenAI on `resilientFetch`: a POST is repeated only if the server says so, or with an idempotency key. */
import { type Duration, resilientFetch } from 'breakwater';
import OpenAI from 'openai';

export function createClient(baseURL: string, attemptTimeout: Duration = '1m') {
  const fetch = resilientFetch({ timeout: '2m', attemptTimeout, circuitBreaker: { consecutiveFailures: 5 } });
  return {
    client: new OpenAI({ apiKey: 'key', baseURL, maxRetries: 0, fetch }),
    health: () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
