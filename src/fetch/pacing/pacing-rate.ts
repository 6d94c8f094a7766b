/**
 * The share of a measured rate that is left unused, since other clients may share the limit. It is doubled for pauses of
 * 2 s or more, where each refusal costs more.
 */
const MARGIN = 0.05;
/** The factors by which the rate grows per second: up to the rate that was refused last, and beyond it. */
const FAST = 2;
const SLOW = 1.1;
/** The share of the refused rate up to which the rate grows fast. */
const TARGET = 0.9;
/** The number of pauses for which the rate is kept before it grows beyond the refused rate. */
const HOLD = 6;
/** The number of pauses for which a rate is kept that was measured before the first refusal. */
const FIRST_HOLD = 3;
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
 * - After the first refusal no refused rate is known, but only that of a burst. A rate that five successes or more have
 *   shown is kept for 3 pauses. Then, or at once, it doubles each second.
 *
 * The rule is a multiplicative decrease (Chiu and Jain, 1989) with growth by time, as in CUBIC (RFC 9438). O(1).
 */
export class PacingRate {
  /** The current rate. */
  perSecond = Infinity;
  /** The rate that was refused last; `Infinity` if only bursts were refused. */
  #refused = Infinity;
  /** The successes that the first rate is based on, and the seconds over which they are spread. */
  #sample = 0;
  #spread = 1;
  #pauseMs = 0;
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
    if (this.#refused < Infinity) return;
    this.#sample++;
    this.perSecond += this.#used / this.#spread;
  }

  /** Learns from a first refusal. Returns whether there was a success shortly before. */
  begin(pauseMs: number, now: number): boolean {
    this.#spread = Math.min(Math.max(1, pauseMs / 1000), MAX_SPREAD);
    this.#refused = Infinity;
    const measured = this.#measured(now);
    this.#sample = this.#current + this.#previous;
    this.perSecond = Math.max(1 / this.#spread, (this.#used * measured) / this.#spread);
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
    this.perSecond = Math.max(floor, this.#refused * (hasSuccess ? this.#used : 1));
  }

  /** Begins the measurement that follows a refusal. */
  opens(at: number, pauseMs: number): void {
    this.#pauseMs = pauseMs;
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
    if (this.#refused < Infinity && this.perSecond < target) {
      this.perSecond = Math.min(target, this.perSecond * FAST ** seconds);
    } else if (now > this.#growsAt) this.perSecond *= this.#factor ** seconds;
  }

  /** Returns the largest number of requests that can be admitted in a time after `now` if nothing more is refused. */
  capacity(ms: number, now: number): number {
    const seconds = ms / 1000;
    if (seconds <= 0) return 0;
    const isFirst = this.#refused === Infinity;
    // While the gate is closed for the first time, late successes still raise the rate.
    if (isFirst && now < this.#opensAt) return Infinity;
    const rate = isFirst ? this.perSecond : Math.max(this.perSecond, this.#refused * TARGET);
    const kept = Math.min(seconds, Math.max(0, this.#growsAt - now) / 1000);
    return 1 + rate * (kept + (this.#factor ** (seconds - kept) - 1) / Math.log(this.#factor));
  }

  /** The factor by which the rate grows per second from `#growsAt` on. */
  get #factor(): number {
    return this.#refused === Infinity ? FAST : SLOW;
  }

  /** The time from which on the rate grows without a target. */
  get #growsAt(): number {
    if (this.#refused < Infinity) return this.#opensAt + HOLD * this.#pauseMs;
    const isKnown = this.#spread === 1 && this.#sample >= RELIABLE;
    return this.#opensAt + (isKnown ? FIRST_HOLD * this.#pauseMs : 0);
  }

  /** The share of a measured rate that is used. */
  get #used(): number {
    return 1 - MARGIN * Math.min(2, this.#spread);
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
