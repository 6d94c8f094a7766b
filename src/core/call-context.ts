/** What an operation sees of the call it works for. */
export interface CallContext {
  /** Aborts when nobody waits for this call any longer. Made when it is first read; pass it on to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** 1 is the first try. */
  readonly attempt: number;
  /** When the caller stops waiting, on the call's clock; `Infinity` when there is no timeout. */
  readonly deadline: number;
  /** 0 is the most important. @defaultValue 5 */
  readonly priority: number;
  /** What `keyed` policies tell calls apart by. */
  readonly key: string | undefined;
}

/** The work itself: it gets the context of its call, and may be asynchronous or not. */
export type Operation<T = unknown> = (context: CallContext) => T | PromiseLike<T>;
