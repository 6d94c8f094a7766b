/// <reference lib="esnext.disposable" preserve="true" />
import type { Duration } from '../core/duration.js';
import type { Decision } from '../core/errors.js';

/**
 * The methods that all rate limiters share. A `cost` is an integer ≥ 0. A rejected call consumes no capacity. A cost of
 * 0 consumes no capacity either, so it is always allowed, also while other callers wait.
 */
export interface RateLimiter {
  /**
   * Takes `cost` now, or returns a decision with the time after which it will be possible. While callers wait, the call
   * is rejected, so it cannot overtake them.
   */
  tryAcquire(cost?: number): Decision;
  /** Returns the decision that `tryAcquire(cost)` would return, and takes nothing. */
  peek(cost?: number): Decision;
  /**
   * Waits until `cost` can be taken. Waiters are served in arrival order. If the wait would be longer than `maxWait`,
   * the promise resolves without waiting, with `allowed: false`. If `signal` is aborted, the promise rejects with the
   * abort reason and the waiters behind move up. The promise also rejects for an invalid cost. A waiter that is
   * released late, because the event loop was blocked, takes its cost at the time of its release.
   *
   * O(1), or O(number of waiters ahead) for combined limiters. After a late release, the next call that needs the time
   * at the end of the queue (`tryAcquire`, `peek`, `reserve`, or `acquire` with `maxWait`) costs O(number of waiters)
   * once.
   */
  acquire(options?: WaitOptions): Promise<Decision>;
  /** Reserves `cost` from future capacity. The caller waits `delayMs` before it acts. */
  reserve(options?: ReserveOptions): Reservation;
  /**
   * Refunds a `cost` that was taken just now and not used. A refund never exceeds what was taken from the current
   * window or bucket. If it may take until the next window to know whether the cost is used, call `reserve`: cancelling
   * a reservation refunds the window that the cost was taken from.
   */
  refund(cost: number): void;
  /**
   * Changes the given options and keeps the capacity taken so far and the waiters. Waiters get new times. A waiter
   * whose cost can never be admitted under the new options is rejected with a RangeError. A reservation keeps its time.
   */
  reconfigure(options: object): void;
}

/** The options of `reserve`. */
export interface ReserveOptions {
  /** The number of tokens, or calls, to take: an integer ≥ 0. @defaultValue 1 */
  readonly cost?: number | undefined;
  /** The longest acceptable wait, in milliseconds or as a duration; 0 allows no wait. @defaultValue `Infinity` */
  readonly maxWait?: Duration | undefined;
}

/** The options of `acquire`. */
export interface WaitOptions extends ReserveOptions {
  /** A signal that ends the wait and removes the waiter from the queue when it is aborted. @defaultValue no signal */
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * A reservation of `cost` that is due after `delayMs`. The cost counts at that time, even if the caller starts later.
 * Disposing of the reservation cancels it.
 */
export interface Reservation {
  /** Whether the reservation was allowed, and the state of the limiter. */
  readonly decision: Decision;
  /** The number of whole milliseconds to wait before acting. Also 0 if the reservation was rejected. */
  readonly delayMs: number;
  /**
   * Refunds the cost, once, to the window or bucket that it was taken from. Before the reservation is due, cancelling
   * also lets the waiters behind it move up.
   */
  cancel(): void;
  /** Calls `cancel`. */
  [Symbol.dispose](): void;
}
