import { Emitter } from '../core/events.js';

/** The types of events. */
const EVENTS = ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const;

/** The state of a circuit breaker. `isolated` and `disabled` are manual overrides of the other three. */
export type CircuitState = 'closed' | 'open' | 'half-open' | 'isolated' | 'disabled';

/** The reason for a transition of a circuit breaker. */
export type TransitionReason =
  | 'failure-rate'
  | 'slow-call-rate'
  | 'consecutive-failures'
  | 'probe-failed'
  | 'probe-timeout'
  | 'probes-succeeded'
  | 'open-time-passed'
  | 'isolated'
  | 'disabled'
  | 'released'
  | 'tripped'
  | 'reset';

/** Events of a circuit breaker. */
export interface CircuitBreakerEvents {
  /** The breaker has opened for `openForMs` milliseconds. */
  open: { readonly reason: TransitionReason; readonly openForMs: number };
  /** The breaker has become half-open. */
  halfOpen: { readonly reason: TransitionReason };
  /** The breaker has closed. */
  close: { readonly reason: TransitionReason };
  /** The breaker has changed its state. Emitted for every transition, after the event of the new state. */
  stateChange: { readonly from: CircuitState; readonly to: CircuitState; readonly reason: TransitionReason };
  /** A call was rejected; in the mode `observe`, a call that the mode `enforce` would have rejected. */
  reject: { readonly state: CircuitState; readonly retryAfterMs: number };
}

/** One transition of the state machine. */
interface Transition {
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly reason: TransitionReason;
  /** The open time in milliseconds; 0 unless `to` is `open`. */
  readonly openForMs: number;
}

/** Notifies listeners of transitions, one transition after the other. */
export class TransitionNotifier {
  readonly events = new Emitter<CircuitBreakerEvents>(EVENTS);
  #pending: Transition[] | undefined = undefined;

  /**
   * Emits a transition. A listener may cause the next transition: that one is emitted afterwards, so that the last
   * event always describes the current state.
   */
  notify(transition: Transition): void {
    if (this.#pending !== undefined) {
      this.#pending.push(transition);
      return;
    }
    this.#pending = [transition];
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#emit(next);
    this.#pending = undefined;
  }

  #emit({ from, to, reason, openForMs }: Transition): void {
    const { events } = this;
    if (to === 'open' && events.has('open')) events.emit('open', { reason, openForMs });
    if (to === 'half-open' && events.has('halfOpen')) events.emit('halfOpen', { reason });
    if (to === 'closed' && events.has('close')) events.emit('close', { reason });
    if (events.has('stateChange')) events.emit('stateChange', { from, to, reason });
  }
}
