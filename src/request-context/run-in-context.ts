import { checkSignal } from '../core/abort-scope.js';
import { ambientSlot, outsideContext } from '../core/ambient.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { checkFunction, checkNumber, readOptions } from '../core/options.js';
import { OpenContext } from './open-context.js';

/** Options of `runInContext`. */
export interface RequestContextOptions {
  /**
   * The time that is left for the request, in milliseconds or as a duration string, from the call of `runInContext`: a
   * duration ≥ 0, or `Infinity`. With 0, no call starts. The deadline of an outer context remains in force if it is
   * earlier.
   * @defaultValue the deadline of the outer context, if there is one
   */
  readonly deadline?: Duration | undefined;
  /**
   * The priority of calls that have none of their own: a finite number, 0 is the most important.
   * @defaultValue the priority of the outer context, if there is one
   */
  readonly priority?: number | undefined;
  /**
   * Aborts every call in the context, in addition to the signals of the call and of outer contexts.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | null | undefined;
  /** The clock that measures the deadline. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The context of the request that the present code belongs to. */
export interface RequestContext {
  /** The milliseconds that are left until the deadline; 0 if it has passed, `Infinity` without a deadline. */
  readonly remainingMs: number;
  /** The priority of calls that have none of their own; undefined if the context has none. */
  readonly priority: number | undefined;
  /**
   * Aborts when the context is over: by its deadline, or by the abort of a signal. For code that is not run by a policy.
   * Created on first read. A deadline aborts it only until the function that `runInContext` has called is done.
   */
  readonly signal: AbortSignal;
}

const DEFAULTS = { deadline: undefined, priority: undefined, signal: null, clock: undefined };

/**
 * Calls `fn` in a context with a deadline, a priority and a signal, and returns its result. Every policy and every
 * `resilientFetch` that `fn` calls, directly or later in asynchronous code, is bound by the context:
 *
 * - The call's `context.deadline` is at most the deadline of the context. When it passes, running calls reject with a
 *   `TimeoutError`, and their signals abort. A call that starts afterwards rejects with a `DeadlineExceededError`, and
 *   its operation does not run. Policies count neither as a failure.
 * - When the signal aborts, running calls reject with its reason, and no call starts.
 * - The priority is that of calls without a priority of their own.
 *
 * Options of a call win: its own priority replaces that of the context, the smaller deadline applies, and both signals
 * do. A nested context has the smaller deadline and all signals. Loads, requests and flushes that several callers share
 * run outside every context; only the wait of the caller ends. `fn` itself is not interrupted.
 *
 * Works across copies of this package, such as ESM beside CommonJS.
 *
 * @throws InvalidOptionError if an option is invalid, and TypeError if the runtime has no `AsyncLocalStorage`.
 * @example
 * ```ts
 * const fetch = resilientFetch();
 * const user = await runInContext({ deadline: '500ms', priority: 1 }, async () => {
 *   const response = await fetch('https://example.com/users/1'); // has at most 500 ms, with all its attempts
 *   return response.json();
 * });
 * console.log(user);
 * ```
 */
export function runInContext<T>(options: RequestContextOptions, fn: (context: RequestContext) => T): T {
  const owner = 'runInContext';
  const { deadline, priority, signal, clock } = readOptions<RequestContextOptions, typeof DEFAULTS>(
    owner,
    options,
    DEFAULTS,
  );
  checkFunction(owner, 'fn', fn);
  checkSignal(owner, signal ?? null);
  const context = new OpenContext({
    deadlineMs:
      deadline === undefined ? Infinity : toMs(owner, 'deadline', deadline, { orZero: true, orInfinity: true }),
    priority: priority === undefined ? undefined : checkNumber(owner, 'priority', priority),
    source: signal === null ? undefined : { signal },
    clock: checkClock(owner, clock),
  });
  return context.runUntilDone(() => fn(context));
}

/**
 * Calls `fn` outside every context and returns its result. For work that outlives the request, such as an audit log that
 * is written after the response.
 *
 * @example
 * ```ts
 * const fetch = resilientFetch();
 * runOutsideContext(() => fetch('https://example.com/audit', { method: 'POST' })).catch(console.error);
 * ```
 */
export function runOutsideContext<T>(fn: () => T): T {
  return outsideContext(checkFunction('runOutsideContext', 'fn', fn));
}

/**
 * Returns the context of the request that the present code belongs to; undefined outside `runInContext`.
 *
 * @example
 * ```ts
 * const remainingMs = currentContext()?.remainingMs ?? Infinity;
 * console.log(remainingMs < 50 ? 'a short answer' : 'the full answer');
 * ```
 */
export function currentContext(): RequestContext | undefined {
  return ambientSlot()?.() as RequestContext | undefined;
}
