import { AbortScope } from '../../core/abort-scope.js';
import { Alarm, type Clock } from '../../core/clock.js';
import { Context, callOperation, DEFAULT_TERMS } from '../../core/context.js';
import { DeadlineList } from '../../core/deadline-list.js';
import { ClosedError, isStalledTimeout } from '../../core/errors.js';
import type { Outcome } from '../../core/outcome.js';
import type { Random } from '../../core/random.js';
import { runTimed } from '../../core/timed-scope.js';
import type { NodeSet } from '../node-set.js';
import type { NodeState } from '../node-state.js';
import type { HealthCheck } from './health-check.js';

/** The checked options of active health checks. */
export interface HealthRules {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  readonly jitter: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
}

/** Checks one node periodically, one check at a time, until it is stopped. Its timers do not keep the process alive. */
export class ActiveHealthCheck {
  readonly #state: NodeState;
  readonly #rules: HealthRules;
  readonly #nodes: NodeSet;
  readonly #clock: Clock;
  readonly #random: Random;
  #alarm: Alarm | undefined = undefined;
  #scope: AbortScope | undefined = undefined;
  /** Whether the last check has not settled, even if it has timed out. */
  #isPending = false;
  #isStopped = false;
  #isFirst = true;
  /** The number of consecutive results that contradict the current state of the node. */
  #contradictions = 0;

  constructor(state: NodeState, rules: HealthRules, nodes: NodeSet, clock: Clock, random: Random) {
    this.#state = state;
    this.#rules = rules;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#random = random;
    this.#checkIn(random() * rules.jitter * rules.intervalMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#alarm?.clear();
    this.#scope?.abort(new ClosedError({ policy: 'LoadBalancer' }));
  }

  #checkIn(ms: number): void {
    this.#alarm = new Alarm(this.#clock, ms, () => this.#check());
    this.#alarm.unref();
  }

  #check(): void {
    if (this.#isPending) {
      this.#conclude({ ok: false, error: new Error('the previous check has not settled yet') });
      return;
    }
    this.#isPending = true;
    this.#scope = new AbortScope();
    const context = new Context(this.#clock, this.#ask, DEFAULT_TERMS, 1, undefined, this.#scope);
    const timeouts = new DeadlineList(this.#clock, this.#rules.timeoutMs);
    runTimed(callOperation, context, timeouts, { name: 'LoadBalancer health check' }).then(
      (value) => this.#conclude({ ok: true, value }),
      (error) => this.#conclude({ ok: false, error }),
    );
  }

  readonly #ask = async (context: { readonly signal: AbortSignal }): Promise<void> => {
    try {
      const answer = await this.#rules.check(this.#state.node, context);
      if (answer === false) throw new Error('the check returned false');
    } finally {
      this.#isPending = false;
    }
  };

  #conclude(result: Outcome): void {
    if (this.#isStopped) return;
    const { intervalMs, jitter } = this.#rules;
    this.#checkIn(intervalMs * (1 + jitter * (2 * this.#random() - 1)));
    // If a check timed out while this process's event loop was blocked, the result says nothing about the node.
    if (result.ok || !isStalledTimeout(result.error)) this.#judge(result);
  }

  /** Applies a result. The first result decides alone, because nothing is known about the node before. */
  #judge(result: Outcome): void {
    const { isUp } = this.#state;
    const { fall, rise } = this.#rules;
    this.#contradictions = result.ok === isUp ? 0 : this.#contradictions + 1;
    if (!this.#isFirst && this.#contradictions < (isUp ? fall : rise)) return;
    this.#isFirst = false;
    this.#contradictions = 0;
    this.#nodes.setUp(this.#state, result.ok, result.ok ? undefined : result.error, this.#clock.now());
    this.#nodes.emitPending();
  }
}
