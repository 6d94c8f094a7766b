import { type Duration, toMs } from '../../core/duration.js';
import { checkInteger, checkNumber, readOptions } from '../../core/options.js';
import type { NodeSet } from '../node-set.js';
import type { NodeState } from '../node-state.js';

/** The options of outlier detection. */
export interface OutlierOptions {
  /** The number of consecutive failures that eject a node: an integer ≥ 1, or `Infinity` for never. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** Ejects nodes that fail much more often than the others; `false` turns it off. @defaultValue all defaults */
  readonly successRate?: SuccessRateOptions | false | undefined;
  /**
   * The time between two comparisons of success rates. Also the time without ejection after which one past ejection of
   * a node is forgiven. @defaultValue '10s'
   */
  readonly interval?: Duration | undefined;
  /**
   * The duration of the first ejection. The second one lasts twice as long, the third three times. @defaultValue '30s'
   */
  readonly ejectFor?: Duration | undefined;
  /** The longest duration of an ejection, at least `ejectFor`. @defaultValue '5m', or `ejectFor` if that is longer */
  readonly maxEjectFor?: Duration | undefined;
  /**
   * The largest share of nodes that may be ejected at the same time: above 0, at most 1. One node can always be
   * ejected, and never all of them. @defaultValue 0.5
   */
  readonly maxEjectedShare?: number | undefined;
}

/** The options for comparing success rates. */
export interface SuccessRateOptions {
  /** The minimum number of calls in an interval for a node to be compared: an integer ≥ 1. @defaultValue 100 */
  readonly minCalls?: number | undefined;
  /** The minimum number of nodes to compare: an integer ≥ 2. With fewer nodes, none is ejected. @defaultValue 5 */
  readonly minNodes?: number | undefined;
  /** The number of standard deviations below the mean that make a node an outlier: above 0. @defaultValue 1.9 */
  readonly deviations?: number | undefined;
  /**
   * The minimum distance below the mean, in addition to `deviations`: from 0 to 1. If almost no call fails, a single
   * failure is many standard deviations away. @defaultValue 0.05
   */
  readonly minDifference?: number | undefined;
}

/** The checked options of outlier detection. */
export type OutlierRules = {
  readonly [K in 'consecutiveFailures' | 'intervalMs' | 'ejectForMs' | 'maxEjectForMs' | 'maxEjectedShare']: number;
} & { readonly successRate: { readonly [K in keyof SuccessRateOptions]-?: number } | undefined };

export function readOutlierOptions(owner: string, options: OutlierOptions): OutlierRules {
  const defaults = {
    consecutiveFailures: 5,
    successRate: undefined,
    interval: '10s',
    ejectFor: '30s',
    maxEjectFor: undefined,
    maxEjectedShare: 0.5,
  } as const;
  const own = readOptions<OutlierOptions, typeof defaults>(owner, options, defaults, 'outlier');
  const ejectForMs = toMs(owner, 'outlier.ejectFor', own.ejectFor);
  const atLeast = { min: 1, orInfinity: true };
  return {
    consecutiveFailures: checkInteger(owner, 'outlier.consecutiveFailures', own.consecutiveFailures, atLeast),
    successRate: own.successRate === false ? undefined : readSuccessRate(owner, own.successRate),
    intervalMs: toMs(owner, 'outlier.interval', own.interval),
    ejectForMs,
    maxEjectForMs:
      own.maxEjectFor === undefined
        ? Math.max(ejectForMs, 300_000)
        : toMs(owner, 'outlier.maxEjectFor', own.maxEjectFor, { min: ejectForMs }),
    maxEjectedShare: checkNumber(owner, 'outlier.maxEjectedShare', own.maxEjectedShare, { above: 0, max: 1 }),
  };
}

function readSuccessRate(owner: string, options: SuccessRateOptions | undefined): OutlierRules['successRate'] {
  const defaults = { minCalls: 100, minNodes: 5, deviations: 1.9, minDifference: 0.05 };
  const own = readOptions<SuccessRateOptions, typeof defaults>(owner, options, defaults, 'outlier.successRate');
  return {
    minCalls: checkInteger(owner, 'outlier.successRate.minCalls', own.minCalls, { min: 1 }),
    minNodes: checkInteger(owner, 'outlier.successRate.minNodes', own.minNodes, { min: 2 }),
    deviations: checkNumber(owner, 'outlier.successRate.deviations', own.deviations, { above: 0 }),
    minDifference: checkNumber(owner, 'outlier.successRate.minDifference', own.minDifference, { min: 0, max: 1 }),
  };
}

