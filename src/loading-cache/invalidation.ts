import { InvalidOptionError } from '../core/errors.js';
import { type CheckedMatch, checkMatch, type EntryMatch, matchesKey } from './match.js';

/**
 * What has happened to what is kept, as one cache tells another: what was set is to be deleted there too, since the value
 * there is an old one.
 */
export type Invalidation<K> = (
  | { readonly kind: 'delete' | 'expire'; readonly key: K }
  | { readonly kind: 'deleteMatching' | 'expireMatching'; readonly match: EntryMatch }
  | { readonly kind: 'clear' }
) & {
  /** Follows from an invalidation elsewhere that came too late to stop a value on its way to a second tier. */
  readonly isEcho?: true | undefined;
};

/** An invalidation that was checked. */
export type CheckedInvalidation<K> =
  | { readonly kind: 'delete' | 'expire'; readonly key: K }
  | { readonly kind: 'deleteMatching' | 'expireMatching'; readonly match: CheckedMatch }
  | { readonly kind: 'clear' };

export function checkInvalidation<K>(owner: string, invalidation: Invalidation<K>): CheckedInvalidation<K> {
  switch (invalidation?.kind) {
    case 'delete':
    case 'expire':
      if ('key' in invalidation) return invalidation;
      throw new InvalidOptionError(owner, 'invalidation', 'must have a "key"', invalidation);
    case 'clear':
      return invalidation;
    case 'deleteMatching':
    case 'expireMatching':
      return { kind: invalidation.kind, match: checkMatch(owner, invalidation.match) };
    default: {
      const rule = 'must have one of the kinds "delete", "expire", "deleteMatching", "expireMatching", "clear"';
      throw new InvalidOptionError(owner, 'invalidation', rule, invalidation);
    }
  }
}

/** Whether it hits the key by itself. What only a tag of its value would tell, it does not. */
export function hitsKey<K>(invalidation: CheckedInvalidation<K>, key: K): boolean {
  if (invalidation.kind === 'clear') return true;
  return 'key' in invalidation ? invalidation.key === key : matchesKey(invalidation.match, key);
}
