/**
 * A monotonic clock with timers. In tests, pass a `TestClock` of `breakwater/testing` instead, which advances without
 * waiting.
 */
export interface Clock {
  /** Returns the time in milliseconds. It never decreases; its zero is arbitrary. */
  now(): number;
  /**
   * Calls `callback` once after `ms` milliseconds, which may exceed 2^31 - 1. The returned handle may have `ref()` and
   * `unref()`, as in Node.
   */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Cancels a timer. Has no effect if the timer has fired or the handle is undefined. */
  clearTimeout(handle: unknown): void;
  /**
   * Calls `callback` once after the I/O events that are ready now. A simulated clock calls it after the timers of the
   * present instant, before its time advances. @defaultValue one poll of the platform's event loop
   */
  afterPoll?(callback: () => void): void;
}

/** The methods of Node's timer handles. A browser's handles are numbers and lack them. */
export interface TimerHandle {
  ref?(): unknown;
  unref?(): unknown;
}

/** The longest delay of a platform timer, in milliseconds; a timer with a longer one would fire immediately. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** A source of the time in milliseconds: a method, or a field as in the clock of @sinonjs/fake-timers. */
interface TimeSource {
  readonly now: number | (() => number);
}

/**
 * The part of the global object that concerns time. Test frameworks replace any of these, and some platforms lack some
 * of them.
 */
interface TimeGlobals {
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
  readonly clearTimeout: (handle: unknown) => void;
  readonly setImmediate?: ((callback: () => void) => unknown) | undefined;
  readonly performance?: { readonly now: () => number } | undefined;
  readonly Date: { readonly now: () => number };
}

const globals = globalThis as unknown as TimeGlobals;

/**
 * The platform's own timers and clocks, saved so that they can be used while a test framework has replaced the global
 * ones.
 */
interface Platform extends TimeGlobals, TimeSource {
  /** Returns the monotonic time. */
  readonly now: () => number;
  /**
   * The original `performance.now`, by which a fake is recognised: either the method or the whole object may be
   * replaced.
   */
  readonly performanceNow: unknown;
}

/** Undefined if the global timers have been fakes since this module was loaded. */
let platform: Platform | undefined = /* @__PURE__ */ findPlatform();
/**
 * The milliseconds by which `systemClock` is ahead of the platform's clock: fake time has advanced more than real time.
 */
let aheadMs = 0;

function findPlatform(): Platform | undefined {
  const { setTimeout, clearTimeout, setImmediate, performance, Date: date } = globals;
  if (isFake(setTimeout)) return undefined;
  const performanceNow = performance?.now;
  const now = performanceNow === undefined ? withoutSetbacks(date.now) : () => performanceNow.call(performance);
  return { setTimeout, clearTimeout, setImmediate, performance, Date: date, now, performanceNow };
}

/**
 * Whether a function is a fake: it has the properties of @sinonjs/fake-timers (used by Vitest and Jest too) or of mock
 * functions. The timers of `node:test` are bound functions, which no platform's timers are.
 */
function isFake(fn: unknown): boolean {
  if (typeof fn !== 'function') return false;
  return 'clock' in fn || '_isMockFunction' in fn || 'mock' in fn || fn.name.startsWith('bound ');
}

/**
 * Returns a monotonic time from the wall clock, for platforms without a monotonic one: setting the wall clock back adds
 * no time.
 */
function withoutSetbacks(readWallClock: () => number): () => number {
  let now = 0;
  let before = readWallClock();
  return () => {
    const wallClock = readWallClock();
    now += Math.max(0, wallClock - before);
    before = wallClock;
    return now;
  };
}

/** Returns the source of fake time while the global timers are fakes; undefined if only the timers are. */
function fakedSource(): TimeSource | undefined {
  const { performance, Date: date, setTimeout } = globals;
  if (performance !== undefined && platform !== undefined && performance.now !== platform.performanceNow)
    return performance;
  const { clock } = setTimeout as { readonly clock?: TimeSource };
  if (typeof clock?.now === 'number') return clock;
  return date === platform?.Date ? undefined : date;
}

