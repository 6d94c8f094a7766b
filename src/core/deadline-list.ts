import { type Clock, isEarly, type TimerHandle } from './clock.js';
import { timersBelongToRequests } from './request-life.js';
import { afterNextPoll, showsStalls } from './system-clock.js';

/** A timer that is late by more than this was delayed by a blocked event loop, not by the platform's rounding. */
const LATE_MS = 2;

/**
 * A timer that is late by more than both of these shows that the event loop has stalled. `STALL_SHARE` is a share of
 * the timer's duration.
 */
const STALL_MS = 10;
const STALL_SHARE = 0.1;

/** A timer that is late by more than this was delayed by a suspended machine: deadlines are not extended. */
const SUSPEND_MS = 60_000;

/** The longest duration, in milliseconds, for which a list keeps an idle timer armed for reuse. */
const MAX_IDLE_TIMER_MS = 60_000;

/**
 * A deadline: a wait that ends at `due` unless it is removed first. It is its own node in the list, so that nothing
 * else is allocated.
 */
export abstract class Deadline {
  /** The time of the deadline on the list's clock, in milliseconds. */
  due = 0;
  /** The list that the deadline is in; undefined if it is in none. */
  list: DeadlineList | undefined = undefined;
  sooner: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;
  /** Whether the list keeps the process alive for this deadline; set by `hold` and `release`. */
  declare isHeld?: boolean;
  /** Milliseconds for which the event loop stalled during the wait; unset if it did not. */
  declare stalledMs?: number;
  /** The timer of this deadline alone; unset where the deadlines of a list share one. */
  declare ownTimer?: unknown;

  /**
   * Handles the end of the wait. The deadline has been removed from the list.
   * @param stalledMs - milliseconds for which the event loop is known to have stalled during the wait; 0 if it did not.
   */
  abstract onDue(durationMs: number, stalledMs: number): void;
}

/** Options of a `DeadlineList`. */
export interface DeadlineListOptions {
  /**
   * Whether the timer keeps the process alive while a deadline is in the list. If false, it does so only while a
   * deadline is held. Set it to false for waits that only sometimes block a promise, such as the time limit of a body
   * that may never be read.
   * @defaultValue true
   */
  readonly keepsAlive?: boolean;
  /** Whether deadlines are extended by the time for which the event loop has stalled. @defaultValue true */
  readonly compensatesStalls?: boolean;
}

/**
 * Any number of deadlines with the same duration under one timer. Since all last equally long, they end in the order in
 * which they were added: the list is always sorted, adding and removing are O(1), and only the first deadline needs a
 * timer.
 *
 * The timer keeps the process alive while a deadline is in the list. When the list becomes empty, the timer is cleared.
 * If the list is used repeatedly, the timer instead stays armed without keeping the process alive, where the platform
 * supports this, and fires without effect. Setting and clearing a timer for each call costs 600 ns in Node, as much as
 * everything else about a timeout.
 *
 * When the timer fires late because the event loop was blocked, a response may already be in a socket's buffer. Before
 * the deadlines end, the event loop polls for I/O once more, so that such a response can remove its deadline. If the
 * timer is late by more than `STALL_MS` and `STALL_SHARE`, no deadline in the list has had its full time: each is
 * extended by the missed time, once, and to at most one duration from now. This is O(n) per stall. If the timer is late
 * by more than a minute, the machine was suspended, its connections are lost, and the deadlines end.
 *
 * Where timers belong to requests, each deadline has a timer of its own: a shared one would end with its request.
 */
export class DeadlineList {
  readonly clock: Clock;
  readonly durationMs: number;
  #head: Deadline | undefined = undefined;
  #tail: Deadline | undefined = undefined;
  #timer: unknown = undefined;
  /** When the timer must fire, and its delay when it was armed. */
  #timerDue = 0;
  #timerDelayMs = 0;
  #polling = false;
  #isUsedAgain = false;
  #armedBy: unknown = undefined;
  readonly #keepsAlive: boolean;
  readonly #compensatesStalls: boolean;
  /** The number of held deadlines. */
  #held = 0;

  constructor(clock: Clock, durationMs: number, options: DeadlineListOptions = {}) {
    this.clock = clock;
    this.durationMs = durationMs;
    this.#keepsAlive = options.keepsAlive ?? true;
    this.#compensatesStalls = options.compensatesStalls ?? true;
  }

