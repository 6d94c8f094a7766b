/** The programs of docs/guard-your-client.md, each with its real client and a real server. */
import { status } from '@grpc/grpc-js';
import { isResilienceError } from 'breakwater';
import { gql } from 'graphql-request';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { inOrder, type Reply, testServer } from '../support/http-server.js';
import { EchoServer, EchoStub } from './grpc-server.js';
import { httpPrograms } from './http-subjects.js';
import * as awsProgram from './programs/aws-sdk.js';
import * as graphqlProgram from './programs/graphql-request.js';
import { guardUnary } from './programs/grpc.js';
import * as ioredisProgram from './programs/ioredis.js';
import * as postgresProgram from './programs/node-postgres.js';
import * as redisProgram from './programs/node-redis.js';
import { rejectionOf, tcpRelay } from './support.js';

const json = { 'content-type': 'application/json', 'retry-after': '0' };
const good = { status: 200, headers: json, body: '{"data":{}}' };

describe.each(Object.entries(httpPrograms))('The program of %s', (_name, create) => {
  it('a 503 is repeated, and the next response is returned', async () => {
    await using server = await testServer(inOrder({ status: 503, headers: json, body: '{}' }, good));
    const { read, health } = create(server.origin);
    await read();
    expect(server.requests.length).toBe(2);
    expect(health()).toMatchObject({ calls: 2, failures: 1 });
  });
});

describe('The program of graphql-request', () => {
  const errors = (...list: object[]) => ({
    status: 200,
    headers: json,
    body: JSON.stringify({ data: null, errors: list }),
  });
  const outcomeOf = async (...replies: Reply[]) => {
    await using server = await testServer(inOrder(...replies));
    const { client, health } = graphqlProgram.createClient(server.origin);
    const outcome = await client.request({ document: gql`{ models }` }).then(
      () => 'data',
      () => 'errors',
    );
    const { calls, failures } = health();
    return [outcome, server.requests.length, calls, failures];
  };

  it('an error of the query in a response with status 200 is no failure and is not repeated', async () => {
    const error = { message: 'm', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } };
    expect(await outcomeOf(errors(error))).toEqual(['errors', 1, 1, 0]);
    expect(await outcomeOf(errors({ message: 'an error without a code' }))).toEqual(['errors', 1, 1, 0]);
  });

  it('an error of the server in a response with status 200 is a failure and is repeated', async () => {
    const error = { message: 'm', extensions: { code: 'INTERNAL_SERVER_ERROR' } };
    expect(await outcomeOf(errors(error), good)).toEqual(['data', 2, 2, 1]);
  });

  it('a rate limit in a response with status 200 is repeated and is no failure', async () => {
    expect(await outcomeOf(errors({ message: 'm', type: 'RATE_LIMITED' }), good)).toEqual(['data', 2, 2, 0]);
  });
});

describe('The program of the AWS SDK', () => {
  it('a throttled call is repeated and is no failure, whatever its status', async () => {
    const throttled = { status: 400, headers: json, body: '{"__type":"com.amazonaws#ThrottlingException"}' };
    await using server = await testServer(inOrder(throttled, { ...good, body: '{"Item":{"id":{"S":"1"}}}' }));
    const { getItem, health } = awsProgram.createClient({
      endpoint: server.origin,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    expect((await getItem({ TableName: 't', Key: { id: { S: '1' } } })).Item).toEqual({ id: { S: '1' } });
    expect(health()).toMatchObject({ calls: 2, failures: 0 });
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

  it('a query returns its rows, and a timeout leaves its connection usable', async () => {
    const client = postgresProgram.createClient(pool, admin, '100ms');
    expect((await client.query('select $1::int as x', [7])).rows).toEqual([{ x: 7 }]);
    expect(await rejectionOf(client.query('select pg_sleep(30)'))).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }]);
    expect(pool.totalCount).toBe(1);
  });

  it('a connection that is lost during a query is a failure, and the process continues', async () => {
    const relay = await tcpRelay(config.port);
    const relayed = new pg.Pool({ ...config, port: relay.port });
    relayed.on('error', () => {});
    const { query, health } = postgresProgram.createClient(relayed, admin);
    const error = rejectionOf(query('select pg_sleep(60) as lost'));
    const running = `select pid from pg_stat_activity where query like '% as lost' and state = 'active'`;
    await expect.poll(async () => (await admin.query(running)).rowCount).toBe(1);
    await relay.close();
    expect(await error).toMatchObject({ code: 'ECONNREFUSED' }); // of the last attempt
    expect(health()).toMatchObject({ calls: 3, failures: 3 });
    const end = `select pg_terminate_backend(pid) from (${running}) as lost_queries`;
    await admin.query(end); // without a connection the server continues
    await relayed.end();
  });

  it('an abort with a reason that is no object, while a query waits for a connection, leaves the connection usable', async () => {
    const client = postgresProgram.createClient(pool, admin);
    const held = await pool.connect();
    const caller = new AbortController();
    const waiting = client.query('select 1', [], { signal: caller.signal });
    caller.abort('gone');
    await expect(waiting).rejects.toBe('gone');
    held.release();
    expect((await client.query('select 2 as x')).rows).toEqual([{ x: 2 }]);
    expect(pool.totalCount).toBe(1);
  });
});

describe.skipIf(inject('redis') === undefined)('The programs of ioredis and node-redis', () => {
  it('commands run under the policy', async () => {
    const port = inject('redis') ?? 0;
    const ioredis = ioredisProgram.createClient(port).client;
    await ioredis.set('guarded', 'value');
    expect(await ioredis.get('guarded')).toBe('value');
    ioredis.disconnect();

    const { client: redis } = await redisProgram.createClient(port);
    expect(await redis.get('guarded')).toBe('value');
    redis.destroy();
  });
});

describe('The program of grpc-js', () => {
  it('an unavailable server is called again', async () => {
    const starting = { code: status.UNAVAILABLE, details: 'starting' };
    using server = await EchoServer.start((request, index) => (index === 0 ? starting : request));
    using stub = new EchoStub(server.port);
    expect(await guardUnary(stub.call).call('hello')).toBe('hello');
    expect(server.requests).toEqual(['hello', 'hello']);
  });

  it('the server knows the deadline of the attempt, and the attempt ends at it', async () => {
    using server = await EchoServer.start(() => undefined);
    using stub = new EchoStub(server.port);
    const before = Date.now();
    const error = await rejectionOf(guardUnary(stub.call, '300ms').call('hello'));
    // The timer of the policy and that of gRPC have the same time.
    expect(isResilienceError(error, 'ERR_TIMEOUT') || error).toSatisfy(
      (end: unknown) => end === true || (end as { code: number }).code === status.DEADLINE_EXCEEDED,
    );
    for (const deadline of server.deadlines) {
      expect(deadline).toBeGreaterThan(before);
      expect(deadline).toBeLessThan(before + 10_000);
    }
  });
});
