/** axios under a policy: 404 and 503 become errors with a status, which the default judgement reads. */
import axios from 'axios';
import { circuitBreaker, guard, pipeline, retry, timeout } from 'breakwater';

export function createClient(baseURL: string) {
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3 }), circuitBreaker({ name: baseURL }), timeout('2s'));
  const client = axios.create({ baseURL });
  // The second argument of `get` has the options: its `signal` aborts the request.
  return guard(client, policy, { methods: ['get'], signal: 1 });
}
