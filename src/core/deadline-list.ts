import { afterNextPoll, type Clock, type TimerHandle } from './clock.js';

/** Later than this, a timer was held up by our own event loop rather than by the platform's rounding. */
const STALL_MS = 2;

/** A timer that rests holds on to its list for so long at most. */
const LONGEST_REST_MS = 60_000;

/** A wait that ends at `due` unless it is removed before. It is its own node in the list: nothing else is allocated. */
export abstract class Deadline {
  due = 0;
  /** The list it waits in now. */
  list: DeadlineList | undefined = undefined;
  sooner: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;
  /** Whether its list is to keep the process alive for it; kept by `hold` and `release`. */
  declare isHeld?: boolean;

  /** It is in the list no more. */
  abstract onDue(durationMs: number): void;
}

export interface DeadlineListOptions {
  /**
   * Whether the timer keeps the process alive while a deadline is in the list. If not, it does so only while a deadline is
   * held: for waits on which a promise depends some of the time, such as a body that may be read or not. @defaultValue true
   */
  readonly keepsAlive?: boolean;
}

/**
 * Many waits of one duration under one timer. As all last equally long they end in the order they began, so the list is
 * sorted by itself: adding and removing are O(1), and only its head needs a timer.
 *
 * The timer keeps the process alive while somebody waits. When nobody does any more it is cleared; but a list that is
 * used again and again lets it ring once in vain instead, without keeping the process alive, where the platform can do
 * that. Setting and clearing a timer for each call costs 600 ns in Node, as much as everything else about a timeout.
 *
 * When the timer rings late because the event loop was blocked, an answer may already lie in a socket's buffer. The
 * waits get one turn of polling to be removed by it before they are told that their time is up.
 */
export class DeadlineList {
  readonly clock: Clock;
  readonly durationMs: number;
  #head: Deadline | undefined = undefined;
  #tail: Deadline | undefined = undefined;
  #timer: unknown = undefined;
  #polling = false;
  #isUsedAgain = false;
  #armedBy: unknown = undefined;
  readonly #keepsAlive: boolean;
  /** How many deadlines are held. */
  #held = 0;

  constructor(clock: Clock, durationMs: number, { keepsAlive = true }: DeadlineListOptions = {}) {
    this.clock = clock;
    this.durationMs = durationMs;
    this.#keepsAlive = keepsAlive;
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
      if (!this.#polling) this.#arm(this.durationMs);
    } else if (this.#head === deadline) this.#wake(this.#timer as TimerHandle);
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

  #wake(timer: TimerHandle): void {
    if (this.#armedBy === globalThis.setTimeout) {
      if (this.#keepsAlive) timer.ref?.();
    } else {
      // Somebody has put fake timers in place, or taken them away, and this one may never ring.
      this.clock.clearTimeout(timer);
      this.#arm(this.durationMs);
    }
  }

  #rest(timer: TimerHandle): void {
    if (this.#isUsedAgain && this.durationMs <= LONGEST_REST_MS && timer.unref !== undefined) timer.unref();
    else {
      this.clock.clearTimeout(timer);
      this.#timer = undefined;
    }
    this.#isUsedAgain = true;
  }

  #arm(ms: number): void {
    this.#armedBy = globalThis.setTimeout;
    this.#timer = this.clock.setTimeout(this.#onTimer, ms);
    if (!this.#keepsAlive && this.#held === 0) (this.#timer as TimerHandle).unref?.();
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#head === undefined) return;
    if (this.clock.now() - this.#head.due > STALL_MS) {
      this.#polling = true;
      afterNextPoll(this.#expire);
    } else this.#expire();
  };

  readonly #expire = (): void => {
    this.#polling = false;
    const now = this.clock.now();
    // onDue runs other people's code, which may add and remove: look at the head anew each time.
    while (this.#head !== undefined && this.#head.due <= now) {
      const deadline: Deadline = this.#head;
      this.remove(deadline);
      deadline.onDue(this.durationMs);
    }
    if (this.#head !== undefined && this.#timer === undefined) this.#arm(this.#head.due - now);
  };
}
