import { checkInteger, checkNumber, readOptions } from '../core/options.js';
import type { Random } from '../core/random.js';
import { exp, ln } from './exact-math.js';

/** A random key. Takes one number from the random source per draw. */
export type KeyDistribution = (random: Random) => string;

/** Options of `zipf`. */
export interface ZipfOptions {
  /** The number of keys: an integer ≥ 1. */
  readonly count: number;
  /** The exponent: a number ≥ 0. 0 makes all keys equally frequent. @defaultValue 1 */
  readonly exponent?: number | undefined;
}

/**
 * Returns keys `'0'`, `'1'`, … of which the n-th is used in proportion to n^-exponent, as the objects of most services.
 * O(log count) per draw; memory: 8 bytes per key.
 * @throws InvalidOptionError for invalid options.
 */
export function zipf(options: ZipfOptions): KeyDistribution {
  const own = readOptions<ZipfOptions>('zipf', options, { count: undefined, exponent: 1 });
  const count = checkInteger('zipf', 'count', own.count, { min: 1, max: 10_000_000 });
  const exponent = checkNumber('zipf', 'exponent', own.exponent, { min: 0, max: 20 });
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += exp(-exponent * ln(rank + 1));
    cumulative[rank] = sum;
  }
  return (random) => {
    const target = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) > target) high = middle;
      else low = middle + 1;
    }
    return String(low);
  };
}
