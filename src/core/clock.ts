import { checkMethods, checkOptionalFunction } from './options.js';
import { type Clock, isSystemClock, systemClock, type TimerHandle } from './system-clock.js';

export {
  afterNextPoll,
  anyClock,
  type Clock,
  isAnyClock,
  isSameClock,
  systemClock,
  type TimerHandle,
} from './system-clock.js';

/**
 * Returns the clock option, or `systemClock` if it is undefined or the `systemClock` of another copy of this package.
 * @throws InvalidOptionError if it lacks a method.
 */
export function checkClock(owner: string, clock: Clock | undefined): Clock {
  if (clock === undefined || isSystemClock(clock)) return systemClock;
  const checked = checkMethods(owner, 'clock', clock, ['now', 'setTimeout', 'clearTimeout']);
  checkOptionalFunction(owner, 'clock.afterPoll', checked.afterPoll);
  return checked;
}

/**
 * Tolerance for the rounding of platform timers, in milliseconds. A timer that fires early by at most this is armed
 * again, even if its delay is shorter.
 */
const ROUNDING_MS = 2;

/**
 * Whether a timer that has fired must be armed again for the remaining time: platforms round delays and may fire a
 * fraction of a millisecond early. Two kinds of early timers are accepted as due, since arming them again could mean
 * waiting without end: a timer that is early by more than half of its delay (the clock is frozen), and a timer that was
 * armed before fake timers were installed or removed.
 * @param armedBy - the value of `globalThis.setTimeout` when the timer was armed.
 */
export function isEarly(remainingMs: number, delayMs: number, armedBy: unknown): boolean {
  if (remainingMs <= 0 || armedBy !== globalThis.setTimeout) return false;
  return remainingMs < delayMs && remainingMs <= Math.max(delayMs / 2, ROUNDING_MS);
}

/** A timer that never fires early. */
export class Alarm {
  readonly #clock: Clock;
  readonly #due: number;
  readonly #onDue: () => void;
  #handle: unknown;
  #isUnrefd = false;

  constructor(clock: Clock, ms: number, onDue: () => void) {
    this.#clock = clock;
    this.#due = clock.now() + ms;
    this.#onDue = onDue;
    this.#arm(ms);
  }

  #arm(ms: number): void {
    if (ms === Infinity) return;
    const armedBy = globalThis.setTimeout;
    this.#handle = this.#clock.setTimeout(() => {
      const remaining = this.#due - this.#clock.now();
      if (isEarly(remaining, ms, armedBy)) this.#arm(remaining);
      else this.#onDue();
    }, ms);
    if (this.#isUnrefd) this.unref();
  }

  clear(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle);
  }

  /** Lets the process exit before the timer fires. For housekeeping. */
  unref(): void {
    this.#isUnrefd = true;
    (this.#handle as TimerHandle | undefined)?.unref?.();
  }
}
