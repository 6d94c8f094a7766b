import type { Clock } from '../core/clock.js';
import { judgeValue, type Outcome } from '../core/outcome.js';
import { type CircuitRules, openForMs, openingDelayMs } from './circuit-rules.js';
import { type CircuitState, TransitionNotifier, type TransitionReason } from './transition-notifier.js';
import { type CallWindow, countWindow, DurationWindow } from './windows.js';

/** The result of an admitted call, as far as the health of the dependency is concerned. */
export type Health = 'success' | 'failure' | 'ignore';

/**
 * A lease: the right of one call to run and to report its result. A lease of a state that is no longer current has no
 * effect.
 */
export interface Lease {
  /**
   * Reports the result of the call.
   *
   * @param outcome - the outcome that caused the result; unused after a success.
   */
  settle(health: Health, slow: boolean, outcome: Outcome): void;
}

/** A state of the circuit breaker. */
export abstract class State {
  abstract readonly name: CircuitState;
  protected readonly circuit: CircuitStateMachine;

  constructor(circuit: CircuitStateMachine) {
    this.circuit = circuit;
  }

  /** Admits a call and returns its lease; returns undefined to reject the call. */
  abstract admit(now: number): Lease | undefined;

  /** Returns the milliseconds until a rejected call may be admitted. */
  retryAfterMs(_now: number): number {
    return 0;
  }

  /** Returns the transition that has become due by `now` without a call, if any. */
  next(_now: number): { readonly state: State; readonly reason: TransitionReason } | undefined {
    return undefined;
  }

  /** Returns the state that continues after another state has covered this one for `coveredMs` milliseconds. */
  resumed(_coveredMs: number): State {
    return this;
  }
}

/** A state that counts results, and opens the breaker when their rates are too high. */
abstract class Counting extends State {
  #failuresInARow: number;

  constructor(circuit: CircuitStateMachine, failuresInARow: number) {
    super(circuit);
    this.#failuresInARow = failuresInARow;
  }

  /** A getter, since each breaker of a family has a closed state: a field would cost each of them 8 bytes. */
  get name(): 'closed' {
    return 'closed';
  }

  protected get failuresInARow(): number {
    return this.#failuresInARow;
  }

  protected record(health: Health, slow: boolean, outcome: Outcome): void {
    const { circuit } = this;
    if (circuit.current !== this || health === 'ignore') return;
    const failed = health === 'failure';
    this.#failuresInARow = failed ? this.#failuresInARow + 1 : 0;
    if (failed) circuit.lastFailure = outcome.ok ? undefined : outcome.error;
    if (failed || slow || circuit.window.needsReading()) circuit.window.advance(circuit.clock.now());
    circuit.window.record(failed, slow);
    if (this.#tripReason() !== undefined) this.#open(outcome);
  }

  /**
   * Opens the breaker if the counts of now require it. The counts of an earlier clock reading may include calls that
   * have left the window since.
   */
  #open(outcome: Outcome): void {
    const { circuit } = this;
    const now = circuit.clock.now();
    circuit.window.advance(now);
    const reason = this.#tripReason();
    if (reason !== undefined) circuit.enter(circuit.opened(outcome, now), reason);
  }

  /** Returns the reason to open, if there is one. Also checked after a success, which may be slow. */
  #tripReason(): TransitionReason | undefined {
    const { rules, window } = this.circuit;
    if (this.#failuresInARow >= rules.consecutiveFailures) return 'consecutive-failures';
    const { calls } = window;
    if (calls < rules.minimumCalls) return undefined;
    if (window.failures / calls >= rules.failureRateThreshold) return 'failure-rate';
    if (window.slow / calls >= rules.slowCallRateThreshold) return 'slow-call-rate';
    return undefined;
  }
}

/** The closed state: admits every call and counts results. It is its own lease. */
export class Closed extends Counting implements Lease {
  #onValue: (<T>(value: T) => T) | undefined = undefined;

  constructor(circuit: CircuitStateMachine, failuresInARow = 0) {
    super(circuit, failuresInARow);
  }

  admit(): Lease {
    return this;
  }

  settle(health: Health, slow: boolean, outcome: Outcome): void {
    this.record(health, slow, outcome);
  }

  /** Counts a value under the default judgement. A success allocates nothing. */
  count(value: unknown): void {
    const verdict = judgeValue(value);
    if (verdict === 'success') this.record('success', false, SUCCESS);
    else this.record(verdict === 'throttled' ? 'success' : 'failure', false, { ok: true, value });
  }

