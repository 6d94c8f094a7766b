/** Events of a hedge policy. */
export interface HedgeEvents {
  /** A hedge starts; with `mode: 'observe'`, it would have started. */
  hedge: HedgeEvent;
  /** A hedge has the result of its call. */
  win: { readonly attempt: number; readonly hedge: number };
  /** A hedge was due, and was not started. */
  skip: { readonly reason: SkipReason; readonly attempt: number };
}

/** The start of a hedge. */
export interface HedgeEvent {
  /** The number of the attempt that is hedged; 1 is the first. */
  readonly attempt: number;
  /** The number of the hedge; 1 is the first of its attempt. */
  readonly hedge: number;
  /** Whether the delay has passed, or a run of the attempt has failed. */
  readonly reason: 'delay' | 'failure';
  /** Milliseconds since the start of the attempt. */
  readonly delayMs: number;
}

/**
 * The reason why a hedge that was due is not started.
 *
 * - `budget`: `maxRatio` is reached, or the `budget` has nothing left.
 * - `not-safe`: the call must not be sent more than once.
 * - `deadline`: less time is left than half of the calls take.
 */
export type SkipReason = 'budget' | 'not-safe' | 'deadline';
