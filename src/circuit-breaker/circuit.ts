import type { Clock } from '../core/clock.js';
import type { Outcome } from '../core/outcome.js';
import { TransitionNotifier } from './transition-notifier.js';
import { openForMs, openingDelayMs } from './open-for.js';
import { type CircuitRules, Closed, type StateMachine, Open, type State, type TransitionReason } from './states.js';
import { type CallWindow, countWindow, DurationWindow } from './windows.js';

/**
 * The state machine of a breaker. Every state is an object of its own, made when it is entered and never used again once
 * it is left; what arrives late for it is dropped by comparing it with the present one. The one exception is a state
 * that was covered by `isolate` or `disable`, which comes back.
 *
 * Nothing ticks: `advance(now)` makes up for the time that has passed, as if there had been timers.
 */
export class CircuitStateMachine implements StateMachine {
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
    this.#notifier?.notify({ from, to: state, reason });
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
