import { TimeWindow } from '../core/time-window.js';

/** Counts of the last calls. Recording and reading are O(1) and allocate nothing. */
export interface CallWindow {
  /**
   * Whether the clock must be read and `advance` called before the next success is recorded. If false, that success
   * counts as of the last reading.
   */
  needsReading(): boolean;
  /** Brings the window up to date: all counts are as of `now`. */
  advance(now: number): void;
  /** Records the result of one call. */
  record(failed: boolean, slow: boolean): void;
  /** The number of calls in the window. */
  readonly calls: number;
  /** The number of failed calls in the window. */
  readonly failures: number;
  /** The number of slow calls in the window. */
  readonly slow: number;
  clear(): void;
}

const USED = 1;
const FAILED = 2;
const SLOW = 4;

/** The last `size` calls: one byte each in a ring, with running totals. `size` bytes. */
class CountWindow implements CallWindow {
  readonly #cells: Uint8Array;
  #next = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#cells = new Uint8Array(size);
  }

  needsReading(): boolean {
    return false;
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

/** The maximum size of a `BitWindow`: V8 stores a number of 30 bits without a heap object. */
const MAX_BITS = 30;

/**
 * The last few calls: one bit each in a ring, with running totals. A typed array would be three times as large as all
 * of this, in each of many breakers (`npm run bench -- keyed-memory`).
 */
class BitWindow implements CallWindow {
  readonly #size: number;
  #next = 0;
  #failed = 0;
  #slow = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#size = size;
  }

  needsReading(): boolean {
    return false;
  }

  advance(): void {}

  record(failed: boolean, slow: boolean): void {
    const bit = 1 << this.#next;
    if (this.#failed & bit) this.failures--;
    if (this.#slow & bit) this.slow--;
    if (this.calls < this.#size) this.calls++;
    if (failed) this.failures++;
    if (slow) this.slow++;
    this.#failed = failed ? this.#failed | bit : this.#failed & ~bit;
    this.#slow = slow ? this.#slow | bit : this.#slow & ~bit;
    this.#next = (this.#next + 1) % this.#size;
  }

  clear(): void {
    this.#next = 0;
    this.#failed = 0;
    this.#slow = 0;
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}

/** Creates a window of the last `size` calls. */
export function countWindow(size: number): CallWindow {
  return size <= MAX_BITS ? new BitWindow(size) : new CountWindow(size);
}

/** The maximum number of successes in a row that are recorded without a clock reading. */
const MAX_UNREAD = 15;

/**
 * The calls of the last `durationMs` milliseconds.
 *
 * Reading a clock costs as much as everything else about a success, so a busy window does not read it each time
 * (`npm run bench -- circuit-breaker`). If a reading finds n calls in the window, up to n / 64 successes after it, and
 * at most 15, count as of that reading. The window is exact below 64 calls. Above, at most 1 in 64 of the calls is
 * attributed too early, by at most one reading.
 */
export class DurationWindow implements CallWindow {
  readonly #counts: TimeWindow;
  /** The number of successes that may still be recorded before the next clock reading. */
  #unreadLeft = 0;

  constructor(durationMs: number) {
    this.#counts = new TimeWindow(durationMs);
  }

  needsReading(): boolean {
    this.#unreadLeft--;
    return this.#unreadLeft < 0;
  }

  advance(now: number): void {
    this.#counts.advance(now);
    this.#unreadLeft = Math.min(this.calls >> 6, MAX_UNREAD);
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
    this.#unreadLeft = 0;
  }
}

const CALLS = 0;
const FAILURES = 1;
const SLOW_CALLS = 2;