/** The outcomes and ejections of a node. */
interface Tally {
  /** The number of consecutive failures. */
  failuresInARow: number;
  /** The number of calls in this interval. */
  calls: number;
  /** The number of successful calls in this interval. */
  successes: number;
  /** The number of ejections, minus those that were forgiven. */
  ejections: number;
  /** The time at which the last ejection ended. */
  returnedAt: number;
}

/**
 * Outlier detection (Envoy): ejects nodes for some time when their calls fail, even if their checks pass. A node is
 * ejected after a number of consecutive failures, or if its success rate is far below the rates of the others. O(1) per
 * call, O(n) once per interval; no timer.
 */
export class OutlierDetector {
  readonly #rules: OutlierRules;
  readonly #nodes: NodeSet;
  readonly #tallies = new WeakMap<NodeState, Tally>();
  #intervalEndsAt: number;

  constructor(rules: OutlierRules, nodes: NodeSet, now: number) {
    this.#rules = rules;
    this.#nodes = nodes;
    this.#intervalEndsAt = now + rules.intervalMs;
  }

  /** Records the outcome of a call. */
  record(state: NodeState, isSuccess: boolean, now: number): void {
    if (now >= this.#intervalEndsAt) this.#endInterval(now);
    const tally = this.#tallyOf(state);
    tally.calls++;
    if (isSuccess) {
      tally.successes++;
      tally.failuresInARow = 0;
    } else if (++tally.failuresInARow >= this.#rules.consecutiveFailures) {
      this.#eject(state, 'consecutive-failures', now);
    }
  }

  #endInterval(now: number): void {
    const { intervalMs, successRate } = this.#rules;
    // If a whole further interval has passed without a call, the counts are too old to compare.
    const isRecent = now < this.#intervalEndsAt + intervalMs;
    const outliers = isRecent && successRate !== undefined ? this.#lowest(successRate) : [];
    for (const state of this.#nodes.nodes) {
      const tally = this.#tallyOf(state);
      tally.calls = 0;
      tally.successes = 0;
    }
    this.#intervalEndsAt = now + intervalMs;
    for (const state of outliers) this.#eject(state, 'success-rate', now);
  }

  /** Returns the nodes whose success rate is far enough below the mean, the worst first. */
  #lowest({ minCalls, minNodes, deviations, minDifference }: NonNullable<OutlierRules['successRate']>): NodeState[] {
    const judged = this.#nodes.nodes
      .map((state) => ({ state, tally: this.#tallyOf(state) }))
      .filter(({ tally }) => tally.calls >= minCalls)
      .map(({ state, tally }) => ({ state, rate: tally.successes / tally.calls }));
    if (judged.length < minNodes) return [];
    const mean = judged.reduce((sum, { rate }) => sum + rate, 0) / judged.length;
    const variance = judged.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / judged.length;
    const least = mean - Math.max(deviations * Math.sqrt(variance), minDifference);
    const low = judged.filter(({ rate }) => rate < least).sort((a, b) => a.rate - b.rate);
    return low.map(({ state }) => state);
  }

  #eject(state: NodeState, reason: 'consecutive-failures' | 'success-rate', now: number): void {
    const { weighted, ejected } = this.#nodes.ejections;
    const { maxEjectedShare, ejectForMs, maxEjectForMs, intervalMs } = this.#rules;
    const most = Math.min(weighted - 1, Math.max(1, Math.floor(maxEjectedShare * weighted)));
    if (state.isEjected || ejected >= most) return;
    const tally = this.#tallyOf(state);
    // If a check ended an ejection early, the remaining time of that ejection forgives nothing.
    const forgiven = Math.max(0, Math.floor((now - tally.returnedAt) / intervalMs));
    tally.ejections = Math.max(0, tally.ejections - forgiven) + 1;
    const ejectedForMs = Math.min(ejectForMs * tally.ejections, maxEjectForMs);
    Object.assign(tally, { failuresInARow: 0, calls: 0, successes: 0, returnedAt: now + ejectedForMs });
    this.#nodes.eject(state, reason, ejectedForMs, now);
  }

  #tallyOf(state: NodeState): Tally {
    let tally = this.#tallies.get(state);
    if (tally === undefined) {
      tally = { failuresInARow: 0, calls: 0, successes: 0, ejections: 0, returnedAt: 0 };
      this.#tallies.set(state, tally);
    }
    return tally;
  }
}
