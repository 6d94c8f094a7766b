import type { Clock } from '../../core/clock.js';
import { type Duration, toMs } from '../../core/duration.js';
import { checkFunction, checkInteger, checkNumber, readOptions } from '../../core/options.js';
import type { Random } from '../../core/random.js';
import type { NodeSet } from '../node-set.js';
import type { NodeState } from '../node-state.js';
import { ActiveHealthCheck, type HealthRules } from './active-health-check.js';
import type { HealthCheck } from './health-check.js';

/** The options of active health checks. */
export interface HealthOptions {
  /** The check: `httpCheck()`, `tcpCheck()`, or a custom function. */
  readonly check: HealthCheck;
  /** The time from the end of one check of a node to the start of the next one. @defaultValue '5s' */
  readonly interval?: Duration | undefined;
  /**
   * The share of the interval that is added or subtracted at random, from 0 to 0.9, so that many processes do not check
   * at the same time. @defaultValue 0.1
   */
  readonly jitter?: number | undefined;
  /** The time after which a check has failed. @defaultValue '2s' */
  readonly timeout?: Duration | undefined;
  /**
   * The number of consecutive checks that must pass until a node that was down is up: an integer ≥ 1. @defaultValue 2
   */
  readonly rise?: number | undefined;
  /**
   * The number of consecutive checks that must fail until a node that was up is down: an integer ≥ 1. @defaultValue 3
   */
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

/** The active checks of all nodes. */
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

  /** Starts checks for new nodes, and stops those of removed nodes. */
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
