/// <reference lib="esnext.disposable" preserve="true" />
import { permit } from '../core/permit.js';
import type { CircuitSnapshot } from './options.js';
import { type CircuitStateMachine, HalfOpen, type Lease, Open, State, UNCOUNTED, UNKNOWN } from './states.js';
import type { CircuitState } from './transition-notifier.js';

/** The manual control of a circuit breaker: everything that changes its state without a call, including a snapshot. */
export class ManualControl {
  readonly #circuit: CircuitStateMachine;
  /** The number of `isolate` calls whose result is not disposed yet. */
  #openIsolations = 0;
  /** The number of `disable` calls whose result is not disposed yet. */
  #openDisables = 0;
  /** The override that `initialState` requested; only `reset` ends it. */
  #initialOverride: Disposable | undefined = undefined;

  constructor(circuit: CircuitStateMachine) {
    this.#circuit = circuit;
  }

  isolate(): Disposable {
    this.#openIsolations++;
    this.#override();
    return permit(() => {
      this.#openIsolations--;
      this.#override();
    });
  }

  disable(): Disposable {
    this.#openDisables++;
    this.#override();
    return permit(() => {
      this.#openDisables--;
      this.#override();
    });
  }

  trip(): void {
    const now = this.#circuit.clock.now();
    if (this.#base(now).name !== 'open') this.#replace(this.#circuit.opened(UNKNOWN, now), 'tripped', now);
  }

  reset(): void {
    this.#initialOverride?.[Symbol.dispose]();
    this.#initialOverride = undefined;
    const circuit = this.#circuit;
    const now = circuit.clock.now();
    const { name } = circuit.advance(now);
    const closed = circuit.closed();
    // A closed breaker only clears its counts, which is not a transition.
    if (name === 'closed') circuit.current = closed;
    else this.#replace(closed, 'reset', now);
  }

  snapshot(): CircuitSnapshot {
    const now = this.#circuit.clock.now();
    const state = this.#base(now);
    const { current, openings } = this.#circuit;
    const asOf = current instanceof Override ? current.since : now;
    return {
      state: state.name as CircuitSnapshot['state'],
      openings,
      remainingOpenMs: state instanceof Open ? state.retryAfterMs(asOf) : 0,
    };
  }

  restore(initial: Exclude<CircuitState, 'closed'> | CircuitSnapshot): void {
    const circuit = this.#circuit;
    const now = circuit.clock.now();
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
    } else {
      this.#initialOverride = initial === 'isolated' ? this.isolate() : this.disable();
    }
  }

  /** Applies the override that the counts require. Isolation takes precedence over disabling. */
  #override(): void {
    const circuit = this.#circuit;
    const now = circuit.clock.now();
    const current = circuit.advance(now);
    const base = this.#base(now);
    const since = current instanceof Override ? current.since : now;
    const wanted = this.#openIsolations > 0 ? 'isolated' : this.#openDisables > 0 ? 'disabled' : undefined;
    if (wanted === current.name) return;
    if (wanted !== undefined) circuit.enter(new Override(circuit, wanted, base, since), wanted);
    else if (current instanceof Override) circuit.enter(base.resumed(now - since), 'released');
  }

  /** Replaces the state. Under an override the change becomes visible when the override ends. */
  #replace(state: State, reason: 'tripped' | 'reset', now: number): void {
    const { current } = this.#circuit;
    if (!(current instanceof Override)) this.#circuit.enter(state, reason);
    else this.#circuit.current = new Override(this.#circuit, current.name, state, now);
  }

  /** Returns the current state, or the state that an override covers. */
  #base(now: number): State {
    const current = this.#circuit.advance(now);
    return current instanceof Override ? current.covered : current;
  }
}

/**
 * A state that covers another one manually: `isolated` rejects every call, `disabled` admits every call. Neither counts
 * anything.
 */
class Override extends State {
  readonly name: 'isolated' | 'disabled';
  readonly covered: State;
  readonly since: number;

  constructor(circuit: CircuitStateMachine, name: 'isolated' | 'disabled', covered: State, since: number) {
    super(circuit);
    this.name = name;
    this.covered = covered;
    this.since = since;
  }

  admit(): Lease | undefined {
    return this.name === 'disabled' ? UNCOUNTED : undefined;
  }

  /** Returns `Infinity` while isolated: time does not end an override. */
  override retryAfterMs(): number {
    return this.name === 'disabled' ? 0 : Infinity;
  }
}
