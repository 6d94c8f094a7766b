import { type Duration, toMs } from '../../core/duration.js';
import { checkFunction, checkNumber, readOptions } from '../../core/options.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';

/** The load that a node reports. */
export interface LoadReport {
  /**
   * The share of the node's capacity in use, for example of its CPU or its scarcest resource: above 0, can be above 1.
   */
  readonly utilization: number;
  /** The number of calls per second that the node answers for all clients: above 0. */
  readonly callsPerSecond: number;
  /** The number of these calls per second that fail. @defaultValue 0 */
  readonly errorsPerSecond?: number | undefined;
}

/** The options of `resourceBased`. */
export interface ResourceBasedOptions {
  /** The minimum time between two reports of a node, while there are calls. @defaultValue '1s' */
  readonly updateEvery?: Duration | undefined;
  /**
   * The time for which reports must have arrived before they are used, because the first ones describe a node that is
   * still warming up. @defaultValue '10s'
   */
  readonly blackout?: Duration | undefined;
  /** The time after which a report is no longer used. @defaultValue '3m' */
  readonly expireAfter?: Duration | undefined;
  /**
   * The utilization that is added per failed call, as a share of all calls: a number ≥ 0. Without it, a node that fails
   * fast would look idle. @defaultValue 1
   */
  readonly errorPenalty?: number | undefined;
}

/**
 * Picks nodes by weighted round robin, with weights from the load that nodes report (gRPC, A58). The weight of a node
 * is `callsPerSecond / (utilization + errorPenalty × errorsPerSecond / callsPerSecond)`, multiplied by its configured
 * weight. A node without a valid report has the mean weight of the others. O(log n) per pick; O(n) once per
 * `updateEvery`, with `exclude`, and for a retry. With n nodes, new reports are used after n / 8 calls or after
 * `updateEvery` at the latest.
 *
 * `report` is called when a call begins; its result is used for later calls, and it may be a promise. If it throws,
 * rejects or returns an invalid report, the result is ignored.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const usage = new Map<string, LoadReport>(); // from a header of each response, or from metrics
 * const balancer = new LoadBalancer(['a', 'b'], { pick: resourceBased((node) => usage.get(node)) });
 * ```
 */
export function resourceBased(
  report: (node: string) => LoadReport | undefined | PromiseLike<LoadReport | undefined>,
  options?: ResourceBasedOptions,
): PickerFactory {
  const name = 'resourceBased';
  const defaults = { updateEvery: '1s', blackout: '10s', expireAfter: '3m', errorPenalty: 1 } as const;
  const own = readOptions<ResourceBasedOptions, typeof defaults>(name, options, defaults);
  const rules: ResourceRules = {
    report: checkFunction(name, 'report', report),
    updateMs: toMs(name, 'updateEvery', own.updateEvery),
    blackoutMs: toMs(name, 'blackout', own.blackout, { orZero: true }),
    expireMs: toMs(name, 'expireAfter', own.expireAfter),
    errorPenalty: checkNumber(name, 'errorPenalty', own.errorPenalty, { min: 0 }),
  };
  return { name, start: () => new ResourceBased(rules) };
}

/** The checked options of `resourceBased`. */
interface ResourceRules {
  readonly report: (node: string) => unknown;
  readonly updateMs: number;
  readonly blackoutMs: number;
  readonly expireMs: number;
  readonly errorPenalty: number;
}

/** The last report of a node. */
interface Usage {
  weight: number;
  /** The start of the current series of reports without a gap. */
  since: number;
  updatedAt: number;
  /** Whether a report has been requested and has not arrived. */
  isPending: boolean;
}

class ResourceBased implements Picker {
  readonly #rules: ResourceRules;
  readonly #usages = new WeakMap<Candidate, Usage>();
  readonly #indexes = new CandidateIndexes<MeanWeightIndex>();
  /** The mean of the known weights for the current call. */
  #mean = 1;
  /** The time of the current call. */
  #now = 0;
  readonly #smooth = new SmoothWeightedRoundRobin((one) => this.#relativeWeightOf(one));
  /** Incremented with each report. */
  #version = 0;
  #nextUpdate = -Infinity;

  constructor(rules: ResourceRules) {
    this.#rules = rules;
  }

  choose(candidates: readonly Candidate[], { now, take }: PickCall): Candidate {
    this.#now = now;
    let index = this.#indexes.find(candidates);
    if (index === undefined || this.#isDue(index)) {
      index = this.#computeMean(candidates, take ? 0 : (index?.picks ?? 0));
      this.#indexes.add(index);
      this.#mean = index.mean;
      this.#smooth.updateAllWeights(candidates);
    }
    this.#mean = index.mean;
    const chosen = this.#smooth.next(candidates, take);
    if (take) {
      index.picks++;
      this.#requestReports(candidates, now); // after the choice, so that the choice is the one that a peek returned
    }
    return chosen;
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { now, take }: PickCall): Candidate {
    const others = candidates.filter((one) => !excluded.has(one));
    this.#now = now;
    this.#mean = this.#computeMean(others, 0).mean;
    const chosen = this.#smooth.nextOnce(others, take);
    if (take) this.#requestReports(others, now);
    return chosen;
  }