/**
 * The time while the global timers are fakes. If `performance.now()` is a fake too, it is the time. Otherwise time
 * continues from the platform's time, rounded up to a whole second so that it stays exact, and advances with the clock
 * of the fakes, or `Date`, or else the platform's clock. In addition, a timer that fires advances the time to the time
 * for which it was set, so that no combination of fakes makes timers fire early. The time decreases only if
 * `performance` has just been replaced by a fake that starts at zero.
 */
class FakedTime {
  #now = 0;
  #source: TimeSource | undefined = undefined;
  #timers: unknown = undefined;
  /** The milliseconds by which this time is ahead of the source's time. */
  #aheadMs = 0;

  now(): number {
    const source = fakedSource() ?? (platform as Platform);
    const { setTimeout, performance } = globals;
    const shown = typeof source.now === 'function' ? source.now() : source.now;
    if (source !== this.#source || setTimeout !== this.#timers) {
      this.#source = source;
      this.#timers = setTimeout;
      this.#now = source === performance ? shown : Math.ceil(Math.max(this.#now, realNow()) / 1000) * 1000;
      this.#aheadMs = this.#now - shown;
    }
    // If the source was set back, as a wall clock may be, this time pauses and continues from its present value.
    this.#aheadMs = Math.max(this.#aheadMs, this.#now - shown);
    this.#moveTo(shown + this.#aheadMs);
    return this.#now;
  }

  /** Advances to `time`, for which a timer was set that fires now. */
  reach(time: number): void {
    const missing = time - this.now();
    if (missing <= 0) return;
    this.#aheadMs += missing;
    this.#moveTo(time);
  }

  #moveTo(time: number): void {
    this.#now = time;
    if (platform !== undefined) aheadMs = Math.max(aheadMs, time - platform.now());
  }

  /** Continues on the platform's clock, now that the platform has been found. */
  handOver(found: Platform): void {
    aheadMs = Math.max(0, this.#now - found.now());
  }
}

/** Returns the time that `systemClock` would have without fakes. */
function realNow(): number {
  return platform === undefined ? 0 : platform.now() + aheadMs;
}

const fakedTime = /* @__PURE__ */ new FakedTime();

/** Returns the platform if its timers are the global ones. */
function platformInPlace(): Platform | undefined {
  if (platform === undefined) {
    platform = findPlatform();
    if (platform !== undefined) fakedTime.handOver(platform);
  }
  return globals.setTimeout === platform?.setTimeout ? platform : undefined;
}

/**
 * Returns the time of `systemClock`. The check for fakes costs almost nothing beside reading the clock; reading
 * `performance` from the global object each time would double the cost.
 */
export function now(): number {
  // `aheadMs` is added only if it is not 0: each sum is allocated on the heap.
  return aheadMs === 0 && globals.setTimeout === platform?.setTimeout ? platform.now() : slowNow();
}

function slowNow(): number {
  const inPlace = platformInPlace();
  return inPlace === undefined ? fakedTime.now() : realNow();
}

/**
 * The platform's monotonic clock and timers. The global functions are read on each call, so that the fake timers of
 * Vitest, Jest, Sinon and `node:test` work, whichever functions they replace. While the timers are fakes, the time is
 * that of the other faked functions, and each timer that fires advances it. Faking other functions but not the timers
 * changes nothing. Delays may have any length: a timer above 2^31 - 1 ms is armed in several steps.
 *
 * The clock does not advance while the machine is suspended, like the monotonic clocks of Linux and macOS.
 */
export const systemClock: Clock = /* @__PURE__ */ marked('system', {
  now,
  setTimeout: (callback, ms) =>
    ms <= LONGEST_TIMER_MS && platformInPlace() !== undefined
      ? globals.setTimeout(callback, ms)
      : new WatchedTimer(callback, ms),
  clearTimeout(handle) {
    if (handle instanceof WatchedTimer) handle.clear();
    else clearWith((platform ?? globals).clearTimeout, handle);
  },
});

