/**
 * node-postgres under a policy whose timeout also ends the query on the server. node-postgres takes no signal: a query
 * that is merely abandoned continues, and its connection is not usable until it ends.
 */
import { circuitBreaker, type Duration, firstOf, pipeline, retry, sqlErrors, timeout } from 'breakwater';
import type pg from 'pg';

export function createClient(pool: pg.Pool, admin: pg.Pool, attemptTimeout: Duration = '2s') {
  const classify = firstOf(sqlErrors());
  const breaker = circuitBreaker({ name: 'postgres', classify });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3, classify }), breaker, timeout(attemptTimeout));
  return {
    query: (sql: string, values: unknown[] = [], options?: { signal?: AbortSignal }) =>
      policy.execute(({ signal }) => cancellableQuery(pool, admin, signal, sql, values), options),
    health: () => breaker.stats,
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
  const ignore = () => {}; // a lost connection also rejects the query, and without a listener it ends the process
  client.on('error', ignore);
  let isBroken = false;
  try {
    signal.throwIfAborted();
    signal.addEventListener('abort', cancel, { once: true });
    return await client.query(sql, values).catch((error: { readonly severity?: string }) => {
      isBroken = error.severity !== 'ERROR'; // the server did not answer, or ended the connection
      throw error;
    });
  } finally {
    signal.removeEventListener('abort', cancel);
    await canceling;
    client.off('error', ignore);
    client.release(isBroken);
  }
}
