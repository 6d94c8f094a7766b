/**
 * node-postgres under a policy whose timeout also ends the query on the server. node-postgres takes no signal: a query
 * that is merely abandoned continues, and its connection is not usable until it ends.
 */
import { circuitBreaker, firstOf, pipeline, retry, sqlErrors, timeout } from 'breakwater';
import type pg from 'pg';

export function createClient(pool: pg.Pool, admin: pg.Pool, attemptTimeout: `${number}ms` = '2000ms') {
  const classify = firstOf(sqlErrors());
  const policy = pipeline(
    timeout('10s'),
    retry({ maxAttempts: 3, classify }),
    circuitBreaker({ name: 'postgres', classify }),
    timeout(attemptTimeout),
  );
  return {
    query: (sql: string, values: unknown[] = []) =>
      policy.execute(({ signal }) => cancellableQuery(pool, admin, signal, sql, values)),
  };
}

/**
 * Runs a query that an abort cancels on the server. The connection returns to the pool only after the query and its
 * cancellation have ended: a late cancellation would end the next query of the connection.
 */
async function cancellableQuery(
  pool: pg.Pool,
  admin: pg.Pool,
  signal: AbortSignal,
  sql: string,
  values: unknown[],
): Promise<pg.QueryResult> {
  const client = (await pool.connect()) as pg.PoolClient & { readonly processID: number };
  let canceling: Promise<unknown> | undefined;
  const cancel = () => {
    canceling = admin.query('select pg_cancel_backend($1)', [client.processID]).catch(() => undefined);
  };
  let failure: unknown;
  try {
    signal.throwIfAborted();
    signal.addEventListener('abort', cancel, { once: true });
    return await client.query(sql, values);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    await canceling;
    // A connection whose query failed without an answer of the server is broken.
    client.release(failure !== undefined && !('severity' in (failure as object)));
  }
}
