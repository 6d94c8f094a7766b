/** The share of a measured rate that is used: other clients may share the limit. */
const SAFETY = 0.95;
/** The factors by which the rate grows per second: up to the rate that was refused last, and beyond it. */
const FAST = 2;
const SLOW = 1.1;
/** The share of the refused rate up to which the rate grows fast. */
const TARGET = 0.9;
/** The number of pauses for which the rate is kept before it grows beyond the refused rate. */
const HOLD = 6;
/** A measurement of fewer successes than this is rough. */
const RELIABLE = 5;
/** The longest time over which the successes before the first refusal are spread, in seconds. */
const MAX_SPREAD = 5;

/**
 * The rate at which a gate admits requests, per second. It is learned from successes and refusals:
 *
 * - After the first refusal, the rate is 0.95 × the successes per second, spread over the pause, since the window of the
 *   limit may be as long as the pause.
 * - After a later refusal, it is 0.95 × the successes per second since the gate has opened, or half of the old rate if
 *   there was none.
 * - It doubles each second up to 90 % of the rate that was refused last. It is kept for 6 pauses, and then grows by 10 %
 *   per second. A refusal costs one pause, so the search for a higher limit costs about one seventh.
 *
 * The rule is a multiplicative decrease (Chiu and Jain, 1989) with growth by time, as in CUBIC (RFC 9438). O(1).
 */
export class PacingRate {
  /** The current rate. */
  perSecond = Infinity;
  /** The rate that was refused last; `Infinity` if only bursts were refused. */
  #refused = Infinity;
  #spread = 1;
  #holdSeconds = 0;
  /** The time at which the gate opens after the last refusal, and that of the last growth. */
  #opensAt = 0;
  #grownAt = 0;
  /** The start of the second that is being measured, and the successes in it and in the second before. */
  #second = 0;
  #current = 0;
  #previous = 0;

  /** Counts a success. */
  count(now: number): void {
    this.#advance(now);
    this.#current++;
  }

  /** Counts a success that arrives while the gate is closed, from a request that was sent before the first refusal. */
  countLate(): void {
    if (this.#refused === Infinity) this.perSecond += SAFETY / this.#spread;
  }

  /** Learns from a first refusal. Returns whether there was a success shortly before. */
  begin(pauseMs: number, now: number): boolean {
    this.#spread = Math.min(Math.max(1, pauseMs / 1000), MAX_SPREAD);
    this.#refused = Infinity;
    const measured = this.#measured(now);
    this.perSecond = Math.max(1 / this.#spread, (SAFETY * measured) / this.#spread);
    return measured > 0;
  }

  /** Learns from a later refusal. @param hasSuccess - whether there was a success since the gate has opened. */
  reduce(hasSuccess: boolean, pauseMs: number, now: number): void {
    this.#spread = Math.min(Math.max(1, pauseMs / 1000), MAX_SPREAD);
    const floor = 1 / this.#spread;
    const measured = hasSuccess ? this.#measured(now) : 0;
    // Few successes are a rough measurement, so the rate is at most halved.
    const least = this.#current + this.#previous < RELIABLE ? this.perSecond / 2 : 0;
    this.#refused = Math.max(floor, Math.min(this.perSecond, Math.max(least, measured)));
    this.perSecond = Math.max(floor, this.#refused * (hasSuccess ? SAFETY : 1));
  }

  /** Begins the measurement that follows a refusal. */
  opens(at: number, pauseMs: number): void {
    this.#holdSeconds = (HOLD * pauseMs) / 1000;
    this.#opensAt = at;
    this.#grownAt = at;
    this.#second = at;
    this.#current = 0;
    this.#previous = 0;
  }

  /** Lets the rate grow by the time since it was called last, up to one second. */
  grow(now: number): void {
    const seconds = Math.min(1, Math.max(0, now - this.#grownAt) / 1000);
    this.#grownAt = now;
    const target = this.#refused * TARGET;
    if (this.perSecond < target) this.perSecond = Math.min(target, this.perSecond * FAST ** seconds);
    else if (now > this.#opensAt + this.#holdSeconds * 1000) this.perSecond *= SLOW ** seconds;
  }

  /** Returns the largest number of requests that can be admitted in a time after `now` if nothing more is refused. */
  capacity(ms: number, now: number): number {
    const seconds = ms / 1000;
    if (seconds <= 0) return 0;
    if (this.#refused < Infinity) {
      const growing = Math.max(0, seconds - this.#holdSeconds);
      const rate = Math.max(this.perSecond, this.#refused * TARGET);
      return 1 + rate * (seconds - growing + (SLOW ** growing - 1) / Math.log(SLOW));
    }
    // While the gate is closed for the first time, late successes still raise the rate.
    if (now < this.#opensAt) return Infinity;
    return 1 + (this.perSecond * (FAST ** seconds - 1)) / Math.log(FAST);
  }

  /** Returns the successes per second in the last one to two seconds. */
  #measured(now: number): number {
    this.#advance(now);
    const seconds = (now - this.#second) / 1000 + (this.#previous > 0 ? 1 : 0);
    return (this.#current + this.#previous) / Math.max(1, seconds);
  }

  /** Moves the measurement to the second that contains `now`. */
  #advance(now: number): void {
    const passed = Math.floor((now - this.#second) / 1000);
    if (passed < 1) return;
    this.#previous = passed === 1 ? this.#current : 0;
    this.#current = 0;
    this.#second += passed * 1000;
  }
}
