/** `redisErrors` judges what ioredis and node-redis throw, with a real server. */
import { firstOf, redisErrors } from 'breakwater';
import { Redis, type RedisOptions } from 'ioredis';
import { ConnectionTimeoutError, createClient } from 'redis';
import { describe, expect, inject, it } from 'vitest';
import { closedPort, rejectionOf, running, silentServer, verdictOf } from './support.js';

const port = inject('redis');
const classify = firstOf(redisErrors());

async function withIoredis<T>(run: (redis: Redis) => Promise<T>, options: RedisOptions = {}): Promise<T> {
  const redis = new Redis({ port: port ?? 0, host: '127.0.0.1', retryStrategy: () => null, ...options } as never);
  redis.on('error', () => {});
  try {
    return await run(redis);
  } finally {
    redis.disconnect();
  }
}

const nodeRedis = (socket: object = {}, options: object = {}) =>
  createClient({ socket: { port: port ?? 0, host: '127.0.0.1', reconnectStrategy: false, ...socket }, ...options }).on(
    'error',
    () => {},
  );

type NodeRedis = ReturnType<typeof nodeRedis>;

async function withNodeRedis<T>(run: (redis: NodeRedis) => Promise<T>, socket: object = {}): Promise<T> {
  const redis = nodeRedis(socket);
  try {
    await redis.connect();
    return await run(redis);
  } finally {
    if (redis.isOpen) redis.destroy();
  }
}

describe.skipIf(port === undefined)('redisErrors with ioredis', () => {
  it('a wrong type, an unknown command and an aborted transaction are a success', async () => {
    await withIoredis(async (redis) => {
      await redis.set('text', 'v');
      expect(await verdictOf(classify, redis.lpush('text', 1))).toBe('success');
      expect(await verdictOf(classify, redis.call('nope'))).toBe('success');
      expect(await verdictOf(classify, redis.eval('return redis.error_reply("BUSYGROUP x")', 0))).toBe('success');
    });
  });

  it('BUSY, LOADING and TRYAGAIN are throttled', async () => {
    await withIoredis(async (redis) => {
      for (const code of ['BUSY', 'LOADING', 'TRYAGAIN']) {
        const reply = redis.eval(`return redis.error_reply("${code} later")`, 0);
        expect(await verdictOf(classify, reply)).toBe('throttled');
      }
    });
  });

  it('a full memory and a read-only replica are failures', async () => {
    await withIoredis(async (redis) => {
      await redis.config('SET', 'maxmemory', '1mb');
      expect(await verdictOf(classify, redis.set('big', 'x'.repeat(3_000_000)))).toBe('failure');
      await redis.config('SET', 'maxmemory', '0');
      await redis.replicaof('127.0.0.1', await closedPort());
      expect(await verdictOf(classify, redis.set('a', 1))).toBe('failure');
      await redis.replicaof('NO', 'ONE');
    });
  });

  it('a refused connection, a silent server, a command timeout and too many retries are failures', async () => {
    await using silent = await silentServer();
    const closed = await closedPort();
    const verdict = (options: RedisOptions) =>
      withIoredis((redis) => verdictOf(classify, redis.blpop('none', 2)), options);
    expect(await verdict({ port: closed })).toBe('failure');
    expect(await verdict({ port: closed, retryStrategy: () => 5, maxRetriesPerRequest: 1 })).toBe('failure');
    expect(await verdict({ port: closed, enableOfflineQueue: false })).toBe('failure');
    expect(await verdict({ port: silent.port, commandTimeout: 50 })).toBe('failure');
    expect(await verdict({ commandTimeout: 50 })).toBe('failure');
  });

  it('a missing password is a success: the server has responded', async () => {
    await withIoredis(async (redis) => {
      const reply = redis.eval('return redis.error_reply("NOAUTH Authentication required.")', 0);
      expect(await verdictOf(classify, reply)).toBe('success');
    });
  });
});

describe.skipIf(port === undefined)('redisErrors with node-redis', () => {
  it('a wrong type and an unknown command are a success', async () => {
    await withNodeRedis(async (redis) => {
      await redis.set('text', 'v');
      expect(await verdictOf(classify, redis.lPush('text', '1'))).toBe('success');
      expect(await verdictOf(classify, redis.sendCommand(['nope']))).toBe('success');
      expect(await verdictOf(classify, redis.multi().set('text', 'v').lPush('text', '1').exec())).toBe('success');
    });
  });

  it('a failed WATCH and LOADING are throttled', async () => {
    await withNodeRedis(async (redis) => {
      await redis.set('watched', '1');
      await redis.watch('watched');
      await withIoredis((other) => other.set('watched', '2'));
      expect(await verdictOf(classify, redis.multi().set('watched', '3').exec())).toBe('throttled');
      const reply = redis.eval('return redis.error_reply("LOADING later")');
      expect(await verdictOf(classify, reply)).toBe('throttled');
    });
  });

  it('a refused connection, a connect timeout and a socket timeout are failures', async () => {
    const get = (redis: NodeRedis) => redis.get('k');
    expect(await verdictOf(classify, withNodeRedis(get, { port: await closedPort() }))).toBe('failure');
    expect(classify({ ok: false, error: new ConnectionTimeoutError() }, running)).toBe('failure');
    const block = (redis: NodeRedis) => redis.blPop('none', 2);
    expect(await verdictOf(classify, withNodeRedis(block, { socketTimeout: 50 }))).toBe('failure');
  });

  it('a client that the program has closed is ignored', async () => {
    const redis = nodeRedis();
    await redis.connect();
    const blocked = rejectionOf(redis.blPop('none', 2));
    redis.destroy();
    expect(classify({ ok: false, error: await blocked }, running)).toBe('ignore');
    expect(await verdictOf(classify, redis.get('k'))).toBe('ignore');
  });
});
