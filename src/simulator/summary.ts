import type { SimulationResult } from './result.js';
import { bootstrap, type Interval, type Statistic, statisticOf } from './statistics.js';

/** The figures that a summary has of all runs of a candidate. */
export type Metric =
  | ('goodput' | 'success' | 'availability' | 'amplification' | 'wastedShare' | 'timeToRecoverMs')
  | ('p50Ms' | 'p90Ms' | 'p99Ms' | 'p999Ms');

const METRICS: Readonly<Record<Metric, (result: SimulationResult) => number>> = {
  goodput: ({ goodput }) => goodput,
  success: ({ success }) => success,
  availability: ({ availability }) => availability,
  amplification: ({ amplification }) => amplification,
  wastedShare: ({ wastedShare }) => wastedShare,
  timeToRecoverMs: ({ timeToRecoverMs }) => timeToRecoverMs,
  p50Ms: ({ latency }) => latency.p50Ms,
  p90Ms: ({ latency }) => latency.p90Ms,
  p99Ms: ({ latency }) => latency.p99Ms,
  p999Ms: ({ latency }) => latency.p999Ms,
};

export const METRIC_NAMES = Object.keys(METRICS) as readonly Metric[];

/** All runs of one candidate: each figure over the seeds, and the runs themselves. */
export interface CandidateSummary extends Readonly<Record<Metric, Statistic>> {
  /** The name of the candidate. */
  readonly candidate: string;
  /** The number of runs that have ended as collapsed. */
  readonly collapsed: number;
  /** The results of the runs, in the order of the seeds. */
  readonly runs: readonly SimulationResult[];
}

export function summaryOf(candidate: string, runs: readonly SimulationResult[]): CandidateSummary {
  const statistics = METRIC_NAMES.map((metric) => [metric, statisticOf(runs.map(METRICS[metric]))] as const);
  return {
    candidate,
    collapsed: runs.filter(({ collapsed }) => collapsed).length,
    runs,
    ...(Object.fromEntries(statistics) as Record<Metric, Statistic>),
  };
}

/** How a candidate differs from the first one, on the same seeds. */
export interface Difference {
  readonly candidate: string;
  readonly baseline: string;
  readonly metric: Metric;
  /** The mean of candidate − baseline over the seeds, with its 95 % bootstrap interval. */
  readonly interval: Interval;
}

/** Returns the differences to the first candidate, without those of which a value is infinite or missing. */
export function differencesOf([baseline, ...others]: readonly CandidateSummary[]): readonly Difference[] {
  if (baseline === undefined) return [];
  return others.flatMap((other) =>
    METRIC_NAMES.flatMap((metric): Difference[] => {
      const differences = other[metric].values.map((value, seed) => value - (baseline[metric].values[seed] as number));
      if (!differences.every(Number.isFinite)) return [];
      return [{ candidate: other.candidate, baseline: baseline.candidate, metric, interval: bootstrap(differences) }];
    }),
  );
}

/** Returns the mean of a field of the rows over all runs, and its bounds. */
export function seriesOf(
  { runs }: CandidateSummary,
  field: 'good' | 'offered' | 'attempts' | 'queue',
): { readonly mean: number[]; readonly low: number[]; readonly high: number[] } {
  const rows = runs[0]?.series.length ?? 0;
  const [mean, low, high]: [number[], number[], number[]] = [[], [], []];
  for (let row = 0; row < rows; row++) {
    const values = runs.map(({ series }) => series[row]?.[field] ?? 0);
    mean.push(values.reduce((sum, value) => sum + value, 0) / values.length);
    low.push(Math.min(...values));
    high.push(Math.max(...values));
  }
  return { mean, low, high };
}
