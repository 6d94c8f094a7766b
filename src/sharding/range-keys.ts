import { InvalidOptionError } from '../core/errors.js';

/** What ranges are made of: finite numbers, bigints, strings (in the order of their UTF-16 code units), or valid dates. */
export type RangeKey = number | bigint | string | Date;

/** A key as it is compared and kept: a date by its time, since the object may change. */
export type Comparable = number | bigint | string;

export type KeyKind = 'number' | 'bigint' | 'string' | 'date';

/** What kind of key it is; undefined when it is none. */
function kindOf(key: unknown): KeyKind | undefined {
  if (key instanceof Date) return Number.isNaN(key.getTime()) ? undefined : 'date';
  if (typeof key === 'number') return Number.isFinite(key) ? 'number' : undefined;
  return typeof key === 'bigint' || typeof key === 'string' ? (typeof key as 'bigint' | 'string') : undefined;
}

/** @param kind - what the other keys are; undefined while there is none. */
export function checkRangeKey(owner: string, option: string, key: unknown, kind: KeyKind | undefined): KeyKind {
  const own = kindOf(key);
  if (own === undefined) {
    throw new InvalidOptionError(owner, option, 'must be a finite number, a bigint, a string or a valid Date', key);
  }
  if (kind === undefined || own === kind) return own;
  throw new InvalidOptionError(owner, option, `must be a ${kind}, as the other keys are`, key);
}

/** Of a key that was checked. */
export function comparable(key: RangeKey): Comparable {
  if (key instanceof Date) return key.getTime();
  return typeof key === 'number' ? key + 0 : key; // -0 becomes 0
}

/** The way back. Dates are made anew: whoever changes one changes only that. */
export function toRangeKey(value: Comparable, kind: KeyKind | undefined): RangeKey {
  return kind === 'date' ? new Date(value as number) : value;
}
