/** Monotonic time and timers. Inject another one to test without waiting: `TestClock` of `breakwater/testing`. */
export interface Clock {
  /** Milliseconds that only grow. Their zero means nothing. */
  now(): number;
  /** Calls back after `ms` milliseconds, however many. The handle may have `ref()` and `unref()`, as Node's have. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** What Node's timers have and a browser's, being numbers, have not. */
export interface TimerHandle {
  ref?(): unknown;
  unref?(): unknown;
}

/** The longest delay a platform timer takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** Shows a time in milliseconds: by a method, or by a field as the clock of @sinonjs/fake-timers does. */
interface TimeSource {
  readonly now: number | (() => number);
}

/** The part of the global object that has to do with time. Test frameworks replace any of it, and platforms lack some. */
interface TimeGlobals {
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
  readonly clearTimeout: (handle: unknown) => void;
  readonly setImmediate?: ((callback: () => void) => unknown) | undefined;
  readonly performance?: { readonly now: () => number } | undefined;
  readonly Date: { readonly now: () => number };
}

const globals = globalThis as unknown as TimeGlobals;

/** The platform's own timers and clocks, which are kept while a test framework has put fakes in their place. */
interface Platform extends TimeGlobals, TimeSource {
  /** The monotonic clock. */
  readonly now: () => number;
  /** The function behind it, by which a fake is recognised: the method may be replaced as well as its object. */
  readonly performanceNow: unknown;
}

/** Undefined while the timers have been fakes ever since this module was loaded. */
let platform: Platform | undefined = /* @__PURE__ */ findPlatform();
/** How far `systemClock` is ahead of the platform's clock: as far as fake time has gone faster than real time. */
let aheadMs = 0;

function findPlatform(): Platform | undefined {
  const { setTimeout, clearTimeout, setImmediate, performance, Date: date } = globals;
  if (isFake(setTimeout)) return undefined;
  const performanceNow = performance?.now;
  const now = performanceNow === undefined ? withoutSetbacks(date.now) : () => performanceNow.call(performance);
  return { setTimeout, clearTimeout, setImmediate, performance, Date: date, now, performanceNow };
}

/**
 * Whether a function is a fake. It is recognised by the marks of @sinonjs/fake-timers (which Vitest and Jest use, too) and of
 * mock functions; the timers of `node:test` are bound functions, which those of no platform are.
 */
function isFake(fn: unknown): boolean {
  if (typeof fn !== 'function') return false;
  return 'clock' in fn || '_isMockFunction' in fn || 'mock' in fn || fn.name.startsWith('bound ');
}

/** The wall clock, where there is no monotonic one: when it is set back, no time has passed. */
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

/** Fake time beside timers that are not the platform's; undefined if nothing shows any. */
function fakedSource(): TimeSource | undefined {
  const { performance, Date: date, setTimeout } = globals;
  if (performance !== undefined && platform !== undefined && performance.now !== platform.performanceNow)
    return performance;
  const { clock } = setTimeout as { readonly clock?: TimeSource };
  if (typeof clock?.now === 'number') return clock;
  return date === platform?.Date ? undefined : date;
}

/**
 * The time while the timers are not the platform's. It is `performance.now()` if that is faked as well. Otherwise it goes on
 * from the platform's time, at a whole second so that it stays exact, by what the clock of the fakes, `Date` or at last the
 * platform shows. Besides, a timer that fires moves it to the time for which that timer was set, so that no combination of
 * fakes has timers that fire too early. It goes back only to the zero of a `performance` that has just been faked.
 */
class FakedTime {
  #now = 0;
  #source: TimeSource | undefined = undefined;
  #timers: unknown = undefined;
  /** By how much this time is ahead of what the source shows. */
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
    // If the source was set back, as a wall clock may be, time stands still and goes on from there.
    this.#aheadMs = Math.max(this.#aheadMs, this.#now - shown);
    this.#moveTo(shown + this.#aheadMs);
    return this.#now;
  }

  /** A timer that was set for `time` fires now. */
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

