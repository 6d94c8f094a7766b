/** ioredis under a policy. It takes no signal: `commandTimeout` ends the waiting of calls outside the policy. */
import { type CallOptions, circuitBreaker, firstOf, guard, pipeline, redisErrors, retry, timeout } from 'breakwater';
import { Redis } from 'ioredis';

export function createClient(port: number) {
  const classify = firstOf(redisErrors());
  const breaker = circuitBreaker({ name: 'redis', classify });
  const policy = pipeline(timeout('3s'), retry({ maxAttempts: 3, classify }), breaker, timeout('500ms'));
  const redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 0, commandTimeout: 1000 });
  redis.on('error', () => {}); // every failed command rejects too
  return {
    // Only commands that may be repeated: `incr` would count twice.
    client: guard(redis, policy, { methods: ['get', 'set', 'del'] }),
    /** Runs a command with the signal of its caller, whose abort ends the waiting and not the command. */
    run: <T>(command: (redis: Redis) => Promise<T>, options?: CallOptions<T>) =>
      policy.execute(() => command(redis), options),
    health: () => breaker.stats,
  };
}
