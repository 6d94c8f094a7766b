/// <reference lib="esnext.disposable" preserve="true" />
import { BracketPolicy } from '../core/bracket-policy.js';
import { checkClock } from '../core/clock.js';
import {
  asContext,
  type Context,
  detachedContext,
  type Frame,
  type Next,
  type PolicyContext,
  rejectNextMicrotask,
} from '../core/context.js';
import { CircuitOpenError, isStalledTimeout } from '../core/errors.js';
import type { Observable } from '../core/events.js';
import { checkName } from '../core/options.js';
import { defaultClassify, judge, type Outcome } from '../core/outcome.js';
import { type Permit, permit } from '../core/permit.js';
import type { BasePolicy, Policy, PolicyDescription } from '../core/policy.js';
import { ManualControl } from './manual-control.js';
import {
  areEqual,
  type CircuitBreakerChanges,
  type CircuitBreakerOptions,
  type CircuitSnapshot,
  changedRules,
  checkInitialState,
  checkRules,
  readCircuitBreakerOptions,
} from './options.js';
import { CircuitStateMachine, Closed, type Health, type Lease, UNCOUNTED, UNKNOWN } from './states.js';
import type { CircuitBreakerEvents, CircuitState } from './transition-notifier.js';

/** Statistics of a circuit breaker. */
export interface CircuitBreakerStats {
  /** The number of calls in the window. Ignored outcomes are not included. */
  readonly calls: number;
  /** The number of failed calls in the window. */
  readonly failures: number;
  /** The number of slow calls in the window. */
  readonly slow: number;
  /** `failures / calls`; 0 without calls. */
  readonly failureRate: number;
  /** `slow / calls`; 0 without calls. */
  readonly slowCallRate: number;
  /** Milliseconds until a rejected call may be admitted; 0 while calls are admitted, `Infinity` while isolated. */
  readonly retryAfterMs: number;
}

/** A circuit breaker, as `circuitBreaker` creates it. */
export interface CircuitBreaker extends Policy, Observable<CircuitBreakerEvents> {
  /** The current state. It is 'half-open' as soon as the open time has passed. */
  readonly state: CircuitState;
  /** Statistics of the current window. */
  readonly stats: CircuitBreakerStats;
  /**
   * Rejects every call until the result is disposed. When the last such object is disposed, the previous state
   * continues with its remaining time.
   */
  isolate(): Disposable;
  /**
   * Admits every call without counting it, until the result is disposed. Has no effect while the breaker is isolated.
   */
  disable(): Disposable;
  /** Opens the breaker manually. Has no effect if it is open. */
  trip(): void;
  /** Closes the breaker manually and clears its counts. */
  reset(): void;
  /**
   * Admits one operation that is not a function call, or returns undefined. Report its outcome with `release(outcome)`.
   */
  tryAcquire(): Permit | undefined;
  /**
   * Changes the given options; the others stay as they are. The breaker keeps its state and, unless `window` changes,
   * its counts. An open breaker keeps the time at which it admits probes.
   * @throws InvalidOptionError for invalid options. The breaker is unchanged then.
   */
  reconfigure(options: CircuitBreakerChanges): void;
  /** Returns the state as plain data, for `initialState`. */
  toJSON(): CircuitSnapshot;
}

