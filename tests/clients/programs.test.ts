/** The programs of docs/guard-your-client.md, each with its real client and a real server. */
import * as grpc from '@grpc/grpc-js';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { inOrder, type Reply, type TestServer, testServer } from '../support/http-server.js';
import * as anthropicProgram from './programs/anthropic.js';
import * as axiosProgram from './programs/axios.js';
import * as gotProgram from './programs/got.js';
import { guardUnary } from './programs/grpc.js';
import * as ioredisProgram from './programs/ioredis.js';
import * as kyProgram from './programs/ky.js';
import * as postgresProgram from './programs/node-postgres.js';
import * as redisProgram from './programs/node-redis.js';
import * as openaiProgram from './programs/openai.js';
import { closedPort, rejectionOf } from './support.js';

const json = { 'content-type': 'application/json', 'retry-after': '0' };
const good = { status: 200, headers: json, body: '{"data":[]}' };
const failing = (status: number) => ({ status, headers: json, body: '{"error":{"message":"m","type":"t"}}' });

/** Each HTTP client reads one resource. */
const readers: Record<string, (origin: string) => PromiseLike<unknown>> = {
  axios: (origin) => axiosProgram.createClient(origin).get('/models'),
  got: (origin) => gotProgram.createClient(origin).getJson('models'),
  ky: (origin) => kyProgram.createClient(origin).get('models').json(),
  OpenAI: (origin) => openaiProgram.createClient(origin).models.list(),
  Anthropic: (origin) => anthropicProgram.createClient(origin).models.list(),
};

describe.each(Object.entries(readers))('The program of %s', (_name, read) => {
  const requests = async (...replies: Reply[]) => {
    await using server: TestServer = await testServer(inOrder(...replies));
    const outcome = await Promise.resolve(read(server.origin)).then(
      () => 'value',
      () => 'error',
    );
    return [outcome, server.requests.length];
  };

  it('a 503 is repeated, and the next response is returned', async () => {
    expect(await requests(failing(503), good)).toEqual(['value', 2]);
  });

  it('a 404 is an error at once', async () => {
    expect(await requests(failing(404))).toEqual(['error', 1]);
  });

  it('a refused connection is an error', async () => {
    await rejectionOf(read(`http://127.0.0.1:${await closedPort()}`));
  });
});

describe.skipIf(inject('postgres') === undefined)('The program of node-postgres', () => {
  const config = { host: '127.0.0.1', port: inject('postgres') ?? 0, user: 'postgres', database: 'postgres' };
  let pool: pg.Pool;
  let admin: pg.Pool;
  beforeAll(() => {
    pool = new pg.Pool({ ...config, max: 1 });
    admin = new pg.Pool({ ...config, max: 2 });
  });
  afterAll(() => Promise.all([pool.end(), admin.end()]));

  it('a query returns its rows, and a syntax error is an error at once', async () => {
    const client = postgresProgram.createClient(pool, admin);
    expect((await client.query('select $1::int as x', [7])).rows).toEqual([{ x: 7 }]);
    expect(await rejectionOf(client.query('selec 1'))).toMatchObject({ code: '42601' });
  });

  it('a timeout ends the query on the server, and the connection is usable afterwards', async () => {
    const client = postgresProgram.createClient(pool, admin, '100ms');
    const error = await rejectionOf(client.query('select pg_sleep(30)'));
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }]);
    const active = `select 1 from pg_stat_activity where query like 'select pg_sleep(30)%' and state = 'active'`;
    expect((await admin.query(active)).rowCount).toBe(0);
    expect(pool.totalCount).toBe(1);
  });
});

describe.skipIf(inject('redis') === undefined)('The programs of ioredis and node-redis', () => {
  it('commands run under the policy, and an error reply is an error at once', async () => {
    const port = inject('redis') ?? 0;
    const ioredis = ioredisProgram.createClient(port);
    await ioredis.set('guarded', 'value');
    expect(await ioredis.get('guarded')).toBe('value');
    await ioredis.lpush('guarded list', 'x');
    expect(await rejectionOf(ioredis.get('guarded list'))).toMatchObject({ name: 'ReplyError' });
    await ioredis.del('guarded list');
    ioredis.disconnect();

    const redis = await redisProgram.createClient(port);
    expect(await redis.get('guarded')).toBe('value');
    redis.destroy();
  });

  it('a refused connection of ioredis is an error', async () => {
    const redis = ioredisProgram.createClient(await closedPort());
    await rejectionOf(redis.get('guarded'));
    redis.disconnect();
  });
});

describe('The program of grpc-js', () => {
  it('an unavailable server is called again, NOT_FOUND is not, and a timeout cancels the call on the server', async () => {
    const text = {
      requestSerialize: (value: string) => Buffer.from(value),
      requestDeserialize: (bytes: Buffer) => bytes.toString(),
      responseSerialize: (value: string) => Buffer.from(value),
      responseDeserialize: (bytes: Buffer) => bytes.toString(),
    };
    const definition = { call: { path: '/Echo/Call', requestStream: false, responseStream: false, ...text } } as const;
    const seen: string[] = [];
    let canceled = 0;
    const server = new grpc.Server();
    server.addService(definition, {
      call(call: grpc.ServerUnaryCall<string, string>, respond: grpc.sendUnaryData<string>) {
        seen.push(call.request);
        call.on('cancelled', () => canceled++);
        if (call.request === 'hang') return;
        if (call.request === 'missing') respond({ code: grpc.status.NOT_FOUND, details: 'missing' });
        else if (seen.length === 1) respond({ code: grpc.status.UNAVAILABLE, details: 'starting' });
        else respond(null, call.request);
      },
    });
    const credentials = grpc.ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    const Echo = grpc.makeGenericClientConstructor(definition, 'Echo');
    const stub = new Echo(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    type Method = Parameters<typeof guardUnary<string, string>>[0];
    const method = ((request, callback) => (stub as unknown as { call: Method }).call(request, callback)) as Method;

    expect(await guardUnary(method)('hello')).toBe('hello');
    expect(await rejectionOf(guardUnary(method)('missing'))).toMatchObject({ code: 5 });
    expect(await rejectionOf(guardUnary(method, '100ms')('hang'))).toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect.poll(() => canceled).toBeGreaterThan(0);
    expect(seen.slice(0, 3)).toEqual(['hello', 'hello', 'missing']);
    stub.close();
    server.forceShutdown();
  });
});
