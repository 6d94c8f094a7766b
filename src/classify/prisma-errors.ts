import type { CallContext } from '../core/call-context.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, part, text } from './judge.js';
import { judgeSqlState } from './sql-errors.js';

/**
 * Judges the errors of Prisma Client by their code. The SQLSTATE of a raw query is judged as `sqlErrors` does.
 *
 * - `P2034`, a write conflict or deadlock, is `throttled`.
 * - An unreachable database, a timeout of the connection pool or of a transaction, and an error of the query engine are
 *   a `failure`.
 * - Every other code, such as `P2002` for a unique constraint, is a `success`: the database has responded.
 * - A validation error has no code and is ignored: it is a mistake in the calling program.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(prismaErrors()) });
 * ```
 */
export function prismaErrors(): Judge {
  return judgeErrors(judgePrismaError);
}

/**
 * Database not reachable, timed out, or its connection closed; pool or transaction timed out; too many connections.
 */
const ILL = /^(?:P1(?:001|002|008|011|017)|P2024|P2028|P2037)$/;

function judgePrismaError(error: object, context: CallContext): Verdict | undefined {
  if (text(error, 'clientVersion') === undefined) return undefined;
  const code = text(error, 'code') ?? text(error, 'errorCode');
  if (code === 'P2034') return 'throttled';
  if (code === 'P2010') return judgeRawQuery(error, context);
  if (code !== undefined) return ILL.test(code) ? 'failure' : 'success';
  const name = text(error, 'name') ?? '';
  return /Initialization|RustPanic|UnknownRequest/.test(name) ? 'failure' : 'ignore';
}

/** Judges `P2010`, the error of a raw query. The error of the driver is in `meta`, in a place of its own in Prisma 7. */
function judgeRawQuery(error: object, context: CallContext): Verdict {
  const meta = part(error, 'meta') ?? {};
  const driver = part(part(meta, 'driverAdapterError') ?? {}, 'cause') ?? {};
  const state = text(driver, 'originalCode') ?? text(meta, 'code');
  if (state !== undefined && /^[0-9A-Z]{5}$/.test(state)) return judgeSqlState(state, context);
  const kind = text(driver, 'kind') ?? '';
  if (/Conflict/.test(kind)) return 'throttled';
  return /Connection|Timeout|NotReachable|TlsConnection/.test(kind) ? 'failure' : 'success';
}