/**
 * Creates a circuit breaker: it rejects calls to a failing dependency, and admits a few probes to find out when the
 * dependency has recovered. Use one for each dependency (Nygard, "Release It!"; the windows and rates are those of
 * resilience4j).
 *
 * ```
 *            rate of failures or slow calls too high, or too many in a row
 *   closed ────────────────────────────────────────────────────────────────▶ open
 *      ▲                                                                     │ ▲
 *      │ enough probes succeed                        the open time has passed │ │ a probe fails
 *      └──────────────────────────────── half-open ◀──────────────────────────┘─┘
 * ```
 *
 * Only results of the current state count: a late result of a call that was admitted before the breaker opened changes
 * nothing. An abort by the caller and rejections by other policies are not failures of the dependency. A `TimeoutError`
 * whose `stalledMs` is above 0 is not counted, regardless of `classify`, since this process's event loop was blocked; a
 * probe that ends with it makes room for another probe.
 *
 * All times are measured with the clock. `systemClock` does not advance while the machine is suspended: after a
 * suspension, an open breaker remains open for the rest of its time, and earlier calls are still in the window.
 *
 * A busy time window does not read the clock for each success. If a reading finds n calls in the window, up to n / 64
 * successes after it, and at most 15, count as of that reading. Failures and slow calls are always counted at their own
 * time.
 *
 * O(1) per call, no timer, `window.calls` bytes or ten buckets of memory.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const users = circuitBreaker({ name: 'users', failureRateThreshold: 0.3, openFor: '10s' });
 * users.on('stateChange', ({ from, to, reason }) => console.log(`users: ${from} → ${to} (${reason})`));
 * const response = await users.execute(({ signal }) => fetch('https://example.com/users', { signal }));
 * ```
 */
export function circuitBreaker(options?: CircuitBreakerOptions): CircuitBreaker {
  return new CircuitBreakerPolicy(options);
}

class CircuitBreakerPolicy extends BracketPolicy implements CircuitBreaker {
  readonly #circuit: CircuitStateMachine;
  #control: ManualControl | undefined = undefined;

  constructor(options?: CircuitBreakerOptions) {
    const owner = 'circuitBreaker';
    const own = readCircuitBreakerOptions(options);
    super(checkName(owner, own.name), checkClock(owner, own.clock));
    this.#circuit = new CircuitStateMachine(checkRules(own), this.clock);
    const initial = checkInitialState(own.initialState);
    if (initial !== 'closed') this.#manualControl.restore(initial);
  }

  on<K extends keyof CircuitBreakerEvents>(type: K, listener: (event: CircuitBreakerEvents[K]) => void): () => void {
    return this.#circuit.notifier.events.on(type, listener);
  }

  override shareRules(sibling: BasePolicy<unknown>): void {
    if (!(sibling instanceof CircuitBreakerPolicy)) return;
    const { rules } = sibling.#circuit;
    if (areEqual(this.#circuit.rules, rules)) this.#circuit.rules = rules;
  }

  describe(): PolicyDescription {
    return { kind: 'circuitBreaker', name: this.name, state: this.state };
  }

  /** Whether a listener of transitions may be notified when a call ends. Rejections are emitted when a call begins. */
  get isObserved(): boolean {
    return this.#circuit.events?.isObserved === true;
  }

  /** Runs a call. A breaker outside any bracket needs no frame: its value handler is the same for all calls. */
  override run(next: Next, context: PolicyContext): Promise<unknown> {
    const closed = this.#closedFor(context);
    if (closed === undefined) return this.runWithoutFrame(next, asContext(context));
    return next(context).then(closed.onValue, (error) => {
      this.fail(closed, error, context);
      throw error;
    });
  }

  enter(context: Context, outer: Frame | undefined): Frame | undefined {
    const closed = this.#closedFor(context);
    return closed && new CountedCall(context, outer, closed, this);
  }

  /**
   * Returns the closed state if a value needs no clock reading, and no other judgement than the default one: then a
   * success allocates nothing.
   */
  #closedFor(context: PolicyContext): Closed | undefined {
    const { current, rules } = this.#circuit;
    if (!(current instanceof Closed) || rules.slowCallMs < Infinity || context.aborted) return undefined;
    return (rules.classify ?? context.classify) === defaultClassify ? current : undefined;
  }

  /** Records the failure of a call that a closed breaker has admitted. */
  fail(closed: Closed, error: unknown, context: PolicyContext): void {
    this.#settle(closed, 0, { ok: false, error }, context);
  }

  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the abort reason; the operation does not start
    const startedAt = this.clock.now();
    const lease = this.#admit(startedAt);
    return lease === undefined
      ? rejectNextMicrotask(this.#openError(startedAt))
      : this.#runLeased(lease, startedAt, next, context);
  }

  async #runLeased(lease: Lease, startedAt: number, next: Next, context: PolicyContext): Promise<unknown> {
    let outcome: Outcome;
    try {
      outcome = { ok: true, value: await next(context) };
    } catch (error) {
      outcome = { ok: false, error };
    }
    this.#settle(lease, startedAt, outcome, context);
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  tryAcquire(): Permit | undefined {
    const startedAt = this.clock.now();
    const lease = this.#admit(startedAt);
    if (lease === undefined) return undefined;
    return permit((outcome) => {
      if (outcome === undefined) lease.settle('ignore', false, UNKNOWN);
      else this.#settle(lease, startedAt, outcome, detachedContext(this.clock));
    });
  }

  get state(): CircuitState {
    return this.#circuit.advance(this.clock.now()).name;
  }

  get stats(): CircuitBreakerStats {
    const now = this.clock.now();
    const state = this.#circuit.advance(now);
    this.#circuit.window.advance(now);
    const { calls, failures, slow } = this.#circuit.window;
    return {
      calls,
      failures,
      slow,
      failureRate: calls === 0 ? 0 : failures / calls,
      slowCallRate: calls === 0 ? 0 : slow / calls,
      retryAfterMs: state.retryAfterMs(now),
    };
  }

  /** Created on first use: in a family of thousands, most breakers never need it. */
  get #manualControl(): ManualControl {
    this.#control ??= new ManualControl(this.#circuit);
    return this.#control;
  }