  /** The platform has been found: its time goes on from here. */
  handOver(found: Platform): void {
    aheadMs = Math.max(0, this.#now - found.now());
  }
}

/** What `systemClock` would show without fakes. */
function realNow(): number {
  return platform === undefined ? 0 : platform.now() + aheadMs;
}

const fakedTime = /* @__PURE__ */ new FakedTime();

/** The platform, if its timers are in place. */
function platformInPlace(): Platform | undefined {
  if (platform === undefined) {
    platform = findPlatform();
    if (platform !== undefined) fakedTime.handOver(platform);
  }
  return globals.setTimeout === platform?.setTimeout ? platform : undefined;
}

/** The check for fakes costs next to nothing beside the reading; looking `performance` up each time would double it. */
function now(): number {
  // Nothing is added while there is nothing to add: each sum is a number on the heap.
  return aheadMs === 0 && globals.setTimeout === platform?.setTimeout ? platform.now() : slowNow();
}

function slowNow(): number {
  const inPlace = platformInPlace();
  return inPlace === undefined ? fakedTime.now() : realNow();
}

/**
 * The platform's monotonic clock and timers, looked up at each call so that fake timers work: those of Vitest, Jest, Sinon and
 * `node:test`, whatever part of the platform they replace. While timers are faked, time is that of whatever else is faked,
 * and each timer that fires moves it on. Fakes beside timers that are the platform's change nothing. Delays may be of any
 * length: those above 2^31-1 ms are armed again on the way.
 *
 * It stands still while the machine is suspended, as the monotonic clocks of Linux and macOS do.
 */
export const systemClock: MarkedClock = {
  '~clock': 'system',
  now,
  setTimeout: (callback, ms) =>
    ms <= LONGEST_TIMER_MS && platformInPlace() !== undefined
      ? globals.setTimeout(callback, ms)
      : new WatchedTimer(callback, ms),
  clearTimeout(handle) {
    if (handle instanceof WatchedTimer) handle.clear();
    else clearWith((platform ?? globals).clearTimeout, handle);
  },
};

/**
 * The clock of a policy that never looks at one, such as a fallback. It behaves as `systemClock`, and a pipeline lets it be
 * beside any other.
 */
export const anyClock: Clock = /* @__PURE__ */ Object.create(systemClock, { '~clock': { value: 'any' } });

/** A clock with the mark by which every copy of this package knows it: ESM and CommonJS, or two versions. */
interface MarkedClock extends Clock {
  readonly '~clock'?: 'system' | 'any';
}

/** Whether it is the `anyClock` of any copy of this package. */
export const isAnyClock = (clock: MarkedClock | undefined): boolean => clock?.['~clock'] === 'any';

/** Whether two clocks show the same time: one object, or the `systemClock` of two copies of this package. */
export function isSameClock(one: MarkedClock | undefined, other: MarkedClock | undefined): boolean {
  return one === other || (one?.['~clock'] === 'system' && other?.['~clock'] === 'system');
}

/** Without an object before the dot: browsers take it for the window that the function belongs to. */
function clearWith(clearTimeout: TimeGlobals['clearTimeout'], handle: unknown): void {
  clearTimeout(handle);
}

/** A timer that is longer than the platform's may be, or not the platform's. */
class WatchedTimer implements TimerHandle {
  #timer: unknown;
  /** Of the same make as the timer: fakes may be installed or removed before it is cleared. */
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
      if (this.#isCleared) return; // in vain: where `setTimeout` is faked, `clearTimeout` need not be
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
 * Calls back after the event loop has polled for I/O once more, or as near to that as the platform allows. Never by a fake,
 * if that can be helped: a poll is no matter of time, and a test that moves its clock does not wait for one.
 */
export function afterNextPoll(callback: () => void): void {
  const { setImmediate, setTimeout } = platform ?? globals;
  if (setImmediate === undefined) setTimeout(callback, 0);
  else setImmediate(callback);
}

/**
 * Whether a timer of the clock that fires late shows that the event loop was blocked. Fake timers fire when the test says
 * so, however much real time or wall-clock time has passed.
 */
export function showsStalls(clock: Clock): boolean {
  if ((clock !== systemClock && clock !== anyClock) || platformInPlace() !== undefined) return true;
  return !isFake(globals.setTimeout) && fakedSource() === undefined;
}
