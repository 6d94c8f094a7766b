import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkNumber } from '../core/options.js';
import { checkPeriod, LARGEST } from './settings.js';

/**
 * A rate in integers. A token is so many grains, and so many grains flow a microsecond: 10 tokens a second are one grain
 * a microsecond where a token is 100,000 grains. Levels that are counted in grains never need rounding.
 */
export interface ExactRate {
  readonly unitsPerToken: number;
  readonly unitsPerMicrosecond: number;
}

/**
 * `amount` tokens per `per`, fine enough to be exact: amount / per as a fraction of integers in lowest terms.
 *
 * When a full bucket would be more than 2^51 grains, the nearest smaller rate that can be counted takes its place. It is
 * too low by less than one part in as many grains as a token then has: a millionth for a capacity of 10^9.
 *
 * @throws InvalidOptionError when that rate is 0, because the bucket would take longer than 70 years to fill.
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
  const exactRate = { perToken: time / common, perMicro: tokens / common };
  const finest = BigInt(Math.floor(LARGEST / capacity));
  if (exactRate.perToken > finest || exactRate.perMicro > LARGEST) {
    const perMicro = (exactRate.perMicro * finest) / exactRate.perToken;
    if (perMicro === 0n)
      throw new InvalidOptionError(owner, option, `must come to ${capacity} within 70 years`, amount);
    const countable = perMicro < LARGEST ? perMicro : BigInt(LARGEST);
    exactRate.perToken = (countable * exactRate.perToken + exactRate.perMicro - 1n) / exactRate.perMicro; // rounded up: the rate down
    exactRate.perMicro = countable;
  }
  return { unitsPerToken: Number(exactRate.perToken), unitsPerMicrosecond: Number(exactRate.perMicro) };
}

/** A finite positive number as it is written in decimal: 0.1 is 1 / 10, whatever its bits say. */
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
