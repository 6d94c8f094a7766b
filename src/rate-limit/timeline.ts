import type { Clock } from '../core/clock.js';

/**
 * In microseconds: what floating point may lack to a whole microsecond. Without it a clock that is read k milliseconds
 * after another reading could seem to stand a microsecond short of that. A clock that shows years in milliseconds is off
 * by a hundredth, one that shows the milliseconds since 1970 by an eighth.
 */
const NOISE = 0.25;

/**
 * The time of a clock in whole microseconds since the timeline was made. Integers, because sums and products of integers
 * are exact up to 2^53 (285 years), and a limiter that counts in fractions loses or grants a token now and then.
 *
 * It never goes back: when the clock does, the timeline stands still for a moment and goes on from there. No algorithm
 * has to think of that.
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

/** Whole milliseconds that are enough for so many microseconds. */
export function toWholeMs(micros: number): number {
  return micros > 0 ? Math.ceil(micros / 1000) : 0;
}

/** A wait of `ms` milliseconds at most, in whole microseconds. */
export function toMicros(ms: number): number {
  return Math.floor(ms * 1000 + NOISE);
}
