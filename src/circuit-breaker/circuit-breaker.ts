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
  type CircuitBreakerOptions,
  type CircuitSnapshot,
  checkInitialState,
  checkRules,
  readCircuitBreakerOptions,
} from './options.js';
import { CircuitStateMachine, Closed, type Health, type Lease, SUCCESS, UNCOUNTED, UNKNOWN } from './states.js';
import type { CircuitBreakerEvents, CircuitState } from './transition-notifier.js';

export interface CircuitBreakerStats {
  /** Calls in the window that count. */
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  /** `failures / calls`; 0 without calls. */
  readonly failureRate: number;
  readonly slowCallRate: number;
  /** When a refused call may come back; 0 while calls are let in. */
  readonly retryAfterMs: number;
}

export interface CircuitBreaker extends Policy, Observable<CircuitBreakerEvents> {
  /** Reads 'half-open' as soon as the open time has passed. */
  readonly state: CircuitState;
  readonly stats: CircuitBreakerStats;
  /** Refuses every call until disposed. The last one disposed gives back the state before, with its remaining time. */
  isolate(): Disposable;
  /** Lets every call through uncounted until disposed. An isolated breaker stays isolated. */
  disable(): Disposable;
  /** Opens it by hand. Nothing happens if it is open. */
  trip(): void;
  /** Closes it by hand, and forgets what it has counted. */
  reset(): void;
  /** For work that is no promise: the right to one call, or undefined. `release(outcome)` tells how it went. */
  tryAcquire(): Permit | undefined;
  /** Its state as plain data, for `initialState`. */
  toJSON(): CircuitSnapshot;
}

/**
 * Stops calling what keeps failing, and finds out with a few calls when it is well again.
 *
 * ```
 *            rate of failures or slow calls too high, or too many in a row
 *   closed ────────────────────────────────────────────────────────────────▶ open
 *      ▲                                                                     │ ▲
 *      │ enough probes succeed                        the open time has passed │ │ a probe fails
 *      └──────────────────────────────── half-open ◀──────────────────────────┘─┘
 * ```
 *
 * Only results of the present state count: one that comes late, from before the breaker opened, changes nothing. An
 * abort by the caller and refusals of our own are no failures of the dependency, and neither is a `TimeoutError` whose
 * `stalledMs` is above 0, since our own event loop was blocked meanwhile: whatever `classify` says, it is not counted, and a
 * probe that ends with it leaves its place to another. (Nygard, "Release It!"; the windows and rates are those of
 * resilience4j.)
 *
 * Its times are those of the clock. `systemClock` stands still while the machine is suspended: after that an open breaker
 * stays open for what was left of its time, and the calls from before are still in the window.
 *
 * A busy window of time does not read the clock for each success. If a reading finds n calls in the window, up to n / 64
 * successes after it, and at most 15, count as of that reading. Failures and slow calls are always counted at their own time.
 *
 * O(1) a call, no timer, `window.calls` bytes or ten buckets of memory.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  /** Whether a listener of transitions may hear of the end of a call; refusals are emitted as the call begins. */
  get isObserved(): boolean {
    return this.#circuit.events?.isObserved === true;
  }

  /** Alone it needs no frame: its handler of values is the same for all calls. */
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

  /** Closed, and nothing to be asked of a value or its duration: no clock is read, nothing is made for a success. */
  #closedFor(context: PolicyContext): Closed | undefined {
    const { current, rules } = this.#circuit;
    if (!(current instanceof Closed) || rules.slowCallMs < Infinity || context.aborted) return undefined;
    return (rules.classify ?? context.classify) === defaultClassify ? current : undefined;
  }

  /** A call that was let in by a closed breaker has failed. */
  fail(closed: Closed, error: unknown, context: PolicyContext): void {
    this.#settle(closed, 0, { ok: false, error }, context);
  }

  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the reason, and starts nothing
    const startedAt = this.clock.now();
    const lease = this.#admit(startedAt);
    return lease === undefined
      ? rejectNextMicrotask(this.#refusal(startedAt))
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

  /** Made when it is needed: most of a family of thousands never need it. */
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

  #refusal(now: number): CircuitOpenError {
    const { name: policy } = this;
    const { current, lastFailure: cause } = this.#circuit;
    const retryAfterMs = current.retryAfterMs(now);
    return new CircuitOpenError(cause === undefined ? { policy, retryAfterMs } : { policy, retryAfterMs, cause });
  }

  /** A lease is always given back, even when the judgement throws: that error is then the call's. */
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
    return verdict === 'permanent' ? 'failure' : verdict;
  }
}

/** A call that a closed breaker has let in. */
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

  onValue(): void {
    this.#closed.settle('success', false, SUCCESS);
  }

  onError(error: unknown): unknown {
    this.#breaker.fail(this.#closed, error, this.inside);
    return error;
  }
}
