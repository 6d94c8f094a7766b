import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import {
  type Candidate,
  checkCandidate,
  checkScenario,
  SCENARIO_DEFAULTS,
  type Scenario,
  type Settings,
  type World,
} from './options.js';
import { reportOf } from './report.js';
import type { SimulationResult } from './result.js';
import { run } from './run.js';
import { checkSeed } from './streams.js';
import { type CandidateSummary, type Difference, differencesOf, summaryOf } from './summary.js';
import { tableOf } from './table.js';

/** Options of `compare`. */
export interface CompareOptions<W extends World = World, Name extends string = string> extends Scenario<W> {
  /** The candidates by name; the first one is the baseline of the differences. At most 50. */
  readonly candidates: { readonly [name in Name]: Candidate<W> };
  /** The number of seeds, counted from 1, or the seeds themselves: integers in [0, 2^21). @defaultValue 10 */
  readonly seeds?: number | readonly number[] | undefined;
}

/** The result of a comparison: a summary for each candidate by its name, and reports. */
export type Comparison<Name extends string = string> = {
  readonly [name in Name]: CandidateSummary;
} & ComparisonReports;

/** What a comparison has besides its candidates. */
export interface ComparisonReports {
  /** The differences of each candidate to the first one, on the same seeds. */
  readonly differences: readonly Difference[];
  /** The seeds of the runs. */
  readonly seeds: readonly number[];
  /** Returns the comparison as text for a terminal. */
  table(): string;
  /** Returns the comparison as one HTML file, without scripts and without anything from the network. */
  html(): string;
  /** Simulates one run again, and records its calls with their attempts. */
  replay(candidate: string, seed: number): Promise<SimulationResult>;
}

const RESERVED = ['differences', 'seeds', 'table', 'html', 'replay'];
const MAX_CANDIDATES = 50;
const MAX_SEEDS = 10_000;

/**
 * Simulates several candidates in the same scenario, with several seeds. For each seed all candidates meet the same
 * arrivals and the same sequence of service times, so that few seeds show a difference (common random numbers). The
 * result of a candidate does not depend on the other candidates.
 *
 * Rejects as `simulate` does.
 *
 * @example
 * ```ts
 * import { compare, exponential, poisson, server, slow } from 'breakwater/simulator';
 *
 * const result = await compare({
 *   world: { api: server({ workers: 4, service: exponential('10ms') }) },
 *   load: poisson({ perSecond: 300 }),
 *   faults: [slow('api', 6, { at: '10s', for: '5s' })],
 *   duration: '60s',
 *   candidates: {
 *     naive: ({ clock, random }) => pipeline(retry({ clock, random }), timeout({ duration: '500ms', clock })),
 *     guarded: ({ clock, random }) =>
 *       pipeline(retry({ clock, random }), circuitBreaker({ clock, random }), timeout({ duration: '500ms', clock })),
 *   },
 * });
 * console.log(result.table());
 * console.log(result.guarded.timeToRecoverMs.p95 < result.naive.timeToRecoverMs.p95); // true
 * ```
 */
export async function compare<const W extends World, const Name extends string>(
  options: CompareOptions<W, Name>,
): Promise<Comparison<Name>> {
  const defaults = { ...SCENARIO_DEFAULTS, candidates: undefined, seeds: 10 };
  const own = readOptions<CompareOptions>('compare', options as unknown as CompareOptions, defaults);
  const settings = checkScenario('compare', own);
  const candidates = checkCandidates('compare', own.candidates);
  const seeds = checkSeeds('compare', own.seeds);
  const summaries = await runAll(settings, candidates, seeds);
  const byName = Object.fromEntries(summaries.map((summary) => [summary.candidate, summary]));
  const title = titleOf(settings, seeds.length);
  const reports: ComparisonReports = {
    differences: differencesOf(summaries),
    seeds,
    table: () => tableOf(title, settings, summaries),
    html: () => reportOf(title, settings, summaries, reports.differences),
    replay(candidateName, seed) {
      const candidate = candidates.get(candidateName);
      if (candidate === undefined) {
        const rule = `must be one of ${[...candidates.keys()].join(', ')}`;
        throw new InvalidOptionError('replay', 'candidate', rule, candidateName);
      }
      const checked = checkSeed('replay', 'seed', seed);
      return run({ settings, candidate, candidateName, seed: checked, isTraced: true });
    },
  };
  return { ...byName, ...reports } as Comparison<Name>;
}

/** Runs each candidate with each seed, and returns one summary per candidate. */
export async function runAll(
  settings: Settings,
  candidates: ReadonlyMap<string, Candidate>,
  seeds: readonly number[],
): Promise<readonly CandidateSummary[]> {
  const summaries: CandidateSummary[] = [];
  for (const [candidateName, candidate] of candidates) {
    const runs: SimulationResult[] = [];
    for (const seed of seeds) runs.push(await run({ settings, candidate, candidateName, seed, isTraced: false }));
    summaries.push(summaryOf(candidateName, runs));
  }
  return summaries;
}

export function checkCandidates(
  owner: string,
  candidates: Readonly<Record<string, Candidate>>,
): Map<string, Candidate> {
  const isObject = typeof candidates === 'object' && candidates !== null;
  const entries = isObject ? Object.entries(candidates) : [];
  if (entries.length === 0 || entries.length > MAX_CANDIDATES) {
    const rule = `must be an object of 1 to ${MAX_CANDIDATES} functions that make candidates`;
    throw new InvalidOptionError(owner, 'candidates', rule, candidates);
  }
  for (const [name, candidate] of entries) {
    checkCandidate(owner, `candidates.${name}`, candidate);
    if (RESERVED.includes(name)) {
      throw new InvalidOptionError(owner, 'candidates', `must not have the name ${name}, which a comparison has`, name);
    }
  }
  return new Map(entries);
}

export function checkSeeds(owner: string, seeds: unknown): readonly number[] {
  const list = typeof seeds === 'number' ? undefined : seeds;
  if (list === undefined) {
    if (Number.isInteger(seeds) && (seeds as number) >= 1 && (seeds as number) <= MAX_SEEDS) {
      return Array.from({ length: seeds as number }, (_, index) => index + 1);
    }
    throw new InvalidOptionError(
      owner,
      'seeds',
      `must be an integer from 1 to ${MAX_SEEDS}, or an array of seeds`,
      seeds,
    );
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SEEDS) {
    throw new InvalidOptionError(
      owner,
      'seeds',
      `must be an integer from 1 to ${MAX_SEEDS}, or an array of seeds`,
      seeds,
    );
  }
  return list.map((seed, index) => checkSeed(owner, `seeds[${index}]`, seed));
}

function titleOf({ name, durationMs }: Settings, seeds: number): string {
  return `${name}: ${durationMs / 1000} s, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`;
}
