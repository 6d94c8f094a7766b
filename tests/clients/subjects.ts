/** Each program of this folder with its dependency in one situation, for the table of outcomes. */
import { status } from '@grpc/grpc-js';
import { Redis } from 'ioredis';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { EchoServer, EchoStub } from './grpc-server.js';
import { httpPrograms, httpSubject } from './http-subjects.js';
import { guardUnary } from './programs/grpc.js';
import * as ioredisProgram from './programs/ioredis.js';
import * as postgresProgram from './programs/node-postgres.js';
import * as redisProgram from './programs/node-redis.js';
import { closedPort, tcpRelay } from './support.js';

/** `missing`: a request that is wrong. `ill`: a server that fails. `hang` and `abort`: a server that does not answer. */
export type Situation = 'missing' | 'ill' | 'refused' | 'hang' | 'abort';

/** One call of a program. */
export interface Run extends AsyncDisposable {
  readonly result: PromiseLike<unknown>;
  /** What the breaker has counted; undefined if nothing. */
  health(): { readonly calls: number; readonly failures: number } | undefined;
  /** The number of attempts that have reached the dependency; undefined if it does not count them. */
  attempts?(): number;
  /** Resolves when the dependency works on the call. */
  arrived(): Promise<unknown>;
  /** Resolves with what has remained of the call in the dependency. */
  remains(): Promise<string>;
}

export type Subject = (situation: Situation, signal?: AbortSignal) => Promise<Run>;

const grpcSubject: Subject = async (situation, signal) => {
  const server = await EchoServer.start(() => {
    if (situation === 'missing') return { code: status.NOT_FOUND, details: 'missing' };
    return situation === 'ill' ? { code: status.UNAVAILABLE, details: 'ill' } : undefined;
  });
  const stub = new EchoStub(situation === 'refused' ? await closedPort() : server.port);
  const { call, health } = guardUnary(stub.call, situation === 'hang' ? '500ms' : undefined);
  return {
    result: call('hello', signal && { signal }),
    health,
    arrived: () => expect.poll(() => server.requests.length, { timeout: 10_000 }).toBe(1),
    attempts: () => server.requests.length,
    async remains() {
      await expect.poll(() => server.canceled, { timeout: 10_000 }).toBe(server.requests.length);
      return 'nothing: the call is canceled on the server';
    },
    async [Symbol.asyncDispose]() {
      stub[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
};

const statements: Record<Situation, string> = {
  missing: 'selec 1',
  ill: 'select pg_terminate_backend(pg_backend_pid())',
  refused: 'select 1',
  hang: 'select pg_sleep(60)',
  abort: 'select pg_sleep(60)',
};

const postgresSubject: Subject = async (situation, signal) => {
  const config = { host: '127.0.0.1', port: inject('postgres') ?? 0, user: 'postgres', database: 'postgres' };
  const pool = new pg.Pool({ ...config, ...(situation === 'refused' && { port: await closedPort() }) });
  pool.on('error', () => {}); // a connection that the server has ended
  const admin = new pg.Pool(config);
  const sleeping = `select 1 from pg_stat_activity where query = '${statements.hang}' and state = 'active'`;
  const running = async () => (await admin.query(sleeping)).rowCount;
  const { query, health } = postgresProgram.createClient(pool, admin, situation === 'hang' ? '500ms' : undefined);
  return {
    result: query(statements[situation], [], signal && { signal }),
    health,
    arrived: () => expect.poll(running, { timeout: 10_000 }).toBe(1),
    async remains() {
      await expect.poll(running, { timeout: 10_000 }).toBe(0);
      return 'nothing: the query is canceled on the server';
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.end(), admin.end()]);
    },
  };
};

type RunCommand = (name: 'get' | 'set', options?: { signal?: AbortSignal }) => Promise<unknown>;

/** Commands on one key. A server that does not answer is a paused one. */
const redisSubject =
  (create: (port: number) => Promise<{ run: RunCommand; health: Run['health']; close(): void }>): Subject =>
  async (situation, signal) => {
    const port = inject('redis') ?? 0;
    const admin = new Redis({ port, host: '127.0.0.1' });
    await admin.del('key');
    const relay = await tcpRelay(port);
    const { run, health, close } = await create(relay.port);
    if (situation === 'missing') await admin.lpush('key', 'an element of a list');
    if (situation === 'ill') await admin.config('SET', 'min-replicas-to-write', '1');
    if (situation === 'refused') await relay.close();
    const isPaused = situation === 'hang' || situation === 'abort';
    if (isPaused) await admin.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    const blocked = async () => /flags=\w*b/.test(String(await admin.call('CLIENT', 'LIST')));
    return {
      result: run(situation === 'missing' ? 'get' : 'set', signal && { signal }),
      health,
      arrived: () => expect.poll(blocked, { timeout: 10_000 }).toBe(true),
      async remains() {
        expect(await admin.get('key')).toBe(null);
        await admin.call('CLIENT', 'UNPAUSE');
        await expect.poll(() => admin.get('key'), { timeout: 10_000 }).toBe('value');
        return 'the command takes effect';
      },
      async [Symbol.asyncDispose]() {
        await admin.call('CLIENT', 'UNPAUSE');
        await admin.config('SET', 'min-replicas-to-write', '0');
        close();
        await relay.close();
        await admin.quit();
      },
    };
  };

const ioredisSubject = redisSubject(async (port) => {
  const { client, run, health } = ioredisProgram.createClient(port);
  await client.ping();
  return {
    run: (name, options) =>
      run<unknown>((redis) => (name === 'get' ? redis.get('key') : redis.set('key', 'value')), options),
    health,
    close: () => client.disconnect(),
  };
});

const nodeRedisSubject = redisSubject(async (port) => {
  const { client, run, health } = await redisProgram.createClient(port);
  await client.ping();
  return {
    run: (name, options) =>
      run<unknown>((redis) => (name === 'get' ? redis.get('key') : redis.set('key', 'value')), options),
    health,
    close: () => client.destroy(),
  };
});

const hasPostgres = inject('postgres') !== undefined;
const hasRedis = inject('redis') !== undefined;

/** Each program; without those whose server is not installed. */
export const subjects: Readonly<Record<string, Subject>> = {
  ...Object.fromEntries(Object.entries(httpPrograms).map(([name, create]) => [name, httpSubject(create)])),
  '@grpc/grpc-js': grpcSubject,
  ...(hasPostgres && { 'node-postgres': postgresSubject }),
  ...(hasRedis && { ioredis: ioredisSubject, 'node-redis': nodeRedisSubject }),
};
