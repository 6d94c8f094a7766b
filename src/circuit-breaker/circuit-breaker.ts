/// <reference lib="esnext.disposable" preserve="true" />
import { checkClock } from '../core/clock.js';
import { detachedContext, type Next, type PolicyContext, rejectSoon } from '../core/context.js';
import { toMs } from '../core/duration.js';
import { CircuitOpenError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, checkOneOf, checkOptionalFunction } from '../core/options.js';
import { type Classify, defaultClassify, judge, type Outcome } from '../core/outcome.js';
import { type Permit, permit } from '../core/permit.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { checkRandom } from '../core/random.js';
import {
  type CircuitBreakerOptions,
  type CircuitSnapshot,
  checkInitialState,
  checkRules,
  checkWindow,
  readCircuitBreakerOptions,
} from './options.js';
import {
  Circuit,
  type CircuitState,
  Closed,
  HalfOpen,
  type Health,
  type Lease,
  Open,
  Override,
  type State,
  type TransitionReason,
  UNCOUNTED,
} from './states.js';

export interface CircuitBreakerEvents {
  open: { readonly reason: TransitionReason; readonly openForMs: number };
  halfOpen: { readonly reason: TransitionReason };
  close: { readonly reason: TransitionReason };
  stateChange: { readonly from: CircuitState; readonly to: CircuitState; readonly reason: TransitionReason };
  /** A call was refused, or would have been in mode `observe`. */
  reject: { readonly state: CircuitState; readonly retryAfterMs: number };
}

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
 * abort by the caller and refusals of our own are no failures of the dependency. (Nygard, "Release It!"; the windows and
 * rates are those of resilience4j.)
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

class CircuitBreakerPolicy extends BasePolicy implements CircuitBreaker {
  readonly #circuit: Circuit;
  readonly #slowCallMs: number;
  readonly #observing: boolean;
  readonly #classify: Classify | undefined;
  readonly #events = new Emitter<CircuitBreakerEvents>();
  readonly #untold: Transition[] = [];
  #isolations = 0;
  #disablings = 0;
  /** The override that `initialState` asked for; only `reset` ends it. */
  #initialOverride: Disposable | undefined = undefined;

  constructor(options?: CircuitBreakerOptions) {
    const owner = 'circuitBreaker';
    const own = readCircuitBreakerOptions(options);
    super(checkName(owner, own.name), checkClock(owner, own.clock));
    const [window, windowCalls] = checkWindow(own.window);
    const rules = checkRules(own, windowCalls, checkRandom(owner, own.random));
    this.#circuit = new Circuit(rules, window, this.clock, (from, to, reason) => this.#report(from, to, reason));
    this.#slowCallMs =
      own.slowCallDuration === undefined ? Infinity : toMs(owner, 'slowCallDuration', own.slowCallDuration);
    this.#observing = checkOneOf(owner, 'mode', own.mode, ['enforce', 'observe']) === 'observe';
    this.#classify = checkOptionalFunction(owner, 'classify', own.classify);
    this.#restore(checkInitialState(own.initialState));
  }

  on<K extends keyof CircuitBreakerEvents>(type: K, listener: (event: CircuitBreakerEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: 'circuitBreaker', name: this.name, state: this.state };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the reason, and starts nothing
    const { current } = this.#circuit;
    const classify = this.#classify ?? context.classify;
    if (!(current instanceof Closed) || this.#slowCallMs < Infinity || classify !== defaultClassify) {
      return this.#runWatched(next, context);
    }
    // Closed, and nothing to be asked of a value or its duration: no clock is read, nothing is made for a success.
    return next(context).then(current.onValue, (error) => {
      this.#settle(current, 0, { ok: false, error }, context);
      throw error;
    });
  }

