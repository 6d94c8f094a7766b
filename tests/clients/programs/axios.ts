/** axios under a policy: 404 and 503 become errors with a status, which the default judgement reads. */
import axios from 'axios';
import { circuitBreaker, type Duration, guard, pipeline, retry, timeout } from 'breakwater';

export function createClient(baseURL: string, attemptTimeout: Duration = '2s') {
  const breaker = circuitBreaker({ name: baseURL });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3 }), breaker, timeout(attemptTimeout));
  // The second argument of `get` has the options: its `signal` aborts the request.
  const client = guard(axios.create({ baseURL }), policy, { methods: ['get'], signal: 1 });
  return { client, health: () => breaker.stats };
}
