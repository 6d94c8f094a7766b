import type { Clock } from '../core/clock.js';
import type { Outcome } from '../core/outcome.js';
import { type CircuitRules, openForMs, openingDelayMs } from './circuit-rules.js';
import { type CircuitState, TransitionNotifier, type TransitionReason } from './transition-notifier.js';
import { type CallWindow, countWindow, DurationWindow } from './windows.js';

/** How a call that was let in has ended, as far as health is concerned. */
export type Health = 'success' | 'failure' | 'ignore';

/** The right of one call to pass, and to tell how it went. A lease of a state that has passed tells nobody anything. */
export interface Lease {
  /** @param outcome - what to blame, unless it was a success. */
  settle(health: Health, slow: boolean, outcome: Outcome): void;
}

export abstract class State {
  abstract readonly name: CircuitState;
  protected readonly circuit: CircuitStateMachine;

  constructor(circuit: CircuitStateMachine) {
    this.circuit = circuit;
  }

  /** Lets a call in, or does not. */
  abstract admit(now: number): Lease | undefined;

  /** When a refused call may come back. */
  retryAfterMs(_now: number): number {
    return 0;
  }

  /** What time alone has made of this state by `now`. */
  next(_now: number): { readonly state: State; readonly reason: TransitionReason } | undefined {
    return undefined;
  }

  /** The same state after it was covered by another one for so long. */
  resumed(_coveredMs: number): State {
    return this;
  }
}

/** Lets everybody in, and counts. It is its own lease. */
export class Closed extends State implements Lease {
  #failuresInARow = 0;
  #onValue: (<T>(value: T) => T) | undefined = undefined;

  /** A getter, since each breaker of a family has a closed state: a field would cost each of them 8 bytes. */
  get name(): 'closed' {
    return 'closed';
  }

  admit(): Lease {
    return this;
  }

  settle(health: Health, slow: boolean, outcome: Outcome): void {
    const { circuit } = this;
    if (circuit.current !== this || health === 'ignore') return;
    const failed = health === 'failure';
    this.#failuresInARow = failed ? this.#failuresInARow + 1 : 0;
    if (failed) circuit.lastFailure = outcome.ok ? undefined : outcome.error;
    if (failed || slow || circuit.window.needsReading()) circuit.window.advance(circuit.clock.now());
    circuit.window.record(failed, slow);
    if (this.#verdict() !== undefined) this.#open(outcome);
  }

  /** Never opens on counts as of an earlier reading: what they say may have left the window since. */
  #open(outcome: Outcome): void {
    const { circuit } = this;
    const now = circuit.clock.now();
    circuit.window.advance(now);
    const reason = this.#verdict();
    if (reason !== undefined) circuit.enter(circuit.opened(outcome, now), reason);
  }

  /** What a call that was let in passes its value through, if all values are good. Made on first use, for all of them. */
  get onValue(): <T>(value: T) => T {
    this.#onValue ??= (value) => {
      this.settle('success', false, SUCCESS);
      return value;
    };
    return this.#onValue;
  }

  /** Asked after successes too: a slow one may be one too many. */
  #verdict(): TransitionReason | undefined {
    const { rules, window } = this.circuit;
    if (this.#failuresInARow >= rules.consecutiveFailures) return 'consecutive-failures';
    const { calls } = window;
    if (calls < rules.minimumCalls) return undefined;
    if (window.failures / calls >= rules.failureRateThreshold) return 'failure-rate';
    if (window.slow / calls >= rules.slowCallRateThreshold) return 'slow-call-rate';
    return undefined;
  }
}

/** Lets nobody in until its time has passed. */
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

/** Lets a few in, one lease each, and decides by them: as soon as the verdict is certain, and no later. */
export class HalfOpen extends State {
  readonly name = 'half-open';
  readonly #probes: Probe[] = [];
  #successes = 0;
  #failures = 0;
  #ignoredInARow = 0;

  admit(now: number): Lease | undefined {
    if (!this.#hasPlace()) return undefined;
    const probe = new Probe(this, now + this.circuit.rules.probeTimeoutMs);
    this.#probes.push(probe);
    return probe;
  }

  /** By then a probe has come back or its lease has run out. */
  override retryAfterMs(now: number): number {
    const [oldest] = this.#probes;
    return oldest === undefined || this.#hasPlace() ? 0 : Math.max(0, oldest.expiresAt - now);
  }

  #hasPlace(): boolean {
    const { probes } = this.circuit.rules;
    // Probes that only ever tell nothing would let a crowd in, a few at a time: one at a time will do for those.
    return this.#probes.length < (this.#ignoredInARow >= probes ? 1 : probes);
  }

