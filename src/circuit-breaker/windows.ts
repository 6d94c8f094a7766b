import { TimeWindow } from '../core/time-window.js';

/** What the last calls were like. Each record and each reading is O(1), and allocates nothing. */
export interface CallWindow {
  /**
   * Whether the clock is to be read and `advance` called before the next success is recorded. If not, that success counts
   * as of the last reading.
   */
  needsReading(): boolean;
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

/** The calls that `BitWindow` can hold: V8 keeps a number of that many bits without an object of its own. */
const MAX_BITS = 30;

/**
 * The last few calls: one bit each in a ring, under running totals. A typed array would be three times as large as all of
 * this, in each of many breakers (`npm run bench -- keyed-memory`).
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

/** A window of the last `size` calls. */
export function countWindow(size: number): CallWindow {
  return size <= MAX_BITS ? new BitWindow(size) : new CountWindow(size);
}

/** The most successes in a row that may be recorded without a reading. */
const MAX_UNREAD = 15;

/**
 * The calls of the last `durationMs`.
 *
 * Reading a clock costs as much as all else about a success, so a busy window does not read it each time
 * (`npm run bench -- circuit-breaker`). If a reading finds n calls in the window, up to n / 64 successes after it, and at
 * most 15, count as of that reading. The window is exact below 64 calls. Above, at most 1 in 64 of the calls is attributed too early,
 * by at most one reading.
 */
export class DurationWindow implements CallWindow {
  readonly #counts: TimeWindow;
  /** How many more successes may be recorded before the next reading. */
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
