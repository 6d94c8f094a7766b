import { AbortScope } from './abort-scope.js';
import { type Context, type Frame, invoke, type Next } from './context.js';
import type { Deadline, DeadlineList } from './deadline-list.js';
import { TimeoutError } from './errors.js';
import { leave } from './frame.js';

/** What a time limit belongs to. */
interface TimeoutOwner {
  readonly name: string;
  /** A call has run out of time. */
  onTimeout?(): void;
}

/**
 * A scope that may last only as long as the list says. It is its own node in the list of deadlines, and its own frame. Only
 * a call that our own timer has ended rejects with a `TimeoutError` of ours: an abort from outside keeps its own reason.
 */
export class TimedScope extends AbortScope implements Deadline, Frame {
  readonly outer: Frame | undefined;
  readonly inside: Context;
  readonly #outside: Context;
  readonly #owner: TimeoutOwner;
  /** Set once its own time is up. */
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
    if (this.reason !== undefined) return; // aborted from outside a moment ago
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
    this.#owner.onTimeout?.();
    return this.#error;
  }
}

/** Goes on to `next` for as long as the list says. */
export function runTimed(next: Next, context: Context, list: DeadlineList, owner: TimeoutOwner): Promise<unknown> {
  const frame = new TimedScope(context, undefined, list, owner);
  return leave(frame, invoke(next, frame.inside));
}
