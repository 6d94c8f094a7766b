/** The SDK of Anthropic on `resilientFetch`. */
import Anthropic from '@anthropic-ai/sdk';
import { resilientFetch } from 'breakwater';

export function createClient(baseURL: string) {
  const fetch = resilientFetch({ timeout: '2m', attemptTimeout: '1m', circuitBreaker: { consecutiveFailures: 5 } });
  return new Anthropic({ apiKey: 'key', baseURL, maxRetries: 0, fetch });
}
