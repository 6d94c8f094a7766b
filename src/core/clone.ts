import { InvalidOptionError } from './errors.js';
import { requireGlobal } from './require-global.js';

/**
 * How a cache copies its values: 'structured' for `structuredClone`, or a function that returns a copy.
 */
export type Clone<V> = 'structured' | ((value: V) => V);

/** Returns the function of a `clone` option. @throws InvalidOptionError for any other value. */
export function checkClone<V>(owner: string, clone: Clone<V> | undefined): ((value: V) => V) | undefined {
  if (clone === undefined || typeof clone === 'function') return clone;
  if (clone === 'structured') return requireGlobal('structuredClone') as (value: V) => V;
  throw new InvalidOptionError(owner, 'clone', "must be 'structured' or a function", clone);
}
