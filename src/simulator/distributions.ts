import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, readOptions } from '../core/options.js';
import type { Random } from '../core/random.js';
import { exp, ln, normalQuantile } from './exact-math.js';

/** A random duration: returns milliseconds ≥ 0. Takes one number from the random source per draw. */
export type Distribution = (random: Random) => number;

/**
 * Returns a distribution that is always the same duration.
 * @throws InvalidOptionError if the value is not a duration ≥ 0.
 */
export function constant(duration: Duration): Distribution {
  const ms = toMs('constant', 'duration', duration, { orZero: true });
  return () => ms;
}

/**
 * Returns an exponential distribution: the service times of the M/M/c queue. Its 99th percentile is 4.6 times the mean.
 * @throws InvalidOptionError if the mean is not a duration above 0.
 */
export function exponential(mean: Duration): Distribution {
  const meanMs = toMs('exponential', 'mean', mean);
  return (random) => -ln(1 - random()) * meanMs;
}

/**
 * Returns a uniform distribution in [`from`, `to`).
 * @throws InvalidOptionError unless 0 ≤ `from` ≤ `to`.
 */
export function uniform(from: Duration, to: Duration): Distribution {
  const fromMs = toMs('uniform', 'from', from, { orZero: true });
  const toMsValue = toMs('uniform', 'to', to, { orZero: true, min: fromMs });
  return (random) => fromMs + random() * (toMsValue - fromMs);
}

/** The parameters of a log-normal distribution. */
export interface LogNormalOptions {
  /** The median: a duration above 0. */
  readonly median: Duration;
  /** The 99th percentile: a duration ≥ `median`. */
  readonly p99: Duration;
}

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.3263478740408408;

/** Adds half of the smallest step of a draw, so that a probability is never 0. */
const HALF_STEP = 2 ** -33;

/**
 * Returns a log-normal distribution, which is close to the latencies of most services, by its median and its 99th
 * percentile.
 * @throws InvalidOptionError for invalid options.
 */
export function logNormal(options: LogNormalOptions): Distribution {
  const own = readOptions<LogNormalOptions>('logNormal', options, { median: undefined, p99: undefined });
  const medianMs = toMs('logNormal', 'median', own.median);
  const p99Ms = toMs('logNormal', 'p99', own.p99, { min: medianMs });
  const sigma = ln(p99Ms / medianMs) / Z99;
  return (random) => medianMs * exp(sigma * normalQuantile(random() + HALF_STEP));
}

/**
 * Returns the distribution of a histogram, such as the one of a service's metrics: pairs of the upper bound of a bucket
 * and the number of values in the bucket. Values are spread evenly within a bucket; the first bucket begins at 0.
 * @throws InvalidOptionError unless the bounds increase and the counts are ≥ 0 and not all 0.
 */
export function empirical(buckets: readonly (readonly [upTo: Duration, count: number])[]): Distribution {
  if (!Array.isArray(buckets) || buckets.length === 0) {
    throw new InvalidOptionError('empirical', 'buckets', 'must be an array of pairs [upTo, count]', buckets);
  }
  const bounds = [0];
  const cumulative = [0];
  for (const [index, pair] of buckets.entries()) {
    const [upTo, count] = pair as readonly [Duration, number];
    const previous = bounds[index] as number;
    const bound = toMs('empirical', `buckets[${index}][0]`, upTo, { orZero: index === 0, min: previous });
    bounds.push(bound);
    const checked = checkNumber('empirical', `buckets[${index}][1]`, count, { min: 0 });
    cumulative.push((cumulative[index] as number) + checked);
  }
  const total = cumulative.at(-1) as number;
  if (total === 0) throw new InvalidOptionError('empirical', 'buckets', 'must have a count above 0', buckets);
  return (random) => {
    const rank = random() * total;
    let index = 1;
    while ((cumulative[index] as number) <= rank) index++;
    const [from, to] = [bounds[index - 1] as number, bounds[index] as number];
    const [below, upTo] = [cumulative[index - 1] as number, cumulative[index] as number];
    return from + ((to - from) * (rank - below)) / (upTo - below);
  };
}

/** Returns a distribution option: a distribution, or a duration that is always the same. */
export function checkDistribution(owner: string, option: string, value: Distribution | Duration): Distribution {
  if (typeof value === 'function') return value;
  const ms = toMs(owner, option, value, { orZero: true });
  return () => ms;
}

/** Draws a duration. @throws InvalidOptionError if the distribution returns anything but a finite number ≥ 0. */
export function draw(owner: string, option: string, distribution: Distribution, random: Random): number {
  const ms = distribution(random);
  if (typeof ms === 'number' && ms >= 0 && ms < Infinity) return ms;
  throw new InvalidOptionError(owner, option, 'must draw milliseconds ≥ 0', ms);
}
