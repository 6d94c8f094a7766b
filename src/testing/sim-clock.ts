import { checkSignal } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import { checkCallOptions, checkNumber, checkOneOf, given, readOptions } from '../core/options.js';
import { createSettler, defaultMode, inNextTurn, type SettleMode } from './settle.js';
import { TimerHeap } from './timer-heap.js';

/** Options of `SimClock`. */
export interface SimClockOptions {
  /**
   * How promises settle between two timers: `tick` (`process.nextTick`), `message` (a message to itself) or `hops` (64
   * promise reactions; fast in browsers, but inexact for longer chains of promises).
   * @defaultValue 'tick' where the platform has it, else 'message'
   */
  readonly settle?: SettleMode | undefined;
}

/** The number of events after which the clock lets the real event loop turn once. */
const EVENTS_PER_TURN = 20_000;

/** The number of events at one instant from which the program is taken to wait for itself without end. */
const MAX_EVENTS_AT_ONE_INSTANT = 100_000;

/** The number of turns of the real event loop in which `settle` waits for code that is not driven by this clock. */
const IDLE_TURNS = 20;

/**
 * A simulated clock for long runs: millions of timers instead of the dozens of a test. It starts at 0 and advances only
 * while `advance` runs. Timers fire in the order of their time, and of their creation if they are due at the same time;
 * promises settle after each.
 *
 * Between two timers it does not wait for the real event loop, which `TestClock` does after each timer. It lets the loop
 * turn after every 20,000 events, so that a page stays responsive and an abort signal can abort. Code that waits for
 * real timers or real I/O therefore makes no progress in between, and what it does afterwards would depend on real time:
 * if such code sets a timer of this clock, `advance` rejects with an error that has the code's stack.
 *
 * Setting, clearing and firing a timer is O(log n) in the number of armed timers. No real clock is read.
 *
 * @example
 * ```ts
 * const clock = new SimClock();
 * const cache = loadingCache({ load: async (id: number) => id, capacity: 10, ttl: '1m', clock });
 * const value = cache.get(7);
 * await clock.advance(3_600_000); // an hour
 * console.log(await value, clock.now()); // 7 3600000
 * ```
 */
export class SimClock implements Clock {
  readonly #timers = new TimerHeap();
  readonly #mode: SettleMode;
  #afterPoll: (() => void)[] = [];
  #now = 0;
  #events = 0;
  /** Whether the real event loop has its turn during `advance`. */
  #isTurning = false;
  #foreign: Error | undefined = undefined;
  #advancing: Promise<unknown> = Promise.resolve();

  /** @throws InvalidOptionError for invalid options. */
  constructor(options?: SimClockOptions) {
    const { settle } = readOptions('SimClock', options, { settle: undefined });
    this.#mode =
      settle === undefined ? defaultMode() : checkOneOf('SimClock', 'settle', settle, ['tick', 'message', 'hops']);
  }

