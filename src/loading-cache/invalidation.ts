import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';

/**
 * Which entries: those with a tag, those whose key begins like this, those whose key looks like this. In a glob `*` stands
 * for any characters, none included, `?` for one, and `\` takes the next one literally. Only keys that are strings have
 * a beginning and a look.
 */
export type EntryMatch =
  | { readonly tag: string; readonly prefix?: undefined; readonly glob?: undefined }
  | { readonly prefix: string; readonly tag?: undefined; readonly glob?: undefined }
  | { readonly glob: string; readonly tag?: undefined; readonly prefix?: undefined };

/** A match that was checked. */
export type CheckedMatch = { readonly kind: 'tag' | 'prefix' | 'glob'; readonly text: string };

export function checkMatch(owner: string, match: EntryMatch): CheckedMatch {
  const own = readOptions<{ tag?: unknown; prefix?: unknown; glob?: unknown }>(
    owner,
    match ?? null, // undefined is no match either
    { tag: undefined, prefix: undefined, glob: undefined },
    'match',
  );
  const given = (['tag', 'prefix', 'glob'] as const).filter((kind) => own[kind] !== undefined);
  const [kind] = given;
  const text = kind === undefined ? undefined : own[kind];
  if (kind !== undefined && given.length === 1 && typeof text === 'string') return { kind, text };
  throw new InvalidOptionError(owner, 'match', 'must have one of "tag", "prefix", "glob", a string', match);
}

/** A name for the match: equal only for matches of the same kind and text. */
export const nameOf = ({ kind, text }: CheckedMatch): string => `${kind} ${text}`;

/** Whether a key looks like that. None looks like a tag. */
export function matchesKey({ kind, text }: CheckedMatch, key: unknown): boolean {
  if (typeof key !== 'string' || kind === 'tag') return false;
  return kind === 'prefix' ? key.startsWith(text) : matchesGlob(text, key);
}

/** Whether an entry with that key and those tags is meant. */
export function hitsEntry(match: CheckedMatch, key: unknown, tags: readonly string[]): boolean {
  return match.kind === 'tag' ? tags.includes(match.text) : matchesKey(match, key);
}

/**
 * Without regular expressions, whose worst case is exponential: after a mismatch only the last `*` needs to take one
 * character more. O(glob × text) at worst, O(text) as a rule.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let [at, next] = [0, 0];
  let [star, starText] = [-1, 0];
  while (next < text.length) {
    const isEscaped = glob[at] === '\\' && at + 1 < glob.length;
    const wanted = isEscaped ? glob[at + 1] : glob[at];
    if (!isEscaped && wanted === '*') {
      star = at++;
      starText = next;
    } else if (wanted === text[next] || (!isEscaped && wanted === '?')) {
      at += isEscaped ? 2 : 1;
      next++;
    } else if (star >= 0) {
      at = star + 1;
      next = ++starText;
    } else return false;
  }
  while (glob[at] === '*') at++;
  return at === glob.length;
}

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
