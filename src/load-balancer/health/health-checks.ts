import type { Clock } from '../../core/clock.js';
import { type Duration, toMs } from '../../core/duration.js';
import { checkFunction, checkInteger, checkNumber, readOptions } from '../../core/options.js';
import type { Random } from '../../core/random.js';
import type { NodeSet } from '../node-set.js';
import type { NodeState } from '../node-state.js';
import { ActiveHealthCheck, type HealthRules } from './active-health-check.js';
import type { HealthCheck } from './health-check.js';

export interface HealthOptions {
  /** How a node is asked: `httpCheck()`, `tcpCheck()`, or a function of your own. */
  readonly check: HealthCheck;
  /** From the end of one check of a node to the beginning of the next. @defaultValue '5s' */
  readonly interval?: Duration | undefined;
  /** What part of the interval is drawn by chance, more or less, so that many processes do not ask at once. 0 to 0.9. @defaultValue 0.1 */
  readonly jitter?: number | undefined;
  /** A check that takes longer has failed. @defaultValue '2s' */
  readonly timeout?: Duration | undefined;
  /** So many in a row must pass until a node that was down is up. An integer ≥ 1. @defaultValue 2 */
  readonly rise?: number | undefined;
  /** So many in a row must fail until a node that was up is down. An integer ≥ 1. @defaultValue 3 */
  readonly fall?: number | undefined;
}

export function readHealthOptions(owner: string, options: HealthOptions): HealthRules {
  const defaults = { check: undefined, interval: '5s', jitter: 0.1, timeout: '2s', rise: 2, fall: 3 } as const;
  const own = readOptions<HealthOptions, typeof defaults>(owner, options, defaults, 'health');
  return {
    check: checkFunction(owner, 'health.check', own.check),
    intervalMs: toMs(owner, 'health.interval', own.interval),
    jitter: checkNumber(owner, 'health.jitter', own.jitter, { min: 0, max: 0.9 }),
    timeoutMs: toMs(owner, 'health.timeout', own.timeout),
    rise: checkInteger(owner, 'health.rise', own.rise, { min: 1 }),
    fall: checkInteger(owner, 'health.fall', own.fall, { min: 1 }),
  };
}

/** The checks of all nodes. */
export class HealthChecks {
  readonly #rules: HealthRules;
  readonly #nodes: NodeSet;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #active = new Map<NodeState, ActiveHealthCheck>();

  constructor(rules: HealthRules, nodes: NodeSet, clock: Clock, random: Random) {
    this.#rules = rules;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#random = random;
  }

  /** Begins with the nodes that have come, ends with those that have gone. */
  follow(): void {
    const nodes = new Set(this.#nodes.nodes);
    for (const [state, check] of this.#active) {
      if (nodes.has(state)) continue;
      check.stop();
      this.#active.delete(state);
    }
    for (const state of nodes) {
      if (this.#active.has(state)) continue;
      this.#active.set(state, new ActiveHealthCheck(state, this.#rules, this.#nodes, this.#clock, this.#random));
    }
  }

  stop(): void {
    for (const check of this.#active.values()) check.stop();
    this.#active.clear();
  }
}