  /** Returns the virtual time in milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Calls `callback` when the virtual time has advanced by `ms` milliseconds. Returns a handle for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown {
    if (this.#isTurning) this.#foreign ??= foreignError();
    return this.#timers.add(this.#now + (ms > 0 ? ms : 0), callback);
  }

  /** Cancels a timer. Has no effect if the timer has fired or the handle is not one of this clock. */
  clearTimeout(handle: unknown): void {
    if (this.#timers.has(handle)) this.#timers.remove(handle);
  }

  /**
   * Calls `callback` after all timers that are due at the present instant have fired and their promises have settled,
   * before the time advances.
   */
  afterPoll(callback: () => void): void {
    if (this.#isTurning) this.#foreign ??= foreignError();
    this.#afterPoll.push(callback);
  }

  /** The number of armed timers. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** The number of callbacks that the clock has called so far. */
  get events(): number {
    return this.#events;
  }

  /** Whether the real event loop has its turn now: code that runs meanwhile is not driven by this clock. */
  get isTurning(): boolean {
    return this.#isTurning;
  }

  /**
   * Advances the time by `ms` milliseconds: an amount ≥ 0. First pending promises settle; then each timer that is due by
   * the end fires at its own time, in order, and promises settle after each. Timers that are set meanwhile fire too if
   * they are due. Afterwards `now()` has grown by `ms`. Overlapping calls run one after the other.
   *
   * Rejects with the error of a callback that throws, with the reason of `signal` if it is aborted, with an error if
   * more than 100,000 callbacks run at one instant, and with an error if code that waited for real time or real I/O has
   * set a timer. The time remains where it was then.
   */
  advance(ms: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkNumber('SimClock.advance', 'ms', ms, { min: 0 });
    checkCallOptions('SimClock.advance', options, ['signal']);
    const signal = checkSignal('SimClock.advance', given(options, 'signal') ?? null);
    return this.#enqueue(() => this.#run(() => this.#now + ms, signal));
  }

  /**
   * Lets the real event loop turn up to 20 times. Resolves with whether code has run meanwhile that set a timer of this
   * clock. Such code waits for real time or real I/O. Overlapping calls, and those of `advance`, run one after the other.
   */
  settle(): Promise<boolean> {
    return this.#enqueue(async () => {
      for (let turn = 0; turn < IDLE_TURNS && this.#foreign === undefined; turn++) await this.#turn();
      const hasFound = this.#foreign !== undefined;
      this.#foreign = undefined;
      return hasFound;
    });
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#advancing.then(task);
    this.#advancing = run.catch(() => {});
    return run;
  }

  async #turn(): Promise<void> {
    this.#isTurning = true;
    await new Promise<void>((resolve) => inNextTurn(resolve));
    this.#isTurning = false;
  }

  /** Runs all events up to `endOf()`, which is read when pending promises have settled. */
  #run(endOf: () => number, signal: AbortSignal | null): Promise<void> {
    const settler = createSettler(this.#mode);
    return new Promise<void>((resolve, reject) => {
      let end = -1;
      let eventsAtInstant = 0;
      let untilTurn = EVENTS_PER_TURN;
      const afterTurn = (): void => {
        this.#isTurning = false;
        untilTurn = EVENTS_PER_TURN;
        step();
      };
      const step = (): void => {
        if (end === -1) end = endOf();
        const before = this.#now;
        try {
          if (signal?.aborted) throw signal.reason;
          this.#throwForeign();
          if (!this.#fireNext(end)) {
            this.#now = end;
            resolve();
            return;
          }
          this.#events++;
          eventsAtInstant = this.#now === before ? eventsAtInstant + 1 : 1;
          if (eventsAtInstant > MAX_EVENTS_AT_ONE_INSTANT) throw endlessError(this.#now);
        } catch (error) {
          reject(error);
          return;
        }
        if (--untilTurn > 0) settler.run(step);
        else settler.run(turn);
      };
      const turn = (): void => {
        this.#isTurning = true;
        inNextTurn(afterTurn);
      };
      settler.run(step);
    }).finally(() => settler.close());
  }

  /** Runs one event. Returns false if there is none up to `end`. */
  #fireNext(end: number): boolean {
    const timer = this.#timers.first;
    const isDue = timer !== undefined && timer.due <= end;
    if (this.#afterPoll.length > 0 && !(isDue && timer.due <= this.#now)) {
      const callbacks = this.#afterPoll;
      this.#afterPoll = [];
      for (const callback of callbacks) callback();
      return true;
    }
    if (!isDue) return false;
    this.#timers.remove(timer);
    if (timer.due > this.#now) this.#now = timer.due;
    timer.callback();
    return true;
  }

  #throwForeign(): void {
    const foreign = this.#foreign;
    if (foreign === undefined) return;
    this.#foreign = undefined;
    throw foreign;
  }
}

/** Created where the timer is set, so that its stack shows the code that has waited. */
function foreignError(): Error {
  return new Error(
    'SimClock: code that waited for real time or real I/O has set a timer of the simulated clock; its results would differ from run to run. Pass the simulated clock to everything that waits',
  );
}

function endlessError(now: number): Error {
  return new Error(
    `SimClock: more than ${MAX_EVENTS_AT_ONE_INSTANT} callbacks have run at ${now} ms, and the time does not advance: a timer with a delay of 0 sets itself again without end`,
  );
}
