/** The SDK of Anthropic on `resilientFetch`. */
import Anthropic from '@anthropic-ai/sdk';
import { type Duration, resilientFetch } from 'breakwater';

export function createClient(baseURL: string, attemptTimeout: Duration = '1m') {
  const fetch = resilientFetch({ timeout: '2m', attemptTimeout, circuitBreaker: { consecutiveFailures: 5 } });
  return {
    client: new Anthropic({ apiKey: 'key', baseURL, maxRetries: 0, fetch }),
    health: () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker,
  };
}
