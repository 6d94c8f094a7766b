import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger } from '../core/options.js';

/** 2^51: a quarter of the largest exact integer, so that sums of two such numbers are exact. */
export const LARGEST = 2_251_799_813_685_248;

/** The largest capacity or limit: 10^15. */
const MAX_LIMIT = 1_000_000_000_000_000;

/** Checks the capacity, or the limit of a window: an integer from 1 to 10^15. */
export function checkLimit(owner: string, option: 'capacity' | 'limit', value: unknown): number {
  return checkInteger(owner, option, value, { min: 1, max: MAX_LIMIT });
}

/** Returns a period in whole microseconds, rounded up: a longer period never admits more. */
export function checkPeriod(owner: string, value: Duration | undefined): number {
  const micros = Math.ceil(toMs(owner, 'per', value, { min: 0.001 }) * 1000 - 0.001);
  if (micros <= LARGEST) return micros;
  throw new InvalidOptionError(owner, 'per', 'must be at most 70 years', value);
}

/** Converts a period in microseconds back to the option in milliseconds. */
export function periodOption(micros: number): number {
  return micros / 1000;
}
