import type { CallContext } from '../core/call-context.js';
import { isResilienceError, unwrapImitation } from '../core/errors.js';
import { safeGet } from '../core/inspect.js';
import type { Outcome, Verdict } from '../core/outcome.js';

/** Judges the outcomes of one kind. Returns undefined for an outcome of any other kind. */
export type Judge = (outcome: Outcome, context: CallContext) => Verdict | undefined;

/** Judges one error of a chain of causes. Returns undefined if the error is not of the judge's kind. */
type JudgeError = (error: object, context: CallContext) => Verdict | undefined;

/**
 * The properties in which an error refers to the error of the driver: `cause` in general, `driverError` of TypeORM,
 * `original` and `parent` of Sequelize, `nativeError` of Objection, `originalError` of KafkaJS and mssql.
 */
const CAUSES = ['cause', 'driverError', 'original', 'parent', 'nativeError', 'originalError'] as const;

/** The maximum number of errors of a chain that are judged. Longer chains are cycles or noise. */
const MAX_ERRORS = 10;

/**
 * Returns a judge that looks at an error and then at the errors that it wraps: a repository may throw an error of its
 * own around that of the driver. The first error with a verdict decides. An error of this package ends the search: its
 * cause belongs to an earlier call.
 */
export function judgeErrors(judgeError: JudgeError): Judge {
  return (outcome, context) => {
    if (outcome.ok) return undefined;
    const pending: unknown[] = [outcome.error];
    const seen = new Set<unknown>();
    while (pending.length > 0 && seen.size < MAX_ERRORS) {
      const error = unwrapImitation(pending.shift());
      if (typeof error !== 'object' || error === null || seen.has(error)) continue;
      if (isResilienceError(error)) return undefined;
      seen.add(error);
      const verdict = judgeError(error, context);
      if (verdict !== undefined) return verdict;
      for (const name of CAUSES) pending.push(safeGet(error, name));
    }
    return undefined;
  };
}

/** Reads a property that must be a string. Returns undefined for any other value. */
export function text(error: object, property: string): string | undefined {
  const value = safeGet(error, property);
  return typeof value === 'string' ? value : undefined;
}

/** Reads a property that must be an object. Returns undefined for any other value. */
export function part(error: object, property: string): object | undefined {
  const value = safeGet(error, property);
  return typeof value === 'object' && value !== null ? value : undefined;
}
