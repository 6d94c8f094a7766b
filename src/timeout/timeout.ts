import { BracketPolicy } from '../core/bracket-policy.js';
import { type Clock, checkClock } from '../core/clock.js';
import type { Context, Frame, Next } from '../core/context.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, readOptions } from '../core/options.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { TimedScope } from '../core/timed-scope.js';

/** The types of events. */
const EVENTS = ['timeout'] as const;

/** Options of `timeout`. */
export interface TimeoutOptions {
  /** The time that the operation and the inner policies may take: a duration above 0. `Infinity` means no timeout. */
  readonly duration: Duration;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'timeout' */
  readonly name?: string | undefined;
  /** The clock that measures the duration. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Events of a timeout. */
export interface TimeoutEvents {
  /** A call has timed out. */
  timeout: { readonly timeoutMs: number };
}

/** A timeout policy, as `timeout` creates it. */
export interface Timeout extends Policy, Observable<TimeoutEvents> {
  /**
   * Changes the duration for calls that begin from now on. Running calls keep theirs.
   * @throws InvalidOptionError for an invalid duration. The timeout is unchanged then.
   */
  reconfigure(options: Duration | Pick<TimeoutOptions, 'duration'>): void;
}

/**
 * Creates a policy that limits the duration of a call. When the time has passed, the `signal` of the call aborts with a
 * `TimeoutError`, and the caller receives that error immediately, even if the operation ignores the signal. A later
 * result or error of such an operation is dropped silently.
 *
 * Only a call that was ended by this timer rejects with its `TimeoutError`: after an abort from outside, the abort
 * reason is kept. Timeouts can be nested; the earliest one ends the call.
 *
 * A blocked event loop of this process is not a failure of the dependency. If the timer fires late, a response that has
 * already arrived wins. If the timer is late by more than 10 ms and by more than a tenth of the duration, each running
 * call is extended by the missed time, once, and to at most one duration after the end of the stall. If the timer is
 * late by more than a minute, the machine was suspended, and no call is extended. A call that times out after an
 * extension has a `TimeoutError` whose `stalledMs` is above 0: by default it may be retried like any timeout, but
 * circuit breakers and the load balancer's outlier detection do not count it. `context.deadline` does not change. An
 * outer timeout ends the call at its own time, and the `timeout` option of `execute` is never extended.
 *
 * O(1) per call, O(running calls) per stall. All running calls of one policy share one timer, which is armed while a
 * call is running.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const soon = timeout('2s');
 * const response = await soon.execute(({ signal }) => fetch('https://example.com', { signal }));
 * ```
 */
export function timeout(options: Duration | TimeoutOptions): Timeout {
  return new TimeoutPolicy(typeof options === 'object' && options !== null ? options : { duration: options });
}

/** How a timeout differs from the one that `timeout` creates. */
interface TimeoutVariant {
  /** Whether running calls are extended when the event loop was blocked. */
  readonly compensatesStalls: boolean;
  /** Called with the context of each call that has timed out. */
  readonly onTimeout?: ((timeoutMs: number, context: Context) => void) | undefined;
}

/** Creates a variant of a timeout, for the policies that are made of one. */
export function timeoutVariant(options: TimeoutOptions, variant: TimeoutVariant): Timeout {
  return new TimeoutPolicy(options, variant);
}

class TimeoutPolicy extends BracketPolicy implements Timeout {
  #deadlines: DeadlineList;
  readonly #events = new Emitter<TimeoutEvents>(EVENTS);
  readonly #variant: TimeoutVariant;

  constructor(options: TimeoutOptions, variant: TimeoutVariant = { compensatesStalls: true }) {
    const own = readOptions('timeout', options, { duration: undefined, name: 'timeout', clock: undefined });
    super(checkName('timeout', own.name), checkClock('timeout', own.clock));
    this.#variant = variant;
    this.#deadlines = this.#deadlinesOf(own.duration);
  }

  /** All calls of one duration are in one list. */
  #deadlinesOf(duration: Duration | undefined): DeadlineList {
    const durationMs = toMs('timeout', 'duration', duration, { orInfinity: true });
    return new DeadlineList(this.clock, durationMs, this.#variant);
  }

  reconfigure(options: Duration | Pick<TimeoutOptions, 'duration'>): void {
    const given = typeof options === 'object' && options !== null ? options : { duration: options };
    this.#deadlines = this.#deadlinesOf(readOptions('timeout', given, { duration: undefined }).duration);
  }

  on<K extends keyof TimeoutEvents>(type: K, listener: (event: TimeoutEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: 'timeout', name: this.name, timeoutMs: this.#deadlines.durationMs };
  }

  get isObserved(): boolean {
    return this.#variant.onTimeout !== undefined || this.#events.has('timeout');
  }

  enter(context: Context, outer: Frame | undefined): Frame | undefined {
    if (this.#deadlines.durationMs === Infinity) return undefined;
    return new TimedScope(context, outer, this.#deadlines, this);
  }

  /** Handles a call of a timeout of `Infinity`: passes the call through. */
  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    return next(context);
  }

  onTimeout(context: Context, timeoutMs: number): void {
    if (this.#events.has('timeout')) this.#events.emit('timeout', { timeoutMs });
    this.#variant.onTimeout?.(timeoutMs, context);
  }
}
