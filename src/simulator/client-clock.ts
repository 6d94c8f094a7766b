import type { Clock } from '../core/clock.js';

/** A timer of a `ClientClock`. */
interface ClientTimer {
  readonly callback: () => void;
  /** The timer of the world's clock; undefined after it has fired or was cleared. */
  handle: unknown;
}

/**
 * The clock of clients whose event loop can be blocked: while it is, time passes in the world, but no callback of the
 * clients runs. When the loop continues, first the late timers fire, in order, and then the answers arrive that were
 * received meanwhile, as in Node.
 */
export class ClientClock implements Clock {
  readonly #clock: Clock & { afterPoll(callback: () => void): void };
  #isStalled = false;
  #lateTimers: ClientTimer[] = [];
  #lateAnswers: (() => void)[] = [];

  constructor(clock: Clock & { afterPoll(callback: () => void): void }) {
    this.#clock = clock;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer: ClientTimer = { callback, handle: undefined };
    timer.handle = this.#clock.setTimeout(() => this.#fire(timer), ms);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return;
    const timer = handle as ClientTimer;
    this.#clock.clearTimeout(timer.handle);
    timer.handle = undefined;
  }

  afterPoll(callback: () => void): void {
    this.#clock.afterPoll(callback);
  }

  /** Delivers something from outside, such as an answer. It waits while the event loop is blocked. */
  deliver(answer: () => void): void {
    if (this.#isStalled) this.#lateAnswers.push(answer);
    else answer();
  }

  block(): void {
    this.#isStalled = true;
  }

  unblock(): void {
    this.#isStalled = false;
    const [timers, answers] = [this.#lateTimers, this.#lateAnswers];
    this.#lateTimers = [];
    this.#lateAnswers = [];
    // Timers of their own, so that promises settle after each, and so that one may clear another.
    for (const timer of timers) timer.handle = this.#clock.setTimeout(() => this.#fire(timer), 0);
    for (const answer of answers) this.#clock.setTimeout(answer, 0);
  }

  #fire(timer: ClientTimer): void {
    if (this.#isStalled) {
      this.#lateTimers.push(timer);
      return;
    }
    timer.handle = undefined;
    timer.callback();
  }
}
