import { checkMethods } from './options.js';
import { type Clock, systemClock, type TimerHandle } from './system-clock.js';

export {
  afterNextPoll,
  anyClock,
  type Clock,
  isAnyClock,
  isSameClock,
  systemClock,
  type TimerHandle,
} from './system-clock.js';

export function checkClock(owner: string, clock: Clock | undefined): Clock {
  return clock === undefined ? systemClock : checkMethods(owner, 'clock', clock, ['now', 'setTimeout', 'clearTimeout']);
}

/** What platforms may round away: a timer that is early by no more is armed again, however short it is. */
const ROUNDING_MS = 2;

/**
 * Whether a timer of `delayMs` that fires has to be armed again for the rest of its time: platforms round, and so may fire
 * early by a part of a millisecond. A timer that this clock has not measured is believed, since to arm it again could mean to
 * wait for ever: one that is early by more than half of its delay (the clock is frozen), and one that was armed before fake
 * timers were installed or removed.
 * @param armedBy - what `globalThis.setTimeout` was when the timer was armed.
 */
export function isEarly(remainingMs: number, delayMs: number, armedBy: unknown): boolean {
  if (remainingMs <= 0 || armedBy !== globalThis.setTimeout) return false;
  return remainingMs < delayMs && remainingMs <= Math.max(delayMs / 2, ROUNDING_MS);
}

/** One timer that never fires early. */
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

  /** For housekeeping: lets the process exit before it fires. */
  unref(): void {
    this.#isUnrefd = true;
    (this.#handle as TimerHandle | undefined)?.unref?.();
  }
}
