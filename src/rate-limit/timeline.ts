import type { Clock } from '../core/clock.js';

/**
 * Tolerance in microseconds for floating point error. Without it, a clock reading k milliseconds after another one
 * could be rounded down to one microsecond less. The error is about 0.01 µs for a clock that shows years in
 * milliseconds, and about 0.125 µs for one that shows milliseconds since 1970.
 */
const NOISE = 0.25;

/**
 * The time of a clock in whole microseconds since the timeline was created. Sums and products of integers are exact up
 * to 2^53 (285 years); a limiter that counted in fractions would occasionally lose or grant a token.
 *
 * The time never decreases. If the clock is set back, the timeline returns the same time once and continues from there,
 * so no algorithm needs to handle a clock that goes back.
 */
export class Timeline {
  readonly clock: Clock;
  #offsetMs: number;
  #latest: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#offsetMs = -clock.now();
    this.#latest = 0;
  }

  now(): number {
    const micros = Math.floor((this.clock.now() + this.#offsetMs) * 1000 + NOISE);
    if (micros < this.#latest) this.#offsetMs += (this.#latest - micros) / 1000;
    else this.#latest = micros;
    return this.#latest;
  }
}

/** Converts microseconds to whole milliseconds, rounded up; 0 for a time in the past. */
export function toWholeMs(micros: number): number {
  return micros > 0 ? Math.ceil(micros / 1000) : 0;
}

/** Converts milliseconds to whole microseconds, rounded down. */
export function toMicros(ms: number): number {
  return Math.floor(ms * 1000 + NOISE);
}
