import { InvalidOptionError } from '../core/errors.js';

/** A key of a range: a finite number, a bigint, a string (compared by its UTF-16 code units), or a valid date. */
export type RangeKey = number | bigint | string | Date;

/** A key in comparable form: a date is stored as its time, because the Date object can change. */
export type Comparable = number | bigint | string;

/** The type of a key. */
export type KeyKind = 'number' | 'bigint' | 'string' | 'date';

/** Returns the type of a key; undefined if the key is invalid. */
function kindOf(key: unknown): KeyKind | undefined {
  if (key instanceof Date) return Number.isNaN(key.getTime()) ? undefined : 'date';
  if (typeof key === 'number') return Number.isFinite(key) ? 'number' : undefined;
  return typeof key === 'bigint' || typeof key === 'string' ? (typeof key as 'bigint' | 'string') : undefined;
}

/** Checks a key and returns its type. @param kind - The type of the other keys; undefined if there are none yet. */
export function checkRangeKey(owner: string, option: string, key: unknown, kind: KeyKind | undefined): KeyKind {
  const own = kindOf(key);
  if (own === undefined) {
    throw new InvalidOptionError(owner, option, 'must be a finite number, a bigint, a string or a valid Date', key);
  }
  if (kind === undefined || own === kind) return own;
  throw new InvalidOptionError(owner, option, `must be a ${kind} like the other keys`, key);
}

/** Converts a checked key to comparable form. */
export function comparable(key: RangeKey): Comparable {
  if (key instanceof Date) return key.getTime();
  return typeof key === 'number' ? key + 0 : key; // -0 becomes 0
}

/**
 * Converts back from comparable form. A date is a new object each time, so that changing one does not affect others.
 */
export function toRangeKey(value: Comparable, kind: KeyKind | undefined): RangeKey {
  return kind === 'date' ? new Date(value as number) : value;
}
