import { TimeWindow } from '../core/time-window.js';

const CALLS = 0;
const HEDGES = 1;
const WINDOW_MS = 10_000;
/** The number of hedges that are allowed in a window however few calls there are: one per second. */
export const CAP_FLOOR = 10;
/** Tolerance for rounding: 0.05 × 20 must allow 1. */
const ROUNDING = 1e-9;

/**
 * The cap of a hedge policy: hedges in the window ≤ `maxRatio` × calls in the window + one per second. A `RetryBudget`
 * of a single policy, without clock reads of its own. O(1), no timer.
 */
export class HedgeCap {
  readonly #maxRatio: number;
  readonly #window = new TimeWindow(WINDOW_MS);

  constructor(maxRatio: number) {
    this.#maxRatio = maxRatio;
  }

  /** Counts a call. */
  recordCall(now: number): void {
    this.#window.advance(now);
    this.#window.add(CALLS);
  }

  /** Whether a hedge may start. */
  allows(now: number): boolean {
    this.#window.advance(now);
    const allowed = this.#maxRatio * this.#window.total(CALLS) + CAP_FLOOR;
    return this.#window.total(HEDGES) + 1 <= allowed + ROUNDING;
  }

  /** Counts a hedge, at the time of the last `allows`. */
  recordHedge(): void {
    this.#window.add(HEDGES);
  }
}