  /**
   * A promise handler for calls under the default judgement: it counts the value and returns it. Created on first use,
   * for all calls.
   */
  get onValue(): <T>(value: T) => T {
    this.#onValue ??= (value) => {
      this.count(value);
      return value;
    };
    return this.#onValue;
  }
}

/**
 * The closed state for a time after the probes have succeeded: the number of calls at a time is limited, to the number
 * of probes at first, and to one more after each success, as in the slow start of TCP (RFC 5681). A dependency that has
 * just recovered is not hit by all callers at once.
 */
class Ramp extends Counting {
  readonly #until: number;
  #limit: number;
  #active = 0;
  /** The state that has replaced this one at the end of its time. */
  #successor: Closed | undefined = undefined;

  constructor(circuit: CircuitStateMachine, until: number) {
    super(circuit, 0);
    this.#until = until;
    this.#limit = circuit.rules.probes;
  }

  admit(now: number): Lease | undefined {
    if (now >= this.#until) return this.#end();
    if (this.#active >= this.#limit) return undefined;
    this.#active++;
    return {
      settle: (health, slow, outcome) => {
        this.#active--;
        if (health === 'success' && !slow) this.#limit++;
        if (this.#successor === undefined) this.record(health, slow, outcome);
        else this.#successor.settle(health, slow, outcome);
      },
    };
  }

  /** Becomes the closed state. The breaker was closed before: this is no transition. */
  #end(): Closed {
    this.#successor = new Closed(this.circuit, this.failuresInARow);
    this.circuit.current = this.#successor;
    return this.#successor;
  }

  override resumed(coveredMs: number): State {
    return new Ramp(this.circuit, this.#until + coveredMs);
  }
}

/** The open state: rejects every call until its time has passed. */
export class Open extends State {
  readonly name = 'open';
  readonly until: number;
  readonly openForMs: number;

  constructor(circuit: CircuitStateMachine, until: number, openForMs: number) {
    super(circuit);
    this.until = until;
    this.openForMs = openForMs;
  }

  admit(): undefined {
    return undefined;
  }

  override retryAfterMs(now: number): number {
    return Math.max(0, this.until - now);
  }

  override next(now: number) {
    if (now < this.until) return undefined;
    return { state: new HalfOpen(this.circuit), reason: 'open-time-passed' } as const;
  }

  override resumed(coveredMs: number): State {
    return new Open(this.circuit, this.until + coveredMs, this.openForMs);
  }
}

/** The half-open state: admits a few probes, one lease each, and changes the state as soon as their results decide. */
export class HalfOpen extends State {
  readonly name = 'half-open';
  readonly #probes: Probe[] = [];
  #successes = 0;
  #failures = 0;
  #ignoredInARow = 0;

  admit(now: number): Lease | undefined {
    if (!this.#canAdmit()) return undefined;
    const probe = new Probe(this, now + this.circuit.rules.probeTimeoutMs);
    this.#probes.push(probe);
    return probe;
  }

  /** Returns the milliseconds until the oldest probe's lease expires; 0 if a probe can be admitted. */
  override retryAfterMs(now: number): number {
    const [oldest] = this.#probes;
    return oldest === undefined || this.#canAdmit() ? 0 : Math.max(0, oldest.expiresAt - now);
  }

  #canAdmit(): boolean {
    const { probes } = this.circuit.rules;
    // If all recent probes were ignored, only one probe runs at a time. Otherwise a stream of ignored probes would let
    // many calls through.
    return this.#probes.length < (this.#ignoredInARow >= probes ? 1 : probes);
  }

  settle(probe: Probe, health: Health, slow: boolean, outcome: Outcome): void {
    const { circuit } = this;
    const now = circuit.clock.now();
    circuit.advance(now); // expires leases whose time has passed
    const index = this.#probes.indexOf(probe);
    if (index < 0 || circuit.current !== this) return; // the lease has expired, or the state has changed
    this.#probes.splice(index, 1);
    this.#ignoredInARow = health === 'ignore' ? this.#ignoredInARow + 1 : 0;
    if (health === 'ignore') return;
    if (health === 'failure' || slow) {
      this.#failures++;
      circuit.lastFailure = outcome.ok ? undefined : outcome.error;
      if (this.#failures > circuit.rules.maxProbeFailures) circuit.enter(circuit.opened(outcome, now), 'probe-failed');
    } else {
      this.#successes++;
      if (this.#successes >= circuit.rules.probes) circuit.enter(circuit.recovered(now), 'probes-succeeded');
    }
  }

  /** Counts probes whose lease has expired as failures. Leases expire in the order in which they were created. */
  override next(now: number) {
    for (let probe = this.#probes[0]; probe !== undefined && probe.expiresAt <= now; probe = this.#probes[0]) {
      this.#probes.shift();
      this.#failures++;
      if (this.#failures > this.circuit.rules.maxProbeFailures) {
        const outcome = { ok: false, error: this.circuit.lastFailure } as const;
        return { state: this.circuit.opened(outcome, probe.expiresAt), reason: 'probe-timeout' } as const;
      }
    }
    return undefined;
  }

  override resumed(): State {
    return new HalfOpen(this.circuit);
  }
}

/** The lease of a probe. */
class Probe implements Lease {
  readonly expiresAt: number;
  readonly #state: HalfOpen;

  constructor(state: HalfOpen, expiresAt: number) {
    this.#state = state;
    this.expiresAt = expiresAt;
  }

  settle(health: Health, slow: boolean, outcome: Outcome): void {
    this.#state.settle(this, health, slow, outcome);
  }
}

/** The outcome of an unknown failure. */
export const UNKNOWN: Outcome = { ok: false, error: undefined };

/** The outcome of a success whose value is not needed. */
const SUCCESS: Outcome = { ok: true, value: undefined };

/** The lease of calls that are admitted without being counted. */
export const UNCOUNTED: Lease = { settle() {} };

/**
 * The state machine of a circuit breaker. Each state is a new object, created when the state is entered and never
 * reused after it is left. A late result is dropped by comparing its state with the current one. The only exception is
 * a state that `isolate` or `disable` has covered: it becomes current again.
 *
 * There is no timer: `advance(now)` applies the transitions that have become due.
 */
export class CircuitStateMachine {
  rules: CircuitRules;
  window: CallWindow;
  readonly clock: Clock;
  #notifier: TransitionNotifier | undefined = undefined;
  current: State;
  /** The number of openings since the breaker was last closed. */
  openings = 0;
  /** The error of the last counted failure; undefined if it was a value, which belongs to its caller. */
  lastFailure: unknown = undefined;
  /** The last delay that the backoff returned, in milliseconds. */
  #previousDelayMs: number | undefined = undefined;

  constructor(rules: CircuitRules, clock: Clock) {
    this.rules = rules;
    this.window = windowOf(rules);
    this.clock = clock;
    this.current = new Closed(this);
  }

  /** Changes the rules. A window of another size is a new one, without calls. */
  reconfigure(rules: CircuitRules): void {
    const { windowMs, windowCalls } = this.rules;
    if (rules.windowMs !== windowMs || rules.windowCalls !== windowCalls) this.window = windowOf(rules);
    this.rules = rules;
  }

  /** Created for the first listener: in a family, most breakers never have one. */
  get notifier(): TransitionNotifier {
    this.#notifier ??= new TransitionNotifier();
    return this.#notifier;
  }

  /** The events; undefined if they have never had a listener. */
  get events(): TransitionNotifier['events'] | undefined {
    return this.#notifier?.events;
  }

  /** Applies the transitions that are due by `now`, and returns the current state. */
  advance(now: number): State {
    for (let next = this.current.next(now); next !== undefined; next = this.current.next(now)) {
      this.enter(next.state, next.reason);
    }
    return this.current;
  }

  /** Makes a state the current one and notifies listeners. */
  enter(state: State, reason: TransitionReason): void {
    const from = this.current.name;
    this.current = state;
    const openForMs = state instanceof Open ? state.openForMs : 0;
    this.#notifier?.notify({ from, to: state.name, reason, openForMs });
  }

  /** Returns a new closed state and clears all counts. */
  closed(): Closed {
    this.window.clear();
    this.openings = 0;
    this.lastFailure = undefined;
    return new Closed(this);
  }

  /** Returns the state that follows successful probes, and clears all counts. */
  recovered(now: number): State {
    const closed = this.closed();
    return this.rules.rampMs > 0 ? new Ramp(this, now + this.rules.rampMs) : closed;
  }

  /** Returns a new open state with the open time of the rules. */
  opened(outcome: Outcome, now: number): Open {
    const previousDelayMs = this.openings === 0 ? undefined : this.#previousDelayMs;
    const delayMs = openingDelayMs(this.rules, this.openings + 1, previousDelayMs, outcome);
    const openMs = openForMs(this.rules, delayMs, outcome);
    this.#previousDelayMs = delayMs;
    this.openings++;
    return new Open(this, now + openMs, openMs);
  }
}

function windowOf({ windowMs, windowCalls }: CircuitRules): CallWindow {
  return windowMs < Infinity ? new DurationWindow(windowMs) : countWindow(windowCalls);
}
