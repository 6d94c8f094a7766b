import { AbortScope } from './abort-scope.js';
import { begin, type Context, type Next } from './context.js';
import type { Deadline, DeadlineList } from './deadline-list.js';
import { TimeoutError } from './errors.js';

/** A scope that may last only so long. It is its own node in the list of deadlines. */
class TimedScope extends AbortScope implements Deadline {
  readonly #owner: string;
  /** Set once its own time is up. */
  error: TimeoutError | undefined;
  due: number;
  sooner: Deadline | undefined;
  later: Deadline | undefined;
  list: DeadlineList | undefined;

  constructor(outer: AbortScope | undefined, list: DeadlineList, owner: string, now: number) {
    super(outer);
    this.#owner = owner;
    this.error = undefined;
    this.due = 0;
    this.sooner = undefined;
    this.later = undefined;
    this.list = undefined;
    list.add(this, now);
  }

  onDue(timeoutMs: number, stalledMs: number): void {
    if (this.reason !== undefined) return; // aborted from outside a moment ago
    this.error = new TimeoutError({ policy: this.#owner, timeoutMs, stalledMs });
    this.abort(this.error);
  }

  override leave(): void {
    this.list?.remove(this);
    super.leave();
  }
}

/**
 * Goes on to `next` for as long as the list says. Only a call that our own timer has ended rejects with a `TimeoutError`
 * of ours: an abort from outside keeps its own reason.
 */
export function runTimed(
  next: Next,
  context: Context,
  list: DeadlineList,
  owner: string,
  onTimeout?: () => void,
): Promise<unknown> {
  const now = list.clock.now();
  const scope = new TimedScope(context.scope, list, owner, now);
  const inner = context.within(scope, context.attempt, now + list.durationMs);
  return begin(next, inner).then(
    (value) => {
      scope.leave();
      return value;
    },
    (error) => {
      scope.leave();
      if (scope.error === undefined || context.aborted) throw error;
      onTimeout?.();
      throw scope.error;
    },
  );
}
