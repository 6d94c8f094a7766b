/** node-redis under a policy. Its `socketTimeout` closes a connection on which nothing arrives. */
import { circuitBreaker, firstOf, guard, pipeline, redisErrors, retry, timeout } from 'breakwater';
import { createClient as createRedis } from 'redis';

export async function createClient(port: number) {
  const classify = firstOf(redisErrors());
  const policy = pipeline(
    timeout('3s'),
    retry({ maxAttempts: 3, classify }),
    circuitBreaker({ name: 'redis', classify }),
    timeout('500ms'),
  );
  const redis = createRedis({ socket: { port, host: '127.0.0.1' }, disableOfflineQueue: true });
  redis.on('error', () => {}); // every failed command rejects too
  await redis.connect();
  return guard(redis, policy, { methods: ['get', 'set', 'del'] });
}
