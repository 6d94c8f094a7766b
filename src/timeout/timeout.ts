import { type Clock, checkClock } from '../core/clock.js';
import { asContext, type Next, type PolicyContext } from '../core/context.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { runTimed } from '../core/timed-scope.js';

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
    if (this.#deadlines.durationMs === Infinity) return next(context);
    return runTimed(next, asContext(context), this.#deadlines, this.name, this.#onTimeout);
  }

  readonly #onTimeout = (): void => {
    if (this.#events.has('timeout')) this.#events.emit('timeout', { timeoutMs: this.#deadlines.durationMs });
  };
}
