/** `sqlErrors` judges what node-postgres throws, with a real server. */
import { firstOf, sqlErrors, type Verdict } from 'breakwater';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { closedPort, rejectionOf, running, silentServer, verdictOf } from './support.js';

const port = inject('postgres');
const config = { host: '127.0.0.1', port: port ?? 0, user: 'postgres', database: 'postgres' };
const classify = firstOf(sqlErrors());

/** Runs one statement on a connection of its own. */
async function query(sql: string, options: pg.ClientConfig = {}): Promise<unknown> {
  const client = new pg.Client({ ...config, ...options });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.query(sql);
  } finally {
    client.end().catch(() => {});
  }
}

describe.skipIf(port === undefined)('sqlErrors with node-postgres', () => {
  let admin: pg.Client;
  beforeAll(async () => {
    admin = new pg.Client(config);
    await admin.connect();
    await admin.query(
      'drop table if exists t; create table t (id int primary key, v int check (v >= 0), r int references t(id)); insert into t values (1, 1), (2, 2)',
    );
  });
  afterAll(() => admin?.end());

  it.each([
    ['a syntax error', 'selec 1', {}, 'success'],
    ['an unknown table', 'select * from nope', {}, 'success'],
    ['a unique constraint', 'insert into t values (1, 1)', {}, 'success'],
    ['a check constraint', 'insert into t values (9, -1)', {}, 'success'],
    ['a foreign key', 'insert into t values (10, 1, 99)', {}, 'success'],
    ['an invalid number', "select 'x'::int", {}, 'success'],
    ['a division by zero', 'select 1/0', {}, 'success'],
    ['an exception of the program', "do $$ begin raise exception 'no'; end $$", {}, 'success'],
    ['an unknown database', 'select 1', { database: 'nope' }, 'success'],
    ['an unknown role', 'select 1', { user: 'nope' }, 'success'],
    ['a statement timeout', 'select pg_sleep(5)', { statement_timeout: 100 }, 'failure'],
    ['a query timeout of the client', 'select pg_sleep(1)', { query_timeout: 100 }, 'failure'],
    ['a read-only server', 'begin read only; insert into t values (3, 3)', {}, 'failure'],
  ] as const)('%s is judged as documented', async (_name, sql, options, verdict) => {
    expect(await verdictOf(classify, query(sql, options))).toBe(verdict);
  });

  it('a lock timeout, a deadlock and a serialization failure are throttled', async () => {
    const [a, b] = [new pg.Client(config), new pg.Client(config)];
    await Promise.all([a.connect(), b.connect()]);
    try {
      await a.query('begin; update t set v = 5 where id = 1');
      expect(await verdictOf(classify, query("set lock_timeout = '50ms'; update t set v = 6 where id = 1"))).toBe(
        'throttled',
      );
      await b.query("set deadlock_timeout = '50ms'; begin; update t set v = 1 where id = 2");
      const updates = [a.query('update t set v = 1 where id = 2'), b.query('update t set v = 1 where id = 1')];
      const ended = await Promise.allSettled(updates);
      const deadlock = ended.find((one) => one.status === 'rejected')?.reason;
      expect(deadlock).toMatchObject({ code: '40P01' });
      expect(classify({ ok: false, error: deadlock }, running)).toBe('throttled');
      await Promise.all([a.query('rollback'), b.query('rollback')]);

      for (const client of [a, b]) await client.query('begin isolation level repeatable read; select * from t');
      await a.query('update t set v = 7 where id = 1; commit');
      const error = await rejectionOf(b.query('update t set v = 8 where id = 1'));
      expect(error).toMatchObject({ code: '40001' });
      expect(classify({ ok: false, error }, running)).toBe('throttled');
    } finally {
      await Promise.all([a.end(), b.end()]);
    }
  });

  it('a connection that the server ends, and one beyond its limit, are failures', async () => {
    const client = new pg.Client(config);
    client.on('error', () => {});
    await client.connect();
    const ended = rejectionOf(client.query('select pg_sleep(3)'));
    const { processID } = client as unknown as { processID: number };
    await admin.query('select pg_terminate_backend($1)', [processID]);
    const error = await ended;
    expect(error).toMatchObject({ code: '57P01' });
    expect(classify({ ok: false, error }, running)).toBe('failure');

    const clients: pg.Client[] = [];
    const connect = async () => {
      for (let count = 0; count < 50; count++) {
        const one = new pg.Client({ ...config, user: 'postgres' });
        one.on('error', () => {});
        await one.connect();
        clients.push(one);
      }
    };
    const refused = await rejectionOf(connect());
    await Promise.all(clients.map((one) => one.end()));
    expect(refused).toMatchObject({ code: '53300' });
    expect(classify({ ok: false, error: refused }, running)).toBe('failure');
  });

  it('a refused connection, an unknown host, a silent server and an exhausted pool are failures', async () => {
    await using silent = await silentServer();
    const pool = new pg.Pool({ ...config, max: 1, connectionTimeoutMillis: 100 });
    const held = await pool.connect();
    const errors = [
      query('select 1', { port: await closedPort() }),
      query('select 1', { host: 'no.such.invalid' }),
      query('select 1', { port: silent.port, connectionTimeoutMillis: 100 }),
      pool.query('select 1'),
    ];
    const verdicts = await Promise.all(errors.map((one) => verdictOf(classify, one)));
    held.release();
    await pool.end();
    expect(verdicts).toEqual(['failure', 'failure', 'failure', 'failure'] satisfies Verdict[]);
  });

  it('a client and a pool that the program has closed are ignored', async () => {
    const client = new pg.Client(config);
    await client.connect();
    await client.end();
    expect(await verdictOf(classify, client.query('select 1'))).toBe('ignore');
    const pool = new pg.Pool(config);
    await pool.end();
    expect(await verdictOf(classify, pool.query('select 1'))).toBe('ignore');
  });

  it('a statement that the caller has canceled is ignored', async () => {
    const client = new pg.Client(config);
    await client.connect();
    const canceled = rejectionOf(client.query('select pg_sleep(3)'));
    const cancel =
      "select pg_cancel_backend(pid) from pg_stat_activity where query = 'select pg_sleep(3)' and state = 'active'";
    while ((await admin.query(cancel)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const error = await canceled;
    await client.end();
    expect(classify({ ok: false, error }, { ...running, signal: AbortSignal.abort() })).toBe('ignore');
    expect(classify({ ok: false, error }, running)).toBe('failure');
  });
});
