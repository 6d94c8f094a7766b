/** `prismaErrors` judges what Prisma Client throws, with its driver adapter and a real server. */
import { PrismaPg } from '@prisma/adapter-pg';
import { firstOf, prismaErrors } from 'breakwater';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { PrismaClient } from './generated/index.js';
import { closedPort, rejectionOf, running, verdictOf } from './support.js';

const port = inject('postgres');
const classify = firstOf(prismaErrors());

const connect = (to: number | undefined, options: pg.PoolConfig = {}) =>
  new PrismaClient({
    adapter: new PrismaPg({ connectionString: `postgresql://postgres@127.0.0.1:${to}/postgres`, ...options }),
  });

describe.skipIf(port === undefined)('prismaErrors with Prisma Client', () => {
  const prisma = connect(port);
  let admin: pg.Client;
  beforeAll(async () => {
    admin = new pg.Client({ host: '127.0.0.1', port: port ?? 0, user: 'postgres', database: 'postgres' });
    await admin.connect();
    await admin.query(
      `drop table if exists "Account"; create table "Account" (id int primary key, email text unique not null); insert into "Account" values (1, 'a')`,
    );
  });
  afterAll(async () => {
    await prisma.$disconnect();
    await admin?.end();
  });

  it('a unique constraint, a missing record and a syntax error in raw SQL are a success', async () => {
    expect(await verdictOf(classify, prisma.account.create({ data: { id: 1, email: 'a' } }))).toBe('success');
    expect(await verdictOf(classify, prisma.account.update({ where: { id: 99 }, data: { email: 'x' } }))).toBe(
      'success',
    );
    expect(await verdictOf(classify, prisma.account.findUniqueOrThrow({ where: { id: 99 } }))).toBe('success');
    expect(await verdictOf(classify, prisma.$queryRawUnsafe('selec 1'))).toBe('success');
  });

  it('an invalid argument is ignored', async () => {
    expect(await verdictOf(classify, prisma.account.create({ data: { nope: 1 } as never }))).toBe('ignore');
  });

  it('a statement timeout, a transaction timeout and a refused connection are failures', async () => {
    const limited = connect(port, { statement_timeout: 100 });
    const refused = connect(await closedPort());
    const slow = prisma.$transaction(
      async (transaction) => {
        await transaction.$queryRawUnsafe('select 1 from pg_sleep(0.4)');
        return transaction.account.count();
      },
      { timeout: 100 },
    );
    const verdicts = await Promise.all([
      verdictOf(classify, limited.$queryRawUnsafe('select 1 from pg_sleep(2)')),
      verdictOf(classify, slow),
      verdictOf(classify, refused.account.count()),
    ]);
    await Promise.all([limited.$disconnect(), refused.$disconnect()]);
    expect(verdicts).toEqual(['failure', 'failure', 'failure']);
  });

  it('a connection that the server ends is a failure', async () => {
    const ended = rejectionOf(prisma.$queryRawUnsafe('select 1 from pg_sleep(3)'));
    const terminate =
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(3)%' and pid <> pg_backend_pid()";
    while ((await admin.query(terminate)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(classify({ ok: false, error: await ended }, running)).toBe('failure');
  });

  it('a write conflict of a serializable transaction is throttled', async () => {
    const conflict = prisma.$transaction(
      async (transaction) => {
        await transaction.account.findMany();
        await admin.query(`update "Account" set email = 'z' where id = 1`);
        return transaction.account.update({ where: { id: 1 }, data: { email: 'y' } });
      },
      { isolationLevel: 'Serializable' },
    );
    const error = await rejectionOf(conflict);
    expect(error).toMatchObject({ code: 'P2034' });
    expect(classify({ ok: false, error }, running)).toBe('throttled');
  });
});
