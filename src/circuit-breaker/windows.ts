import { TimeWindow } from '../core/time-window.js';

/** What the last calls were like. Each record and each reading is O(1), and allocates nothing. */
export interface CallWindow {
  /** Whether `now` means anything to it. */
  readonly isTimed: boolean;
  record(failed: boolean, slow: boolean, now: number): void;
  calls(now: number): number;
  failures(now: number): number;
  slow(now: number): number;
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
  #calls = 0;
  #failures = 0;
  #slow = 0;

  constructor(size: number) {
    this.#cells = new Uint8Array(size);
  }

  record(failed: boolean, slow: boolean): void {
    const oldest = this.#cells[this.#next] as number;
    if (oldest & FAILED) this.#failures--;
    if (oldest & SLOW) this.#slow--;
    if (!(oldest & USED)) this.#calls++;
    if (failed) this.#failures++;
    if (slow) this.#slow++;
    this.#cells[this.#next] = USED | (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.#next = (this.#next + 1) % this.#cells.length;
  }

  calls(): number {
    return this.#calls;
  }

  failures(): number {
    return this.#failures;
  }

  slow(): number {
    return this.#slow;
  }

  clear(): void {
    this.#cells.fill(0);
    this.#next = 0;
    this.#calls = 0;
    this.#failures = 0;
    this.#slow = 0;
  }
}

/** The calls of the last `durationMs`. */
export class DurationWindow implements CallWindow {
  readonly isTimed = true;
  readonly #counts: TimeWindow;

  constructor(durationMs: number) {
    this.#counts = new TimeWindow(durationMs, 3);
  }

  record(failed: boolean, slow: boolean, now: number): void {
    this.#counts.add(0, now);
    if (failed) this.#counts.add(1, now);
    if (slow) this.#counts.add(2, now);
  }

  calls(now: number): number {
    return this.#counts.total(0, now);
  }

  failures(now: number): number {
    return this.#counts.total(1, now);
  }

  slow(now: number): number {
    return this.#counts.total(2, now);
  }

  clear(): void {
    this.#counts.clear();
  }
}
