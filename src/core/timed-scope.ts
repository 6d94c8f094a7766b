import { AbortScope } from './abort-scope.js';
import { type Context, type Frame, invoke, type Next } from './context.js';
import type { Deadline, DeadlineList } from './deadline-list.js';
import { TimeoutError } from './errors.js';
import { leave } from './frame.js';

/** The policy that a time limit belongs to. */
interface TimeoutOwner {
  readonly name: string;
  /** Notifies the owner that a call has timed out. */
  onTimeout?(context: Context, timeoutMs: number): void;
}

/**
 * An abort scope that ends after the duration of the list. It is its own deadline in the list, and its own frame. Only
 * a call that was ended by this timer rejects with this scope's `TimeoutError`: after an abort from outside, the abort
 * reason is kept.
 */
export class TimedScope extends AbortScope implements Deadline, Frame {
  readonly outer: Frame | undefined;
  readonly inside: Context;
  readonly #outside: Context;
  readonly #owner: TimeoutOwner;
  /** The error of this timeout; set when the time has passed. */
  #error: TimeoutError | undefined;
  due: number;
  sooner: Deadline | undefined;
  later: Deadline | undefined;
  list: DeadlineList | undefined;

  constructor(outside: Context, outer: Frame | undefined, list: DeadlineList, owner: TimeoutOwner) {
    super(outside.scope);
    const now = list.clock.now();
    this.outer = outer;
    this.inside = outside.within(this, outside.attempt, now + list.durationMs);
    this.#outside = outside;
    this.#owner = owner;
    this.#error = undefined;
    this.due = 0;
    this.sooner = undefined;
    this.later = undefined;
    this.list = undefined;
    list.add(this, now);
  }

  onDue(timeoutMs: number, stalledMs: number): void {
    if (this.reason !== undefined) return; // already aborted from outside
    this.#error = new TimeoutError({ policy: this.#owner.name, timeoutMs, stalledMs });
    this.abort(this.#error);
  }

  override leave(): void {
    this.list?.remove(this);
    super.leave();
  }

  onValue(): void {
    this.leave();
  }

  onError(error: unknown): unknown {
    this.leave();
    if (this.#error === undefined || this.#outside.aborted) return error;
    this.#owner.onTimeout?.(this.#outside, this.#error.timeoutMs);
    return this.#error;
  }
}

/** Runs `next`, and aborts it when the duration of the deadline list is over. */
export function runTimed(next: Next, context: Context, list: DeadlineList, owner: TimeoutOwner): Promise<unknown> {
  const frame = new TimedScope(context, undefined, list, owner);
  return leave(frame, invoke(next, frame.inside));
}
