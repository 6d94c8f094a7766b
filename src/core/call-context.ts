/** The context of one call, as the operation sees it. */
export interface CallContext {
  /**
   * Aborts when the caller no longer waits for this call. Created on first read. Pass it on to `fetch` and similar
   * functions.
   */
  readonly signal: AbortSignal;
  /** The number of the attempt; 1 is the first. */
  readonly attempt: number;
  /**
   * The number of the hedge: 0 is the first call of an attempt, and 1 the first one that a `hedge` policy has started
   * beside it. All hedges of an attempt have the same `attempt`.
   */
  readonly hedge: number;
  /** The time at which the caller stops waiting, in milliseconds on the call's clock; `Infinity` without a timeout. */
  readonly deadline: number;
  /** Priority of the call; 0 is the most important. @defaultValue 5 */
  readonly priority: number;
  /**
   * The key by which `keyed` policies, limiters and `coalesce` distinguish calls; undefined if the caller has given
   * none.
   */
  readonly key: string | undefined;
}

/** An operation: receives the context of its call and returns a value or a promise. */
export type Operation<T = unknown> = (context: CallContext) => T | PromiseLike<T>;
