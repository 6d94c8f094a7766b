import type { Decision } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { toWholeMs } from './timeline.js';

/** An array to which the numbers of a state are saved. */
export interface Numbers {
  [index: number]: number;
}

/**
 * The arithmetic of one algorithm. The state is kept by the caller. Times are whole microseconds and are passed in, so
 * an algorithm has no clock. Costs are taken in the order of time: `from` and `at` are never before the latest time
 * that the state has seen. A cost that can be taken at some time can also be taken at any later time.
 */
export abstract class LimitAlgorithm<S> {
  /** The name of the limiter in error messages. */
  readonly owner: string;
  /** The largest cost that can ever be admitted in one call. */
  readonly limit: number;
  /** The number of numbers that `save` writes. */
  abstract readonly width: number;
  /** Whether the saved numbers are the whole state. If false, they only allow to undo what was taken since. */
  readonly isWhole: boolean = true;

  constructor(owner: string, limit: number) {
    this.owner = owner;
    this.limit = limit;
  }

  /** Returns the state of a limiter that was never used. */
  abstract fresh(): S;
  /** Writes the state to `into`, from the index `at` on. */
  abstract save(state: S, into: Numbers, at: number): void;
  /** Restores a saved state: undoes everything taken since `save`. */
  abstract load(state: S, from: Numbers, at: number): void;

  /** Returns the earliest time, not before `from`, at which `cost` can be taken without waiting. */
  abstract availableAt(state: S, cost: number, from: number): number;
  /**
   * Takes `cost` as of `at`.
   * @param now - The state may forget what expired before `now`, even if `at` is in the future and may be undone.
   */
  abstract take(state: S, cost: number, at: number, now: number): void;

  /** Like `availableAt`, for a waiter in the queue. */
  availableInQueueAt(state: S, cost: number, from: number): number {
    return this.availableAt(state, cost, from);
  }

  /** Like `take`, for a waiter in the queue. */
  takeQueued(state: S, cost: number, at: number, now: number): void {
    this.take(state, cost, at, now);
  }

  /**
   * Whether a waiter that was due at `due` and is released later, at `now`, must take its cost as of `now`, because the
   * result differs. @param _before - The state before the waiter took its cost, as written by `save`.
   */
  isLate(_before: Numbers, due: number, now: number): boolean {
    return now > due;
  }

  /**
   * Refunds a cost that was taken at `takenAt`, or just now if `takenAt` is not given. Changes only the window that the
   * cost was taken from, and nothing if that window has ended.
   */
  abstract refund(state: S, cost: number, now: number, takenAt?: number): void;
  /** Returns the largest cost that can be taken now. */
  abstract remaining(state: S, now: number): number;
  /** Returns the time from which on the state is equivalent to a fresh one. */
  abstract resetAt(state: S): number;

  /** Returns the algorithm with some options changed. */
  abstract withOptions(options: object): LimitAlgorithm<S>;
  /** Converts a state of the algorithm `before`, which has the same type but other options. */
  abstract migrateState(state: S, before: LimitAlgorithm<S>, now: number): void;
}

/**
 * Decides a call that does not wait, and takes its cost if `takes` is true and the call is allowed.
 * @param from - `now`, or the time at which the last queued waiter is due.
 */
export function decide<S>(
  algorithm: LimitAlgorithm<S>,
  state: S,
  cost: number,
  now: number,
  from: number,
  takes: boolean,
): Decision {
  const at = cost === 0 ? now : algorithm.availableAt(state, cost, from);
  if (takes && cost > 0 && at <= now) algorithm.take(state, cost, now, now);
  const remaining = from > now ? 0 : algorithm.remaining(state, now);
  return createDecision(algorithm.limit, remaining, now, at, algorithm.resetAt(state));
}

/** Returns a decision. All times are in microseconds: `now`, when the cost is admitted, and when the state is reset. */
export function createDecision(limit: number, remaining: number, now: number, at: number, resetAt: number): Decision {
  return {
    allowed: at <= now,
    limit,
    remaining,
    retryAfterMs: toWholeMs(at - now),
    resetAfterMs: toWholeMs(resetAt - now),
  };
}

/** @throws InvalidOptionError if `cost` is not an integer ≥ 0, RangeError if it is above the limit. */
export function checkCost(algorithm: { readonly owner: string; readonly limit: number }, cost: unknown): void {
  if (Number.isInteger(cost) && (cost as number) >= 0 && (cost as number) <= algorithm.limit) return;
  checkInteger(algorithm.owner, 'cost', cost, { min: 0 });
  throw tooMuch(algorithm, cost as number);
}

/** Creates the error for a cost above the limit. */
export function tooMuch(
  { owner, limit }: { readonly owner: string; readonly limit: number },
  cost: number,
): RangeError {
  return new RangeError(`${owner}: a cost of ${cost} is above the limit of ${limit} and can never be admitted`);
}