  /**
   * Adds a deadline. O(1).
   *
   * @param now - the time of the list's clock, if the caller has already read it.
   */
  add(deadline: Deadline, now: number = this.clock.now()): void {
    deadline.due = now + this.durationMs;
    deadline.list = this;
    deadline.sooner = this.#tail;
    if (this.#tail === undefined) this.#head = deadline;
    else this.#tail.later = deadline;
    this.#tail = deadline;
    if (timersBelongToRequests) this.#armAlone(deadline);
    else if (this.#timer === undefined) {
      if (!this.#polling) this.#arm(deadline.due, this.durationMs);
    } else if (this.#armedBy !== globalThis.setTimeout) this.#replaceTimer(now);
    else if (this.#head === deadline && this.#keepsAlive) (this.#timer as TimerHandle).ref?.();
  }

  /** Removes a deadline. Has no effect if it is not in this list. O(1). */
  remove(deadline: Deadline): void {
    if (deadline.list !== this) return;
    if (!this.#keepsAlive) this.release(deadline);
    deadline.list = undefined;
    const { sooner, later } = deadline;
    if (sooner === undefined) this.#head = later;
    else sooner.later = later;
    if (later === undefined) this.#tail = sooner;
    else later.sooner = sooner;
    deadline.sooner = undefined;
    deadline.later = undefined;
    if (deadline.ownTimer !== undefined) this.clock.clearTimeout(deadline.ownTimer);
    if (this.#head === undefined && this.#timer !== undefined) this.#onEmpty(this.#timer as TimerHandle);
  }

  /**
   * Keeps the process alive for a deadline of this list until `release`, or until the deadline is removed or due. Only
   * for a list with `keepsAlive: false`. O(1); a second call has no effect.
   */
  hold(deadline: Deadline): void {
    if (deadline.list !== this || deadline.isHeld) return;
    deadline.isHeld = true;
    this.#held++;
    if (this.#held === 1) (this.#timer as TimerHandle | undefined)?.ref?.();
  }

  /** Ends a `hold`. Has no effect without one. */
  release(deadline: Deadline): void {
    if (deadline.list !== this || !deadline.isHeld) return;
    deadline.isHeld = false;
    this.#held--;
    if (this.#held === 0) (this.#timer as TimerHandle | undefined)?.unref?.();
  }

  /** Handles an empty list: keeps the timer armed for reuse, or clears it. */
  #onEmpty(timer: TimerHandle): void {
    if (this.#isUsedAgain && this.durationMs <= MAX_IDLE_TIMER_MS && timer.unref !== undefined) timer.unref();
    else {
      this.clock.clearTimeout(timer);
      this.#timer = undefined;
    }
    this.#isUsedAgain = true;
  }

  #armAlone(deadline: Deadline): void {
    deadline.ownTimer = this.clock.setTimeout(() => {
      if (deadline.list !== this) return;
      this.remove(deadline);
      deadline.onDue(this.durationMs, 0);
    }, this.durationMs);
  }

  #arm(due: number, delayMs: number): void {
    this.#armedBy = globalThis.setTimeout;
    this.#timerDue = due;
    this.#timerDelayMs = delayMs;
    this.#timer = this.clock.setTimeout(this.#onTimer, delayMs);
    if (!this.#keepsAlive && this.#held === 0) (this.#timer as TimerHandle).unref?.();
  }

  /** Arms a new timer, since fake timers have been installed or removed and the old timer may never fire. */
  #replaceTimer(now: number): void {
    this.clock.clearTimeout(this.#timer);
    const { due } = this.#head as Deadline;
    this.#arm(due, Math.min(Math.max(0, due - now), this.durationMs)); // the new clock may have a different zero
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#head === undefined) return;
    const now = this.clock.now();
    const lateMs = now - this.#timerDue;
    if (lateMs <= LATE_MS || !showsStalls(this.clock)) {
      const isAccepted = lateMs < 0 && !isEarly(-lateMs, this.#timerDelayMs, this.#armedBy);
      this.#expire(isAccepted ? this.#timerDue : now);
      return;
    }
    if (lateMs > STALL_MS && lateMs > this.durationMs * STALL_SHARE) this.#onStall(lateMs, now);
    if (this.#head.due > now) {
      this.#arm(this.#head.due, this.#head.due - now);
      return;
    }
    this.#polling = true;
    afterNextPoll(this.clock, () => {
      this.#polling = false;
      this.#expire(this.clock.now());
    });
  };

  /**
   * Extends the deadlines that have not been extended yet. The list remains sorted: the extended ones are at its front,
   * and none passes the tail.
   */
  #onStall(stalledMs: number, now: number): void {
    for (let deadline = this.#head; deadline !== undefined; deadline = deadline.later) {
      if (deadline.stalledMs !== undefined) continue;
      deadline.stalledMs = stalledMs;
      if (this.#compensatesStalls && stalledMs <= SUSPEND_MS) {
        deadline.due = Math.min(Math.max(deadline.due, now) + stalledMs, now + this.durationMs);
      }
    }
  }

  #expire(now: number): void {
    // `onDue` runs other code, which may add and remove deadlines: the head is read on each iteration.
    while (this.#head !== undefined && this.#head.due <= now) {
      const deadline: Deadline = this.#head;
      this.remove(deadline);
      deadline.onDue(this.durationMs, deadline.stalledMs ?? 0);
    }
    if (this.#head !== undefined && this.#timer === undefined) this.#arm(this.#head.due, this.#head.due - now);
  }
}
