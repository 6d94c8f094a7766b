import { checkMethods } from './options.js';

/** Monotonic time and timers. Inject another one to test without waiting: `TestClock` of `breakwater/testing`. */
export interface Clock {
  /** Milliseconds that only grow. Their zero means nothing. */
  now(): number;
  /** Calls back after `ms` milliseconds, however many. The handle may have `ref()` and `unref()`, as Node's have. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The longest delay a platform timer takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** The platform's `performance`, and the timers beside which it was found. */
let found: typeof performance | undefined;
let foundBeside: unknown;

/**
 * Looking `performance` up is half of what reading the clock costs in Node, so it is looked up once, and again whenever
 * somebody has put fake timers in place or taken them away.
 */
function now(): number {
  if (foundBeside !== globalThis.setTimeout || found === undefined) {
    found = globalThis.performance;
    foundBeside = globalThis.setTimeout;
  }
  return found.now();
}

/**
 * The platform's monotonic clock and timers, read from the global object at each call so that fake timers work.
 * Delays of any length: those above 2^31-1 ms are armed again on the way.
 */
export const systemClock: Clock = {
  now,
  setTimeout: (callback, ms) =>
    ms <= LONGEST_TIMER_MS ? globalThis.setTimeout(callback, ms) : new LongTimer(callback, ms),
  clearTimeout(handle) {
    if (handle instanceof LongTimer) handle.clear();
    else globalThis.clearTimeout(handle as Parameters<typeof globalThis.clearTimeout>[0]);
  },
};

/**
 * The clock of a policy that never looks at one (a fallback, say). It behaves as `systemClock`, and a pipeline lets it
 * stand beside any other.
 */
export const anyClock: Clock = /* @__PURE__ */ Object.create(systemClock);

/** What Node's timers have and a browser's, being numbers, have not. */
export interface TimerHandle {
  ref?(): unknown;
  unref?(): unknown;
}

class LongTimer implements TimerHandle {
  #timer: unknown;
  #unrefd = false;

  constructor(callback: () => void, ms: number) {
    this.#arm(callback, ms);
  }

  #arm(callback: () => void, ms: number): void {
    this.#timer =
      ms <= LONGEST_TIMER_MS
        ? globalThis.setTimeout(callback, ms)
        : globalThis.setTimeout(() => this.#arm(callback, ms - LONGEST_TIMER_MS), LONGEST_TIMER_MS);
    if (this.#unrefd) this.unref();
  }

  clear(): void {
    globalThis.clearTimeout(this.#timer as Parameters<typeof globalThis.clearTimeout>[0]);
  }

  ref(): this {
    this.#unrefd = false;
    (this.#timer as TimerHandle).ref?.();
    return this;
  }

  unref(): this {
    this.#unrefd = true;
    (this.#timer as TimerHandle).unref?.();
    return this;
  }
}

/** Calls back after the event loop has polled for I/O once more, or as near to that as the platform lets us. */
export function afterNextPoll(callback: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate === undefined) globalThis.setTimeout(callback, 0);
  else setImmediate(callback);
}

export function checkClock(owner: string, clock: Clock | undefined): Clock {
  return clock === undefined ? systemClock : checkMethods(owner, 'clock', clock, ['now', 'setTimeout', 'clearTimeout']);
}

/** One timer that never rings early: platform timers may, by the fraction of a millisecond they round away. */
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
    this.#handle = this.#clock.setTimeout(() => {
      const remaining = this.#due - this.#clock.now();
      if (remaining > 0) this.#arm(remaining);
      else this.#onDue();
    }, ms);
    if (this.#isUnrefd) this.unref();
  }

  clear(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle);
  }

  /** For housekeeping: lets the process exit before it rings. */
  unref(): void {
    this.#isUnrefd = true;
    (this.#handle as TimerHandle | undefined)?.unref?.();
  }
}
