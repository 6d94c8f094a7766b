import type { Clock, TimerHandle } from '../core/clock.js';
import { timersBelongToRequests } from '../core/request-life.js';
import { showsStalls } from '../core/system-clock.js';

/** The interval of the timer, and the lateness above which the event loop was blocked, in milliseconds. */
const TICK_MS = 20;
const LATE_MS = 50;
/** A tick that is overdue by more than this was lost with the fake timers that had set it. */
const LOST_MS = 10_000;

/**
 * Notices when this process's event loop was blocked, so that a limit does not take its own delay for that of a
 * dependency. A timer ticks only while a limit has calls in flight. The age of the last tick is read with each sample:
 * after a stall, results may be handled before the late timer.
 */
export class LoopWatch {
  readonly #clock: Clock;
  /** The number of limits with calls in flight. */
  #users = 0;
  #timer: unknown = undefined;
  #due = 0;
  /** Whether a tick has ever fired. The clock of a test may have timers that never do. */
  #hasTicked = false;
  /** Calls that began before this time were in flight during a stall. */
  #lateUntil = -Infinity;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the watch that all limits with this clock share; undefined where late timers show no stall. */
  static of(clock: Clock): LoopWatch | undefined {
    if (timersBelongToRequests || !showsStalls(clock)) return undefined;
    let watch = watches.get(clock);
    if (watch === undefined) {
      watch = new LoopWatch(clock);
      watches.set(clock, watch);
    }
    return watch;
  }

  /** Starts the watch for a limit whose first call begins. */
  start(now: number): void {
    this.#users++;
    if (this.#timer !== undefined && now - this.#due > LATE_MS) this.#lose();
    if (this.#timer === undefined) this.#arm(now);
  }

  /** Ends the watch for a limit whose last call has ended. */
  stop(): void {
    this.#users--;
    // Where the timer can be left armed without keeping the process alive, it ends by itself.
    if (this.#users === 0 && (this.#timer as TimerHandle | undefined)?.unref === undefined) this.#lose();
  }

  /** Whether the event loop was blocked at some time since `startedAt`. */
  wasLateSince(startedAt: number, now: number): boolean {
    const lateMs = now - this.#due;
    if (lateMs > LATE_MS && this.#hasTicked && this.#timer !== undefined) {
      this.#lateUntil = now;
      if (lateMs > LOST_MS) {
        this.#lose();
        this.#arm(now);
      }
    }
    return startedAt < this.#lateUntil;
  }

  #arm(now: number): void {
    this.#due = now + TICK_MS;
    try {
      this.#timer = this.#clock.setTimeout(this.#onTick, TICK_MS);
    } catch {
      return; // a clock without timers shows no stalls
    }
    (this.#timer as TimerHandle | undefined)?.unref?.();
  }

  #lose(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTick = (): void => {
    const now = this.#clock.now();
    if (now - this.#due > LATE_MS) this.#lateUntil = now;
    this.#hasTicked = true;
    this.#timer = undefined;
    if (this.#users > 0) this.#arm(now);
  };
}

const watches = /* @__PURE__ */ new WeakMap<Clock, LoopWatch>();