  weightsChanged(nodes: readonly Candidate[], now: number): void {
    this.#now = now;
    for (const index of this.#indexes.all) {
      this.#mean = index.mean;
      this.#smooth.weightsChanged(nodes.filter((one) => index.positionOf(one) !== undefined));
    }
  }

  nodesChanged(): void {
    this.#indexes.clear();
    this.#smooth.nodesChanged();
  }

  /** Whether the mean must be computed again. This is O(n), so it is done after at least n / 8 calls: O(1) per call. */
  #isDue({ version, asOf, validUntil, picks, candidates }: MeanWeightIndex): boolean {
    if (version === this.#version && this.#now < validUntil && this.#now >= asOf) return false;
    return picks >= Math.floor(candidates.length / 8) || Math.abs(this.#now - asOf) >= this.#rules.updateMs;
  }

  #computeMean(candidates: readonly Candidate[], picks: number): MeanWeightIndex {
    const { blackoutMs, expireMs } = this.#rules;
    const now = this.#now;
    let [sum, known, validUntil] = [0, 0, Infinity];
    for (const one of candidates) {
      const usage = this.#usages.get(one);
      if (usage === undefined || now - usage.updatedAt >= expireMs) continue;
      const countsFrom = usage.since + blackoutMs;
      validUntil = Math.min(validUntil, countsFrom > now ? countsFrom : usage.updatedAt + expireMs);
      if (countsFrom > now) continue;
      sum += usage.weight;
      known++;
    }
    return new MeanWeightIndex(candidates, known === 0 ? 1 : sum / known, this.#version, now, validUntil, picks);
  }

  /**
   * Returns the weight relative to the mean. Credits that were collected before the first report are relative to 1, so
   * they would be meaningless next to weights in the hundreds.
   */
  #relativeWeightOf(one: Candidate): number {
    return ((this.#weightOf(one) ?? this.#mean) / this.#mean) * one.effectiveWeight;
  }

  #weightOf(one: Candidate): number | undefined {
    const usage = this.#usages.get(one);
    const { blackoutMs, expireMs } = this.#rules;
    const now = this.#now;
    if (usage === undefined || now < usage.since + blackoutMs || now - usage.updatedAt >= expireMs) return undefined;
    return usage.weight;
  }

  #requestReports(candidates: readonly Candidate[], now: number): void {
    if (now < this.#nextUpdate) return;
    this.#nextUpdate = now + this.#rules.updateMs;
    for (const one of candidates) this.#requestReport(one, now);
  }

  #requestReport(one: Candidate, now: number): void {
    const usage = this.#usages.get(one) ?? { weight: 0, since: Infinity, updatedAt: -Infinity, isPending: false };
    this.#usages.set(one, usage);
    if (usage.isPending) return;
    let answer: unknown;
    try {
      answer = this.#rules.report(one.node);
    } catch {
      return;
    }
    if (!isThenable(answer)) {
      this.#applyReport(usage, answer, now);
      return;
    }
    usage.isPending = true;
    const settle = (report: unknown): void => {
      usage.isPending = false;
      this.#applyReport(usage, report, now);
    };
    Promise.resolve(answer).then(settle, () => settle(undefined));
  }

  #applyReport(usage: Usage, report: unknown, now: number): void {
    const weight = weightFrom(report, this.#rules.errorPenalty);
    if (weight === undefined) return;
    if (now - usage.updatedAt >= this.#rules.expireMs) usage.since = now;
    usage.weight = weight;
    usage.updatedAt = now;
    this.#version++;
  }
}

/** The mean weight of a list of candidates, and the time until which it is valid. */
class MeanWeightIndex extends CandidateIndex {
  constructor(
    candidates: readonly Candidate[],
    readonly mean: number,
    readonly version: number,
    readonly asOf: number,
    /** The time at which the next report begins to count or expires. */
    readonly validUntil: number,
    /** The number of picks since then. */
    public picks: number,
  ) {
    super(candidates);
  }
}

function weightFrom(report: unknown, errorPenalty: number): number | undefined {
  if (typeof report !== 'object' || report === null) return undefined;
  const { utilization, callsPerSecond, errorsPerSecond = 0 } = report as Partial<LoadReport>;
  const cost = Number(utilization) + (errorPenalty * errorsPerSecond) / Number(callsPerSecond);
  const weight = Number(callsPerSecond) / cost;
  return Number(utilization) > 0 && weight > 0 && weight < Infinity ? weight : undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
