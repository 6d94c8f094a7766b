/** ioredis under a policy. It takes no signal: `commandTimeout` ends the waiting of the client itself. */
import { circuitBreaker, firstOf, guard, pipeline, redisErrors, retry, timeout } from 'breakwater';
import { Redis } from 'ioredis';

export function createClient(port: number) {
  const classify = firstOf(redisErrors());
  const policy = pipeline(
    timeout('3s'),
    retry({ maxAttempts: 3, classify }),
    circuitBreaker({ name: 'redis', classify }),
    timeout('500ms'),
  );
  const redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 0, commandTimeout: 500 });
  redis.on('error', () => {}); // every failed command rejects too
  // Only commands that may be repeated: `incr` would count twice.
  return guard(redis, policy, { methods: ['get', 'set', 'del'] });
}