  #runWatched(next: Next, context: PolicyContext): Promise<unknown> {
    const startedAt = this.clock.now();
    const lease = this.#admit(startedAt);
    return lease === undefined
      ? rejectSoon(this.#refusal(startedAt))
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

  isolate(): Disposable {
    this.#isolations++;
    this.#override();
    return permit(() => {
      this.#isolations--;
      this.#override();
    });
  }

  disable(): Disposable {
    this.#disablings++;
    this.#override();
    return permit(() => {
      this.#disablings--;
      this.#override();
    });
  }

  trip(): void {
    const now = this.clock.now();
    if (this.#base(now).name !== 'open') this.#replace(this.#circuit.opened(UNKNOWN, now), 'tripped', now);
  }

  reset(): void {
    this.#initialOverride?.[Symbol.dispose]();
    this.#initialOverride = undefined;
    const now = this.clock.now();
    const wasClosed = this.#base(now).name === 'closed';
    const closed = this.#circuit.closed();
    // A closed one forgets what it has counted, which is no transition.
    if (wasClosed && this.#circuit.current.name === 'closed') this.#circuit.current = closed;
    else this.#replace(closed, 'reset', now);
  }

  toJSON(): CircuitSnapshot {
    const now = this.clock.now();
    const state = this.#base(now);
    const { current } = this.#circuit;
    const asOf = current instanceof Override ? current.since : now;
    return {
      state: state.name as CircuitSnapshot['state'],
      openings: this.#circuit.openings,
      remainingOpenMs: state instanceof Open ? state.retryAfterMs(asOf) : 0,
    };
  }

  #admit(now: number): Lease | undefined {
    const state = this.#circuit.advance(now);
    const lease = state.admit(now);
    if (lease !== undefined) return lease;
    if (this.#events.has('reject')) {
      this.#events.emit('reject', { state: state.name, retryAfterMs: state.retryAfterMs(now) });
    }
    return this.#observing ? UNCOUNTED : undefined;
  }

  #refusal(now: number): CircuitOpenError {
    const retryAfterMs = this.#circuit.current.retryAfterMs(now);
    const { lastFailure } = this.#circuit;
    const cause = lastFailure === undefined ? undefined : { cause: lastFailure };
    return new CircuitOpenError({ policy: this.name, retryAfterMs, ...cause });
  }

  /** A lease is always given back, even when the judgement throws: that error is then the call's. */
  #settle(lease: Lease, startedAt: number, outcome: Outcome, context: PolicyContext): void {
    const isSlow = this.#slowCallMs < Infinity && this.clock.now() - startedAt >= this.#slowCallMs;
    let health: Health = 'ignore';
    try {
      health = this.#health(outcome, context);
    } finally {
      lease.settle(health, isSlow, outcome);
    }
  }

  #health(outcome: Outcome, context: PolicyContext): Health {
    if (context.aborted && !outcome.ok) return 'ignore';
    const verdict = judge('circuitBreaker', this.#classify ?? context.classify, outcome, context);
    return verdict === 'permanent' ? 'failure' : verdict;
  }

  /** Covers and uncovers the state as the counts say; isolation is the stronger one. */
  #override(): void {
    const now = this.clock.now();
    const current = this.#circuit.advance(now);
    const base = this.#base(now);
    const since = current instanceof Override ? current.since : now;
    const wanted = this.#isolations > 0 ? 'isolated' : this.#disablings > 0 ? 'disabled' : undefined;
    if (wanted === current.name) return;
    if (wanted !== undefined) this.#circuit.enter(new Override(this.#circuit, wanted, base, since), wanted);
    else if (current instanceof Override) this.#circuit.enter(base.resumed(now - since), 'released');
  }

  /** By hand. Below an override nobody sees the change until that ends. */
  #replace(state: State, reason: TransitionReason, now: number): void {
    const { current } = this.#circuit;
    if (!(current instanceof Override)) this.#circuit.enter(state, reason);
    else this.#circuit.current = new Override(this.#circuit, current.name, state, now);
  }

  /** The state, or the one below an override. */
  #base(now: number): State {
    const current = this.#circuit.advance(now);
    return current instanceof Override ? current.covered : current;
  }

  #restore(initial: CircuitState | CircuitSnapshot): void {
    const circuit = this.#circuit;
    const now = this.clock.now();
    if (typeof initial === 'object') {
      circuit.openings = initial.openings;
      const { state, remainingOpenMs } = initial;
      if (state === 'open') circuit.current = new Open(circuit, now + remainingOpenMs, remainingOpenMs);
      if (state === 'half-open') circuit.current = new HalfOpen(circuit);
    } else if (initial === 'open') {
      circuit.current = circuit.opened(UNKNOWN, now);
    } else if (initial === 'half-open') {
      circuit.openings = 1;
      circuit.current = new HalfOpen(circuit);
    } else if (initial !== 'closed') {
      this.#initialOverride = initial === 'isolated' ? this.isolate() : this.disable();
    }
  }

  /** A listener may cause the next transition: that is told after this one, so that the last told is the present. */
  #report(from: CircuitState, to: State, reason: TransitionReason): void {
    this.#untold.push({ from, to, reason });
    if (this.#untold.length > 1) return;
    for (let next = this.#untold[0]; next !== undefined; next = this.#untold[0]) {
      this.#tell(next);
      this.#untold.shift();
    }
  }

  #tell({ from, to, reason }: Transition): void {
    const events = this.#events;
    if (to instanceof Open && events.has('open')) events.emit('open', { reason, openForMs: to.openForMs });
    if (to.name === 'half-open' && events.has('halfOpen')) events.emit('halfOpen', { reason });
    if (to.name === 'closed' && events.has('close')) events.emit('close', { reason });
    if (events.has('stateChange')) events.emit('stateChange', { from, to: to.name, reason });
  }
}

interface Transition {
  readonly from: CircuitState;
  readonly to: State;
  readonly reason: TransitionReason;
}

/** In place of a failure that nobody knows. */
const UNKNOWN: Outcome = { ok: false, error: undefined };
