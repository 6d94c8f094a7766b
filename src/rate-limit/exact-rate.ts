import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkNumber } from '../core/options.js';
import { checkPeriod, LARGEST } from './settings.js';

/**
 * A rate in integer units, so that levels never need rounding. Example: 10 tokens per second are 1 unit per microsecond
 * with 100,000 units per token.
 */
export interface ExactRate {
  readonly unitsPerToken: number;
  readonly unitsPerMicrosecond: number;
}

/**
 * Returns `amount` tokens per `per` as an exact rate: amount / per as a fraction of integers in lowest terms.
 *
 * If a full bucket would have more than 2^51 units, the function returns the largest smaller rate that fits. Its
 * relative error is less than 1 / (units per token): a millionth for a capacity of 10^9.
 *
 * @throws InvalidOptionError if that rate is 0, because the bucket would take longer than 70 years to fill.
 */
export function exactRateOf(
  owner: string,
  option: string,
  amount: unknown,
  per: Duration | undefined,
  capacity: number,
): ExactRate {
  const [tokens, scale] = fractionOf(checkNumber(owner, option, amount, { above: 0 }));
  const time = scale * BigInt(checkPeriod(owner, per));
  const common = greatestCommonDivisor(tokens, time);
  const rate = { unitsPerToken: time / common, unitsPerMicrosecond: tokens / common };
  const finest = BigInt(Math.floor(LARGEST / capacity));
  if (rate.unitsPerToken > finest || rate.unitsPerMicrosecond > LARGEST) {
    const scaled = (rate.unitsPerMicrosecond * finest) / rate.unitsPerToken;
    if (scaled === 0n)
      throw new InvalidOptionError(owner, option, `must add up to ${capacity} within 70 years`, amount);
    const countable = scaled < LARGEST ? scaled : BigInt(LARGEST);
    // Rounding the units per token up rounds the rate down.
    rate.unitsPerToken = (countable * rate.unitsPerToken + rate.unitsPerMicrosecond - 1n) / rate.unitsPerMicrosecond;
    rate.unitsPerMicrosecond = countable;
  }
  return { unitsPerToken: Number(rate.unitsPerToken), unitsPerMicrosecond: Number(rate.unitsPerMicrosecond) };
}

/** Returns a finite positive number as the fraction that its decimal notation shows: 0.1 is exactly 1 / 10. */
function fractionOf(value: number): [numerator: bigint, denominator: bigint] {
  const [digits = '', exponent = '0'] = String(value).split('e');
  const [whole = '', decimals = ''] = digits.split('.');
  const shift = Number(exponent) - decimals.length;
  const numerator = BigInt(whole + decimals);
  return shift < 0 ? [numerator, 10n ** BigInt(-shift)] : [numerator * 10n ** BigInt(shift), 1n];
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}
