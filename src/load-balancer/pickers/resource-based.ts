import { type Duration, toMs } from '../../core/duration.js';
import { checkFunction, checkNumber, readOptions } from '../../core/options.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';

/** What a node says of its load. */
export interface LoadReport {
  /** What part of its capacity is in use: CPU, or whatever runs out first. Above 0; may be above 1. */
  readonly utilization: number;
  /** Calls it answers a second, of all its clients. Above 0. */
  readonly callsPerSecond: number;
  /** Of those, how many fail. @defaultValue 0 */
  readonly errorsPerSecond?: number | undefined;
}

export interface ResourceBasedOptions {
  /** How often a node is asked at the most, while there are calls. @defaultValue '1s' */
  readonly updateEvery?: Duration | undefined;
  /** How long reports must have come in before they count: the first ones tell of a node that is still warming up. @defaultValue '10s' */
  readonly blackout?: Duration | undefined;
  /** How long a report counts. @defaultValue '3m' */
  readonly expireAfter?: Duration | undefined;
  /** What a failed call counts, as utilization: a node that fails fast must not look idle. ≥ 0. @defaultValue 1 */
  readonly errorPenalty?: number | undefined;
}

/**
 * In turn, each as often as what it says of its load allows: weighted round robin by calls for each unit of utilization
 * (gRPC, A58). The weight of a node is `callsPerSecond / (utilization + errorPenalty × errorsPerSecond / callsPerSecond)`,
 * times its own weight. A node of which nothing is known has the mean of the others. O(log n); O(n) once in `updateEvery`, with
 * `exclude`, and for a retry. With n nodes, new reports count at the latest after n / 8 calls or `updateEvery`.
 *
 * `report` is asked when a call comes in, for the calls after it, and may answer later. What it throws, rejects with, or says that is no report, counts
 * as no report.
 *
 * @throws InvalidOptionError for options that cannot work.
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

interface ResourceRules {
  readonly report: (node: string) => unknown;
  readonly updateMs: number;
  readonly blackoutMs: number;
  readonly expireMs: number;
  readonly errorPenalty: number;
}

/** What is known of a node's load. */
interface Usage {
  weight: number;
  /** Since when there have been reports without a gap. */
  since: number;
  updatedAt: number;
  /** Whether a report has been asked for and is not there. */
  isPending: boolean;
}

class ResourceBased implements Picker {
  readonly #rules: ResourceRules;
  readonly #usages = new WeakMap<Candidate, Usage>();
  readonly #weighings = new CandidateIndexes<Weighing>();
  /** Of this call: the mean of the weights that are known, and the time. */
  #mean = 1;
  #now = 0;
  readonly #smooth = new SmoothWeightedRoundRobin((one) => this.#relativeWeightOf(one));
  /** Counts the reports. */
  #version = 0;
  #nextUpdate = -Infinity;

  constructor(rules: ResourceRules) {
    this.#rules = rules;
  }

  choose(candidates: readonly Candidate[], { now, take }: PickCall): Candidate {
    this.#now = now;
    let weighing = this.#weighings.find(candidates);
    if (weighing === undefined || this.#isDue(weighing)) {
      weighing = this.#weigh(candidates, take ? 0 : (weighing?.picks ?? 0));
      this.#weighings.add(weighing);
      this.#mean = weighing.mean;
      this.#smooth.reweigh(candidates);
    }
    this.#mean = weighing.mean;
    const chosen = this.#smooth.next(candidates, take);
    if (take) {
      weighing.picks++;
      this.#askAll(candidates, now); // after the choice, which is the one that a peek has seen
    }
    return chosen;
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { now, take }: PickCall): Candidate {
    const others = candidates.filter((one) => !excluded.has(one));
    this.#now = now;
    this.#mean = this.#weigh(others, 0).mean;
    const chosen = this.#smooth.nextOnce(others, take);
    if (take) this.#askAll(others, now);
    return chosen;
  }

  weightsChanged(nodes: readonly Candidate[], now: number): void {
    this.#now = now;
    for (const weighing of this.#weighings.all) {
      this.#mean = weighing.mean;
      this.#smooth.weightsChanged(nodes.filter((one) => weighing.positionOf(one) !== undefined));
    }
  }

  nodesChanged(): void {
    this.#weighings.clear();
    this.#smooth.nodesChanged();
  }

  /** Weighing is O(n): after at least n / 8 calls it is O(1) for each of them. */
  #isDue({ version, asOf, validUntil, picks, candidates }: Weighing): boolean {
    if (version === this.#version && this.#now < validUntil && this.#now >= asOf) return false;
    return picks >= Math.floor(candidates.length / 8) || Math.abs(this.#now - asOf) >= this.#rules.updateMs;
  }

  #weigh(candidates: readonly Candidate[], picks: number): Weighing {
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
    return new Weighing(candidates, known === 0 ? 1 : sum / known, this.#version, now, validUntil, picks);
  }

  /** To the mean: what was owed while nothing was known must not last, nor be lost, when weights are in hundreds. */
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

  #askAll(candidates: readonly Candidate[], now: number): void {
    if (now < this.#nextUpdate) return;
    this.#nextUpdate = now + this.#rules.updateMs;
    for (const one of candidates) this.#ask(one, now);
  }

  #ask(one: Candidate, now: number): void {
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
      this.#learn(usage, answer, now);
      return;
    }
    usage.isPending = true;
    const settle = (report: unknown): void => {
      usage.isPending = false;
      this.#learn(usage, report, now);
    };
    Promise.resolve(answer).then(settle, () => settle(undefined));
  }

  #learn(usage: Usage, report: unknown, now: number): void {
    const weight = weightFrom(report, this.#rules.errorPenalty);
    if (weight === undefined) return;
    if (now - usage.updatedAt >= this.#rules.expireMs) usage.since = now;
    usage.weight = weight;
    usage.updatedAt = now;
    this.#version++;
  }
}

/** The mean weight in a list, and for how long it holds. */
class Weighing extends CandidateIndex {
  constructor(
    candidates: readonly Candidate[],
    readonly mean: number,
    readonly version: number,
    readonly asOf: number,
    /** When the next report begins to count, or expires. */
    readonly validUntil: number,
    /** The picks since then. */
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
