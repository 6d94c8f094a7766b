import { type Clock, isEarly, type TimerHandle } from './clock.js';
import { afterNextPoll, showsStalls } from './system-clock.js';

/** Later than this, a timer was held up by our own event loop rather than by the platform's rounding. */
const LATE_MS = 2;

/** A timer that is later than both of these, the share being one of its duration, shows that the event loop has stalled. */
const STALL_MS = 10;
const STALL_SHARE = 0.1;

/** A timer that is later than this was held up by a machine that was suspended: then no time is given back. */
const SUSPEND_MS = 60_000;

/** A timer that rests holds on to its list for so long at most. */
const LONGEST_REST_MS = 60_000;

/** One wait, which ends at `due` unless it is removed before. It is its own node in the list: nothing else is allocated. */
export abstract class Deadline {
  due = 0;
  /** The list it waits in now. */
  list: DeadlineList | undefined = undefined;
  sooner: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;
  /** Whether its list is to keep the process alive for it; kept by `hold` and `release`. */
  declare isHeld?: boolean;
  /** For how long the event loop stalled while it waited; unset if it did not. */
  declare stalledMs?: number;

  /**
   * It is in the list no more.
   * @param stalledMs - for how long the event loop is known to have stalled while it waited; 0 if it did not.
   */
  abstract onDue(durationMs: number, stalledMs: number): void;
}

export interface DeadlineListOptions {
  /**
   * Whether the timer keeps the process alive while a deadline is in the list. If not, it does so only while a deadline is
   * held: for waits on which a promise depends some of the time, such as a body that may be read or not. @defaultValue true
   */
  readonly keepsAlive?: boolean;
  /** Whether deadlines get back the time for which the event loop has stalled. @defaultValue true */
  readonly compensatesStalls?: boolean;
}

/**
 * Many waits of one duration under one timer. As all last equally long they end in the order they began, so the list is
 * sorted by itself: adding and removing are O(1), and only its head needs a timer.
 *
 * The timer keeps the process alive while a deadline waits. When none does any more it is cleared; but a list that is
 * used again and again lets it fire once in vain instead, without keeping the process alive, where the platform can do
 * that. Setting and clearing a timer for each call costs 600 ns in Node, as much as everything else about a timeout.
 *
 * When the timer fires late because the event loop was blocked, an answer may already lie in a socket's buffer. The
 * waits get one turn of polling to be removed by it before they end. When it is late by more than `STALL_MS` and
 * `STALL_SHARE`, no wait in the list has had the time that it was promised: each gets as much again as was missed, once, and
 * at most its duration from now. That is O(n) for each stall. After more than a minute the machine was suspended, and what
 * the waits wait for is gone: they end.
 */
export class DeadlineList {
  readonly clock: Clock;
  readonly durationMs: number;
  #head: Deadline | undefined = undefined;
  #tail: Deadline | undefined = undefined;
  #timer: unknown = undefined;
  /** When the timer is to fire, and what its delay was when it was armed. */
  #timerDue = 0;
  #timerDelayMs = 0;
  #polling = false;
  #isUsedAgain = false;
  #armedBy: unknown = undefined;
  readonly #keepsAlive: boolean;
  readonly #compensatesStalls: boolean;
  /** How many deadlines are held. */
  #held = 0;

  constructor(clock: Clock, durationMs: number, options: DeadlineListOptions = {}) {
    this.clock = clock;
    this.durationMs = durationMs;
    this.#keepsAlive = options.keepsAlive ?? true;
    this.#compensatesStalls = options.compensatesStalls ?? true;
  }

  /** @param now - what the clock says, if that was read already. */
  add(deadline: Deadline, now: number = this.clock.now()): void {
    deadline.due = now + this.durationMs;
    deadline.list = this;
    deadline.sooner = this.#tail;
    if (this.#tail === undefined) this.#head = deadline;
    else this.#tail.later = deadline;
    this.#tail = deadline;
    if (this.#timer === undefined) {
      if (!this.#polling) this.#arm(deadline.due, this.durationMs);
    } else if (this.#armedBy !== globalThis.setTimeout) this.#replaceTimer(now);
    else if (this.#head === deadline && this.#keepsAlive) (this.#timer as TimerHandle).ref?.();
  }

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
    if (this.#head === undefined && this.#timer !== undefined) this.#rest(this.#timer as TimerHandle);
  }

  /**
   * Keeps the process alive for a deadline in this list until `release`, or until it is removed or due. Only for a list that
   * does not do so anyway. O(1); a second call changes nothing.
   */
  hold(deadline: Deadline): void {
    if (deadline.list !== this || deadline.isHeld) return;
    deadline.isHeld = true;
    this.#held++;
    if (this.#held === 1) (this.#timer as TimerHandle | undefined)?.ref?.();
  }

  /** Ends a `hold`. Changes nothing if there is none. */
  release(deadline: Deadline): void {
    if (deadline.list !== this || !deadline.isHeld) return;
    deadline.isHeld = false;
    this.#held--;
    if (this.#held === 0) (this.#timer as TimerHandle | undefined)?.unref?.();
  }

  #rest(timer: TimerHandle): void {
    if (this.#isUsedAgain && this.durationMs <= LONGEST_REST_MS && timer.unref !== undefined) timer.unref();
    else {
      this.clock.clearTimeout(timer);
      this.#timer = undefined;
    }
    this.#isUsedAgain = true;
  }

  #arm(due: number, delayMs: number): void {
    this.#armedBy = globalThis.setTimeout;
    this.#timerDue = due;
    this.#timerDelayMs = delayMs;
    this.#timer = this.clock.setTimeout(this.#onTimer, delayMs);
    if (!this.#keepsAlive && this.#held === 0) (this.#timer as TimerHandle).unref?.();
  }

  /** Fake timers have been installed or removed, and the timer may never fire. */
  #replaceTimer(now: number): void {
    this.clock.clearTimeout(this.#timer);
    const { due } = this.#head as Deadline;
    this.#arm(due, Math.min(Math.max(0, due - now), this.durationMs)); // the clock may have got another zero
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#head === undefined) return;
    const now = this.clock.now();
    const lateMs = now - this.#timerDue;
    if (lateMs <= LATE_MS || !showsStalls(this.clock)) {
      const isBelieved = lateMs < 0 && !isEarly(-lateMs, this.#timerDelayMs, this.#armedBy);
      this.#expire(isBelieved ? this.#timerDue : now);
      return;
    }
    if (lateMs > STALL_MS && lateMs > this.durationMs * STALL_SHARE) this.#onStall(lateMs, now);
    if (this.#head.due > now) {
      this.#arm(this.#head.due, this.#head.due - now);
      return;
    }
    this.#polling = true;
    afterNextPoll(() => {
      this.#polling = false;
      this.#expire(this.clock.now());
    });
  };

  /** The list remains sorted: the deadlines that have had time back before are at its front, and none gets past the tail. */
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
    // onDue runs other code, which may add and remove: the head is looked up each time.
    while (this.#head !== undefined && this.#head.due <= now) {
      const deadline: Deadline = this.#head;
      this.remove(deadline);
      deadline.onDue(this.durationMs, deadline.stalledMs ?? 0);
    }
    if (this.#head !== undefined && this.#timer === undefined) this.#arm(this.#head.due, this.#head.due - now);
  }
}