  isolate(): Disposable {
    return this.#manualControl.isolate();
  }

  disable(): Disposable {
    return this.#manualControl.disable();
  }

  trip(): void {
    this.#manualControl.trip();
  }

  reset(): void {
    this.#manualControl.reset();
  }

  reconfigure(options: CircuitBreakerChanges): void {
    this.#circuit.reconfigure(changedRules(this.#circuit.rules, options));
  }

  toJSON(): CircuitSnapshot {
    return this.#manualControl.snapshot();
  }

  #admit(now: number): Lease | undefined {
    const state = this.#circuit.advance(now);
    const lease = state.admit(now);
    if (lease !== undefined) return lease;
    const { events, rules } = this.#circuit;
    if (events?.has('reject')) events.emit('reject', { state: state.name, retryAfterMs: state.retryAfterMs(now) });
    return rules.isObserving ? UNCOUNTED : undefined;
  }

  #openError(now: number): CircuitOpenError {
    const { name: policy } = this;
    const { current, lastFailure: cause } = this.#circuit;
    const retryAfterMs = current.retryAfterMs(now);
    return new CircuitOpenError(cause === undefined ? { policy, retryAfterMs } : { policy, retryAfterMs, cause });
  }

  /**
   * Settles a lease with the judged outcome. The lease is settled even if `classify` throws; the call then rejects with
   * that error.
   */
  #settle(lease: Lease, startedAt: number, outcome: Outcome, context: PolicyContext): void {
    const { slowCallMs } = this.#circuit.rules;
    const isSlow = slowCallMs < Infinity && this.clock.now() - startedAt >= slowCallMs;
    let health: Health = 'ignore';
    try {
      health = this.#health(outcome, context);
    } finally {
      lease.settle(health, isSlow, outcome);
    }
  }

  #health(outcome: Outcome, context: PolicyContext): Health {
    if (!outcome.ok && (context.aborted || isStalledTimeout(outcome.error))) return 'ignore';
    const verdict = judge('circuitBreaker', this.#circuit.rules.classify ?? context.classify, outcome, context);
    if (verdict === 'permanent') return 'failure';
    return verdict === 'throttled' ? 'success' : verdict;
  }
}

/** The frame of a call that a closed breaker has admitted. */
class CountedCall implements Frame {
  readonly inside: Context;
  readonly outer: Frame | undefined;
  readonly #closed: Closed;
  readonly #breaker: CircuitBreakerPolicy;

  constructor(context: Context, outer: Frame | undefined, closed: Closed, breaker: CircuitBreakerPolicy) {
    this.inside = context;
    this.outer = outer;
    this.#closed = closed;
    this.#breaker = breaker;
  }

  onValue(value: unknown): void {
    this.#closed.count(value);
  }

  onError(error: unknown): unknown {
    this.#breaker.fail(this.#closed, error, this.inside);
    return error;
  }
}
