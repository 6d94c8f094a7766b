import { Emitter } from '../core/events.js';

export type CircuitState = 'closed' | 'open' | 'half-open' | 'isolated' | 'disabled';

/** Why a breaker changed its state. */
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

export interface CircuitBreakerEvents {
  open: { readonly reason: TransitionReason; readonly openForMs: number };
  halfOpen: { readonly reason: TransitionReason };
  close: { readonly reason: TransitionReason };
  stateChange: { readonly from: CircuitState; readonly to: CircuitState; readonly reason: TransitionReason };
  /** A call was refused, or would have been in mode `observe`. */
  reject: { readonly state: CircuitState; readonly retryAfterMs: number };
}

interface Transition {
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly reason: TransitionReason;
  /** Only for a transition to `open`. */
  readonly openForMs: number;
}

/** Tells of transitions, one after the other. */
export class TransitionNotifier {
  readonly events = new Emitter<CircuitBreakerEvents>();
  #pending: Transition[] | undefined = undefined;

  /** A listener may cause the next transition: that is told after this one, so that the last told is the present. */
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
