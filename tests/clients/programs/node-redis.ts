/** node-redis under a policy. Its `socketTimeout` closes a connection on which nothing arrives. */
import { type CallOptions, circuitBreaker, firstOf, guard, pipeline, redisErrors, retry, timeout } from 'breakwater';
import { createClient as createRedis } from 'redis';

export async function createClient(port: number) {
  const classify = firstOf(redisErrors());
  const breaker = circuitBreaker({ name: 'redis', classify });
  const policy = pipeline(timeout('3s'), retry({ maxAttempts: 3, classify }), breaker, timeout('500ms'));
  const redis = createRedis({ socket: { port, host: '127.0.0.1' }, disableOfflineQueue: true });
  redis.on('error', () => {}); // every failed command rejects too
  await redis.connect();
  return {
    client: guard(redis, policy, { methods: ['get', 'set', 'del'] }),
    /** Runs a command with the signal of its caller, whose abort ends the waiting and not the command. */
    run: <T>(command: (client: typeof redis) => Promise<T>, options?: CallOptions<T>) =>
      policy.execute(() => command(redis), options),
    health: () => breaker.stats,
  };
}