/**
 * The clock of a policy that never reads one, such as a fallback. It behaves like `systemClock`, and a pipeline accepts
 * it together with any other clock.
 */
export const anyClock: Clock = /* @__PURE__ */ marked('any', /* @__PURE__ */ Object.create(systemClock) as Clock);

/** Marks a clock for every copy of this package, such as ESM beside CommonJS, or two versions. */
function marked(mark: 'system' | 'any', clock: Clock): Clock {
  return Object.defineProperty(clock, '~clock', { value: mark });
}

interface MarkedClock extends Clock {
  readonly '~clock'?: 'system' | 'any';
}

/** Whether the clock is the `anyClock` of any copy of this package. */
export const isAnyClock = (clock: MarkedClock | undefined): boolean => clock?.['~clock'] === 'any';

/**
 * Whether the clock is the `systemClock` of any copy of this package. A clock of the caller that spreads it has no mark,
 * and one that inherits from it has none of its own: both may show another time.
 */
export const isSystemClock = (clock: MarkedClock | undefined): boolean =>
  clock?.['~clock'] === 'system' && Object.hasOwn(clock, '~clock');

/** Whether two clocks show the same time: they are one object, or the `systemClock` of two copies of this package. */
export function isSameClock(one: Clock | undefined, other: Clock | undefined): boolean {
  return one === other || (isSystemClock(one) && isSystemClock(other));
}

/** Calls `clearTimeout` without a receiver: browsers require the window as the receiver, or none. */
function clearWith(clearTimeout: TimeGlobals['clearTimeout'], handle: unknown): void {
  clearTimeout(handle);
}

/** A timer that may exceed the platform's longest delay, or that is created by fake timers. */
class WatchedTimer implements TimerHandle {
  #timer: unknown;
  /**
   * The counterpart of the `setTimeout` that created the timer: fakes may be installed or removed before the timer is
   * cleared.
   */
  #clearTimeout: TimeGlobals['clearTimeout'] = globals.clearTimeout;
  #isUnrefd = false;
  #isCleared = false;

  constructor(callback: () => void, ms: number) {
    this.#arm(callback, ms);
  }

  #arm(callback: () => void, ms: number): void {
    const stepMs = Math.min(ms, LONGEST_TIMER_MS);
    const due = now() + stepMs;
    this.#clearTimeout = (platformInPlace() ?? globals).clearTimeout;
    this.#timer = globals.setTimeout(() => {
      if (this.#isCleared) return; // `clearTimeout` had no effect: it may be real while `setTimeout` is a fake
      if (platformInPlace() === undefined) fakedTime.reach(due);
      if (stepMs < ms) this.#arm(callback, ms - stepMs);
      else callback();
    }, stepMs);
    if (this.#isUnrefd) this.unref();
  }

  clear(): void {
    this.#isCleared = true;
    clearWith(this.#clearTimeout, this.#timer);
  }

  ref(): this {
    this.#isUnrefd = false;
    (this.#timer as TimerHandle).ref?.();
    return this;
  }

  unref(): this {
    this.#isUnrefd = true;
    (this.#timer as TimerHandle).unref?.();
    return this;
  }
}

/**
 * Calls back after the event loop has polled for I/O once more, or as close to that as the platform allows. Uses the
 * clock's own `afterPoll` if it has one, else the real functions if possible: a test that advances fake time does not
 * wait for a poll.
 */
export function afterNextPoll(clock: Clock, callback: () => void): void {
  if (clock.afterPoll !== undefined) {
    clock.afterPoll(callback);
    return;
  }
  const { setImmediate, setTimeout } = platform ?? globals;
  if (setImmediate === undefined) setTimeout(callback, 0);
  else setImmediate(callback);
}

/**
 * Whether a late timer of this clock shows that the event loop was blocked. Fake timers do not: they fire when the test
 * advances them, regardless of the real time that has passed.
 */
export function showsStalls(clock: Clock): boolean {
  if (!(isSystemClock(clock) || isAnyClock(clock)) || platformInPlace() !== undefined) return true;
  return !isFake(globals.setTimeout) && fakedSource() === undefined;
}