  settle(probe: Probe, health: Health, slow: boolean, outcome: Outcome): void {
    const { circuit } = this;
    const now = circuit.clock.now();
    circuit.advance(now); // its lease may have run out without anybody looking
    const index = this.#probes.indexOf(probe);
    if (index < 0 || circuit.current !== this) return; // its lease ran out, or the verdict has fallen
    this.#probes.splice(index, 1);
    this.#ignoredInARow = health === 'ignore' ? this.#ignoredInARow + 1 : 0;
    if (health === 'ignore') return;
    if (health === 'failure' || slow) {
      this.#failures++;
      circuit.lastFailure = outcome.ok ? undefined : outcome.error;
      if (this.#failures > circuit.rules.maxProbeFailures) circuit.enter(circuit.opened(outcome, now), 'probe-failed');
    } else {
      this.#successes++;
      if (this.#successes >= circuit.rules.probes) circuit.enter(circuit.closed(), 'probes-succeeded');
    }
  }

  /** Leases run out in the order they were given. */
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

/** In place of a failure that nobody knows. */
export const UNKNOWN: Outcome = { ok: false, error: undefined };

/** Of a call whose value does not matter any more. */
export const SUCCESS: Outcome = { ok: true, value: undefined };

/** For calls that are let through without being counted. */
export const UNCOUNTED: Lease = { settle() {} };

/**
 * The state machine of a breaker. Every state is an object of its own, made when it is entered and never used again once
 * it is left; what arrives late for it is dropped by comparing it with the present one. The one exception is a state
 * that was covered by `isolate` or `disable`, which comes back.
 *
 * Nothing ticks: `advance(now)` makes up for the time that has passed, as if there had been timers.
 */
export class CircuitStateMachine {
  rules: CircuitRules;
  readonly window: CallWindow;
  readonly clock: Clock;
  #notifier: TransitionNotifier | undefined = undefined;
  current: State;
  /** Openings since it was last closed. */
  openings = 0;
  /** The error that counted last; undefined if it was a bad value, which is its caller's. */
  lastFailure: unknown = undefined;
  /** What the backoff answered last. */
  #previousDelayMs: number | undefined = undefined;

  constructor(rules: CircuitRules, clock: Clock) {
    this.rules = rules;
    this.window = rules.windowMs < Infinity ? new DurationWindow(rules.windowMs) : countWindow(rules.windowCalls);
    this.clock = clock;
    this.current = new Closed(this);
  }

  /** Made for the first listener: most breakers of a family never have one. */
  get notifier(): TransitionNotifier {
    this.#notifier ??= new TransitionNotifier();
    return this.#notifier;
  }

  /** The events, if they have ever had a listener. */
  get events(): TransitionNotifier['events'] | undefined {
    return this.#notifier?.events;
  }

  /** The state at `now`. */
  advance(now: number): State {
    for (let next = this.current.next(now); next !== undefined; next = this.current.next(now)) {
      this.enter(next.state, next.reason);
    }
    return this.current;
  }

  enter(state: State, reason: TransitionReason): void {
    const from = this.current.name;
    this.current = state;
    const openForMs = state instanceof Open ? state.openForMs : 0;
    this.#notifier?.notify({ from, to: state.name, reason, openForMs });
  }

  /** A new state, closed, with everything forgotten. */
  closed(): Closed {
    this.window.clear();
    this.openings = 0;
    this.lastFailure = undefined;
    return new Closed(this);
  }

  /** A new state, open, for as long as the rules say. */
  opened(outcome: Outcome, now: number): Open {
    const previousDelayMs = this.openings === 0 ? undefined : this.#previousDelayMs;
    const delayMs = openingDelayMs(this.rules, this.openings + 1, previousDelayMs, outcome);
    const openMs = openForMs(this.rules, delayMs, outcome);
    this.#previousDelayMs = delayMs;
    this.openings++;
    return new Open(this, now + openMs, openMs);
  }
}
