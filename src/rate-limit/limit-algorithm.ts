import type { Decision } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { toWholeMs } from './timeline.js';

/** Where the numbers of a state are written down. */
export interface Numbers {
  [index: number]: number;
}

/**
 * The arithmetic of one algorithm, over a state that somebody else keeps. Times are whole microseconds and are given,
 * so there is no clock here. What is taken is taken in the order of time: `from` and `at` never lie before what the
 * state has seen last. What can be taken at some time can be taken at any later one.
 */
export abstract class LimitAlgorithm<S> {
  /** What the limiter goes by in errors. */
  readonly owner: string;
  /** What may pass at once. */
  readonly limit: number;
  /** How many numbers `save` writes. */
  abstract readonly width: number;
  /** Whether they are the whole state, or only say how to come back to it. */
  readonly isWhole: boolean = true;

  constructor(owner: string, limit: number) {
    this.owner = owner;
    this.limit = limit;
  }

  /** The state of a limiter that was never used. */
  abstract fresh(): S;
  abstract save(state: S, into: Numbers, at: number): void;
  /** Undoes all that was taken since `save`. */
  abstract load(state: S, from: Numbers, at: number): void;

  /** The earliest time, not before `from`, at which `cost` passes. */
  abstract availableAt(state: S, cost: number, from: number): number;
  /** @param now - what is older than this matters no more, even if `at` lies in the future and may be undone. */
  abstract take(state: S, cost: number, at: number, now: number): void;

  /** The same for those who wait for their turn. */
  availableInQueueAt(state: S, cost: number, from: number): number {
    return this.availableAt(state, cost, from);
  }

  takeQueued(state: S, cost: number, at: number, now: number): void {
    this.take(state, cost, at, now);
  }

  /**
   * Whether a waiter that was due at `due` and is released at `now`, which is later, takes otherwise than it would have
   * taken in time. @param _before - the state that it took from, as `save` wrote it.
   */
  isLate(_before: Numbers, due: number, now: number): boolean {
    return now > due;
  }

  /** Gives back what was taken at `takenAt`, or just now, to no window but its own and to none that is over. */
  abstract refund(state: S, cost: number, now: number, takenAt?: number): void;
  /** The largest cost that passes now. */
  abstract remaining(state: S, now: number): number;
  /** From when on the state is as good as fresh. */
  abstract resetAt(state: S): number;

  /** Rules with some options changed. */
  abstract withOptions(options: object): LimitAlgorithm<S>;
  /** Takes over a state that was kept by other rules of this kind until now. */
  abstract migrateState(state: S, before: LimitAlgorithm<S>, now: number): void;
}

/**
 * The one transition of every limiter: grants or refuses. @param from - `now`, or when those in line will have taken.
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
  return {
    allowed: at <= now,
    limit: algorithm.limit,
    remaining: from > now ? 0 : algorithm.remaining(state, now),
    retryAfterMs: toWholeMs(at - now),
    resetAfterMs: toWholeMs(algorithm.resetAt(state) - now),
  };
}

/** @throws InvalidOptionError when it is no cost, RangeError when it can never pass. */
export function checkCost(algorithm: { readonly owner: string; readonly limit: number }, cost: unknown): void {
  if (Number.isInteger(cost) && (cost as number) >= 0 && (cost as number) <= algorithm.limit) return;
  checkInteger(algorithm.owner, 'cost', cost, { min: 0 });
  throw tooMuch(algorithm, cost as number);
}

export function tooMuch(
  { owner, limit }: { readonly owner: string; readonly limit: number },
  cost: number,
): RangeError {
  return new RangeError(`${owner}: a cost of ${cost} is above ${limit}, all that may pass at once, and can never pass`);
}
