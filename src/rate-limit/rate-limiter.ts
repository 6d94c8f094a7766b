/// <reference lib="esnext.disposable" preserve="true" />
import type { Duration } from '../core/duration.js';
import type { Decision } from '../core/errors.js';

/**
 * What may pass, how often. `cost` is an integer ≥ 0 everywhere; what is refused takes nothing. A cost of 0 takes nothing
 * either, and so it is always allowed, also while others wait.
 */
export interface RateLimiter {
  /** Takes `cost` now, or says when that will be possible. Refused while anybody waits: nobody is overtaken. */
  tryAcquire(cost?: number): Decision;
  /** What `tryAcquire(cost)` would answer, taking nothing. */
  peek(cost?: number): Decision;
  /**
   * Waits for `cost`, first come first served: while somebody waits, nobody passes them. Refused at once when the wait
   * would be longer than `maxWait`. Rejects with the reason of `signal`, and the place goes to who is next; else
   * only for a bad cost. A waiter that is released late, because the event loop was held up, counts from its release.
   * O(1), or O(1) per claim ahead where limiters are combined. After a late release, the next call that needs the time at
   * the end of the line (`tryAcquire`, `peek`, `reserve`, or `acquire` with `maxWait`) costs O(waiters) once.
   */
  acquire(options?: WaitOptions): Promise<Decision>;
  /** Takes `cost` out of what is to come, for a caller that waits `delayMs` by itself. */
  reserve(options?: ReserveOptions): Reservation;
  /**
   * Gives back `cost` that was taken just now and not used; never more than the current window, or bucket, has given.
   * Where it may take until the next window to know, `reserve`: a reservation gives back to the window it came from.
   */
  refund(cost: number): void;
  /**
   * Changes the options given, keeping what has been taken and who waits. Waiters get new times; one whose cost can never
   * pass any more is rejected with a RangeError. A reservation keeps its time.
   */
  reconfigure(options: object): void;
}

export interface ReserveOptions {
  /** An integer ≥ 0. @defaultValue 1 */
  readonly cost?: number | undefined;
  /** The longest wait that is still of use; 0 for none. @defaultValue `Infinity` */
  readonly maxWait?: Duration | undefined;
}

export interface WaitOptions extends ReserveOptions {
  /** Gives up the place in line. */
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * A promise that `cost` is there after `delayMs`; disposing of it cancels. The cost counts at that time, even if the
 * caller starts later.
 */
export interface Reservation {
  readonly decision: Decision;
  /** Whole milliseconds to wait before acting; 0 when the reservation was refused, too. */
  readonly delayMs: number;
  /** Gives the cost back, once, to the window or bucket it came from. Before its time it is as if it had never been. */
  cancel(): void;
  [Symbol.dispose](): void;
}
