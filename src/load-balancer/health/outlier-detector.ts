import { type Duration, toMs } from '../../core/duration.js';
import { checkInteger, checkNumber, readOptions } from '../../core/options.js';
import type { NodeSet } from '../node-set.js';
import type { NodeState } from '../node-state.js';

export interface OutlierOptions {
  /** Ejects a node after so many failures in a row. An integer ≥ 1, or `Infinity` for never. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** Ejects nodes that fail much more often than the others do. False turns it off. */
  readonly successRate?: SuccessRateOptions | false | undefined;
  /** How often success rates are compared, and in which time a healthy node is forgiven one ejection. @defaultValue '10s' */
  readonly interval?: Duration | undefined;
  /** How long the first ejection lasts; the second twice as long, the third three times. @defaultValue '30s' */
  readonly ejectFor?: Duration | undefined;
  /** The longest an ejection lasts. Not below `ejectFor`. @defaultValue '5m', or `ejectFor` if that is longer */
  readonly maxEjectFor?: Duration | undefined;
  /** What share of the nodes may be ejected at once: one in any case, never all. Above 0, at most 1. @defaultValue 0.5 */
  readonly maxEjectedShare?: number | undefined;
}

export interface SuccessRateOptions {
  /** Nodes with fewer calls in an interval are not judged. An integer ≥ 1. @defaultValue 100 */
  readonly minCalls?: number | undefined;
  /** With fewer nodes than this to compare, none is judged. An integer ≥ 2. @defaultValue 5 */
  readonly minNodes?: number | undefined;
  /** How many standard deviations below the mean a rate must be. Above 0. @defaultValue 1.9 */
  readonly deviations?: number | undefined;
  /**
   * How far below the mean it must be besides: where hardly anything fails, a single failure is many deviations away. From 0
   * to 1. @defaultValue 0.05
   */
  readonly minDifference?: number | undefined;
}

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

/** What calls have said of a node. */
interface Tally {
  failuresInARow: number;
  /** Of this interval. */
  calls: number;
  successes: number;
  /** How often it has been ejected, less what was forgiven. */
  ejections: number;
  /** When the last of its ejections ended. */
  returnedAt: number;
}

/**
 * Leaves nodes out for some time when calls to them fail, whatever their checks say (Envoy, outlier detection): after so many
 * failures in a row, or when a node succeeds far less often than the others. O(1) a call, O(n) once an interval; no timer.
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

  /** A call to the node has ended. */
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
    // What nobody has asked about for a whole interval more is too old to judge by.
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

  /** Whose success rate is far enough below the mean of all; the worst first. */
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
    // Of an ejection that a check has ended early, the rest was never served: nothing is forgiven for it.
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
