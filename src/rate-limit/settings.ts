import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger } from '../core/options.js';

/** 2^51, a quarter of what integers are exact to: sums of two such numbers stay well inside. */
export const LARGEST = 2_251_799_813_685_248;

const MAX_LIMIT = 1_000_000_000_000_000;

/** How much may pass at once: a capacity, or the limit of a window. */
export function checkLimit(owner: string, option: 'capacity' | 'limit', value: unknown): number {
  return checkInteger(owner, option, value, { min: 1, max: MAX_LIMIT });
}

/** A period in whole microseconds, rounded up: a longer one never lets through more. */
export function checkPeriod(owner: string, value: Duration | undefined): number {
  const micros = Math.ceil(toMs(owner, 'per', value, { min: 0.001 }) * 1000 - 0.001);
  if (micros <= LARGEST) return micros;
  throw new InvalidOptionError(owner, 'per', 'must be at most 70 years', value);
}

/** The same period as an option. */
export function periodOption(micros: number): number {
  return micros / 1000;
}
