import type { CallContext } from '../core/call-context.js';
import { safeGet } from '../core/inspect.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, text } from './judge.js';

/**
 * Judges the errors of SQL databases by their SQLSTATE (ISO 9075; PostgreSQL, appendix A): those of node-postgres,
 * postgres.js and mysql2, and of query builders and ORMs that keep the driver's error as `cause`, `driverError` or
 * `original`. SQLite's result codes are judged too.
 *
 * - A serialization failure, a deadlock and a lock timeout are `throttled`: the database is healthy, and the
 *   transaction can be repeated.
 * - A lost connection, a shutdown, exhausted resources, a statement timeout and a server that is read-only since a
 *   failover are a `failure`.
 * - Every other SQLSTATE is a `success`: the database has rejected a statement, such as one with a syntax error or one
 *   that violates a constraint.
 * - The use of a client or pool after its end is ignored: it is a mistake in the calling program.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(sqlErrors()) });
 * ```
 */
export function sqlErrors(): Judge {
  return judgeErrors(judgeSqlError);
}

function judgeSqlError(error: object, context: CallContext): Verdict | undefined {
  const code = text(error, 'code');
  const state = sqlStateOf(error, code);
  if (state !== undefined) return judgeMysqlError(safeGet(error, 'errno'), state) ?? judgeSqlState(state, context);
  if (code !== undefined) return judgeDriverCode(code) ?? judgeSqlite(error, code);
  return judgeMessage(error);
}

/**
 * Returns the SQLSTATE of an error. Other libraries have codes of five characters too (`EPIPE`), so that a second
 * property must confirm it: the `severity` or `routine` of PostgreSQL. mysql2 has `sqlState`.
 */
function sqlStateOf(error: object, code: string | undefined): string | undefined {
  const isPostgres = text(error, 'severity') !== undefined || text(error, 'routine') !== undefined;
  const state = text(error, 'sqlState') ?? (isPostgres ? code : undefined);
  return state !== undefined && /^[0-9A-Z]{5}$/.test(state) ? state : undefined;
}

/** Serialization failure, deadlock, lock not available, idle transaction ended, object in use, snapshot too old. */
const REPEATABLE_STATE = /^(?:40001|40P01|55P03|25P03|25P04|55006|72000)$/;

/**
 * Connection, insufficient resources, shutdown or start of the server, system error, internal error, configuration
 * file, unknown result of a statement, read-only server, transaction rolled back without a reason.
 */
const ILL_STATE = /^(?:08|53|57P0|58|F0|XX|40003|40000|25006)/;

/** Judges a SQLSTATE. */
export function judgeSqlState(state: string, context: CallContext): Verdict {
  if (REPEATABLE_STATE.test(state)) return 'throttled';
  // A canceled statement is a statement timeout, or the caller's own cancellation.
  if (state === '57014') return context.signal.aborted ? 'ignore' : 'failure';
  return ILL_STATE.test(state) ? 'failure' : 'success';
}

/**
 * Judges the errors of MySQL whose SQLSTATE says nothing (`HY000`) or the wrong thing: a lock timeout (1205, 3572); too
 * many connections of a user (1203, 1226); read-only (1290, 1836), statement timeout (3024), shutdown (1053), killed
 * (1317), full disk (1021, 1114).
 */
function judgeMysqlError(errno: unknown, state: string): Verdict | undefined {
  if (errno === 1205 || errno === 3572) return 'throttled';
  if ([1021, 1053, 1114, 1203, 1226, 1290, 1317, 1836, 3024].includes(errno as number)) return 'failure';
  return state === 'HY000' ? 'failure' : undefined;
}

/** Judges the codes that mysql2 and postgres.js invent for connections. */
function judgeDriverCode(code: string): Verdict | undefined {
  if (/^PROTOCOL_ENQUEUE_AFTER_/.test(code) || code === 'CONNECTION_ENDED') return 'ignore';
  if (/^PROTOCOL_(?:CONNECTION_LOST|SEQUENCE_TIMEOUT|PACKETS_OUT_OF_ORDER)$/.test(code)) return 'failure';
  return /^CONNECT(?:ION_CLOSED|ION_DESTROYED|_TIMEOUT)$/.test(code) ? 'failure' : undefined;
}

/** Judges SQLite's result codes: the text of better-sqlite3 and sqlite3, or the number of `node:sqlite`. */
function judgeSqlite(error: object, code: string): Verdict | undefined {
  const number = code === 'ERR_SQLITE_ERROR' ? safeGet(error, 'errcode') : undefined;
  if (typeof number !== 'number' && !code.startsWith('SQLITE_')) return undefined;
  const primary = typeof number === 'number' ? number & 0xff : code.slice('SQLITE_'.length).split('_')[0];
  if ([5, 6, 'BUSY', 'LOCKED'].includes(primary as never)) return 'throttled';
  if ([7, 10, 11, 13, 14, 15, 26].includes(primary as never)) return 'failure';
  return /^(?:NOMEM|IOERR|CORRUPT|FULL|CANTOPEN|PROTOCOL|NOTADB)$/.test(String(primary)) ? 'failure' : 'success';
}

/** node-postgres has no codes for its own errors. */
const LOST =
  /^(?:Connection terminated|timeout expired$|timeout exceeded when trying to connect$|Query read timeout$|Connection ended unexpectedly$)/;
const ENDED =
  /^(?:Client was closed and is not queryable$|Cannot use a pool after calling end on the pool$|Client has already been connected)/;

function judgeMessage(error: object): Verdict | undefined {
  const message = text(error, 'message') ?? '';
  if (LOST.test(message)) return 'failure';
  return ENDED.test(message) ? 'ignore' : undefined;
}
