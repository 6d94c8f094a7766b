import { BracketPolicy } from '../core/bracket-policy.js';
import { type Clock, checkClock } from '../core/clock.js';
import type { Context, Frame, Next } from '../core/context.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, readOptions } from '../core/options.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { TimedScope } from '../core/timed-scope.js';

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
 * nest; the soonest wins.
 *
 * A stall of our own event loop is not the dependency's failure. If the timer fires late, an answer that has already arrived
 * wins. If it is late by more than 10 ms and more than a tenth of the duration, each running call gets as much time again as
 * was missed: once, and at most the duration, counted from the end of the stall; none after more than a minute, since the machine was
 * suspended. A call that times out after that has a
 * `TimeoutError` whose `stalledMs` is above 0: by default it may be retried as any timeout, but circuit breakers and the
 * balancer's outlier detection do not count it. `context.deadline` remains as it was. A timeout
 * around this one ends the call when its own time is up, and the `timeout` option of `execute` is never prolonged.
 *
 * O(1) a call, O(running calls) for a stall. All running calls of one policy share one timer, armed while any of them runs.
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

/** A timeout for a whole call, which is never prolonged, however long the event loop was blocked. */
export function totalTimeout(options: TimeoutOptions): Timeout {
  return new TimeoutPolicy(options, false);
}

class TimeoutPolicy extends BracketPolicy implements Timeout {
  readonly #deadlines: DeadlineList;
  readonly #events = new Emitter<TimeoutEvents>();

  constructor(options: TimeoutOptions, compensatesStalls = true) {
    const own = readOptions('timeout', options, { duration: undefined, name: 'timeout', clock: undefined });
    super(checkName('timeout', own.name), checkClock('timeout', own.clock));
    const durationMs = toMs('timeout', 'duration', own.duration, { orInfinity: true });
    this.#deadlines = new DeadlineList(this.clock, durationMs, { compensatesStalls });
  }

  on<K extends keyof TimeoutEvents>(type: K, listener: (event: TimeoutEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: 'timeout', name: this.name, timeoutMs: this.#deadlines.durationMs };
  }

  get isObserved(): boolean {
    return this.#events.has('timeout');
  }

  enter(context: Context, outer: Frame | undefined): Frame | undefined {
    if (this.#deadlines.durationMs === Infinity) return undefined;
    return new TimedScope(context, outer, this.#deadlines, this);
  }

  /** Without an end there is nothing to do. */
  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    return next(context);
  }

  onTimeout(): void {
    if (this.#events.has('timeout')) this.#events.emit('timeout', { timeoutMs: this.#deadlines.durationMs });
  }
}
