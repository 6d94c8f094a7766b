import { TimeWindow } from '../core/time-window.js';

/** What the last calls were like. Each record and each reading is O(1), and allocates nothing. */
export interface CallWindow {
  /** Whether time means anything to it. */
  readonly isTimed: boolean;
  /** Brings it up to date: everything below is as of then. */
  advance(now: number): void;
  record(failed: boolean, slow: boolean): void;
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  clear(): void;
}

const USED = 1;
const FAILED = 2;
const SLOW = 4;

/** The last `size` calls: one byte each in a ring, under running totals. `size` bytes. */
export class CountWindow implements CallWindow {
  readonly isTimed = false;
  readonly #cells: Uint8Array;
  #next = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#cells = new Uint8Array(size);
  }

  advance(): void {}

  record(failed: boolean, slow: boolean): void {
    const oldest = this.#cells[this.#next] as number;
    if (oldest & FAILED) this.failures--;
    if (oldest & SLOW) this.slow--;
    if (!(oldest & USED)) this.calls++;
    if (failed) this.failures++;
    if (slow) this.slow++;
    this.#cells[this.#next] = USED | (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.#next = (this.#next + 1) % this.#cells.length;
  }

  clear(): void {
    this.#cells.fill(0);
    this.#next = 0;
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}

/** The calls of the last `durationMs`. */
export class DurationWindow implements CallWindow {
  readonly isTimed = true;
  readonly #counts: TimeWindow;

  constructor(durationMs: number) {
    this.#counts = new TimeWindow(durationMs, 3);
  }

  advance(now: number): void {
    this.#counts.advance(now);
  }

  record(failed: boolean, slow: boolean): void {
    this.#counts.add(CALLS);
    if (failed) this.#counts.add(FAILURES);
    if (slow) this.#counts.add(SLOW_CALLS);
  }

  get calls(): number {
    return this.#counts.total(CALLS);
  }

  get failures(): number {
    return this.#counts.total(FAILURES);
  }

  get slow(): number {
    return this.#counts.total(SLOW_CALLS);
  }

  clear(): void {
    this.#counts.clear();
  }
}

const CALLS = 0;
const FAILURES = 1;
const SLOW_CALLS = 2;
