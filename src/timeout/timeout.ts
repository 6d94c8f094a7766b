import { type Clock, checkClock } from '../core/clock.js';
import { begin, type ChildContext, type Next, type PolicyContext } from '../core/context.js';
import { Deadline, DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { TimeoutError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';

export interface TimeoutOptions {
  /** How long the inside may take. Above 0; `Infinity` arms nothing. */
  readonly duration: Duration;
  /** @defaultValue 'timeout' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

export interface TimeoutEvents {
  /** A call ran out of time. */
  timeout: { readonly timeoutMs: number };
}

export interface Timeout extends Policy, Observable<TimeoutEvents> {}

/**
 * Gives the inside so long and no longer: then its `signal` aborts with a `TimeoutError`, and the caller has that error
 * at once, even if the operation ignores the signal. What such an operation still brings is dropped without a sound.
 *
 * The `TimeoutError` is only for calls that our own timer ended: an abort from outside keeps its own reason. Timeouts
 * nest; the soonest wins. A timer that rings late because our own event loop was blocked lets an answer that has already
 * arrived win.
 *
 * O(1) a call. All running calls of one policy share one timer, armed while any of them runs.
 *
 * @throws InvalidOptionError for a duration that is none.
 * @example
 * ```ts
 * const soon = timeout('2s');
 * const response = await soon.execute(({ signal }) => fetch('https://example.com', { signal }));
 * ```
 */
export function timeout(options: Duration | TimeoutOptions): Timeout {
  return new TimeoutPolicy(typeof options === 'object' && options !== null ? options : { duration: options });
}

class TimeoutPolicy extends BasePolicy implements Timeout {
  readonly #deadlines: DeadlineList;
  readonly #events = new Emitter<TimeoutEvents>();

  constructor(options: TimeoutOptions) {
    const own = readOptions('timeout', options, { duration: undefined, name: 'timeout', clock: undefined });
    super(checkName('timeout', own.name), checkClock('timeout', own.clock));
    this.#deadlines = new DeadlineList(this.clock, toMs('timeout', 'duration', own.duration, { orInfinity: true }));
  }

  on<K extends keyof TimeoutEvents>(type: K, listener: (event: TimeoutEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: 'timeout', name: this.name, timeoutMs: this.#deadlines.durationMs };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    const timeoutMs = this.#deadlines.durationMs;
    if (timeoutMs === Infinity) return next(context);
    const now = this.clock.now();
    const child = context.derive({ deadline: now + timeoutMs });
    const call = new TimedCall(this.name, timeoutMs, child);
    this.#deadlines.add(call, now);
    return begin(next, child).then(
      (value) => {
        this.#end(call);
        return value;
      },
      (error) => {
        this.#end(call);
        const isOurs = call.error !== undefined && !context.aborted;
        if (isOurs && this.#events.has('timeout')) this.#events.emit('timeout', { timeoutMs });
        throw isOurs ? call.error : error;
      },
    );
  }

  #end(call: TimedCall): void {
    this.#deadlines.remove(call);
    call.child[Symbol.dispose]();
  }
}

class TimedCall extends Deadline {
  readonly child: ChildContext;
  readonly #name: string;
  readonly #timeoutMs: number;
  /** Set once time is up. */
  error: TimeoutError | undefined = undefined;

  constructor(name: string, timeoutMs: number, child: ChildContext) {
    super();
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    this.child = child;
  }

  onDue(): void {
    if (this.child.aborted) return; // by somebody outside, a moment ago
    this.error = new TimeoutError({ policy: this.#name, timeoutMs: this.#timeoutMs });
    this.child.abort(this.error);
  }
}
