import { seededRandom } from '../core/random.js';

/** A value over several seeds. Every quantile is a value that has occurred (nearest rank). */
export interface Statistic {
  /** The value of each seed, in the order of the seeds. */
  readonly values: readonly number[];
  readonly mean: number;
  readonly min: number;
  readonly p5: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
}

export function statisticOf(values: readonly number[]): Statistic {
  const sorted = Float64Array.from(values).sort();
  return {
    values,
    mean: meanOf(values),
    min: quantile(sorted, 0),
    p5: quantile(sorted, 0.05),
    median: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    max: quantile(sorted, 1),
  };
}

/** Returns the smallest value that at least `share` of the sorted values do not exceed; NaN without values. */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return values.length === 0 ? Number.NaN : sum / values.length;
}

/** Returns the largest value: `Math.max(...values)` would need a stack as large as the array. */
export function largest(values: Iterable<number>, least: number): number {
  let max = least;
  for (const value of values) max = Math.max(max, value);
  return max;
}

/** A mean with its 95 % confidence interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;

/**
 * Returns the mean of paired differences with a percentile bootstrap interval (Efron, 1979). The resamples are the same
 * in every run.
 */
export function bootstrap(differences: readonly number[]): Interval {
  const random = seededRandom(differences.length);
  const means = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let sum = 0;
    for (let index = 0; index < differences.length; index++) {
      sum += differences[Math.floor(random() * differences.length)] as number;
    }
    means[resample] = sum / differences.length;
  }
  means.sort();
  return { mean: meanOf(differences), low: quantile(means, 0.025), high: quantile(means, 0.975) };
}
