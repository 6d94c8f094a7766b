import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';

/**
 * Selects entries: by a tag, by a key prefix, or by a glob that matches the key. In a glob, `*` matches any number of
 * characters (also none), `?` matches one, and `\` makes the next character literal. A prefix or a glob matches only
 * keys that are strings.
 */
export type EntryMatch =
  | { readonly tag: string; readonly prefix?: undefined; readonly glob?: undefined }
  | { readonly prefix: string; readonly tag?: undefined; readonly glob?: undefined }
  | { readonly glob: string; readonly tag?: undefined; readonly prefix?: undefined };

/** A checked `EntryMatch`. */
export type CheckedMatch = { readonly kind: 'tag' | 'prefix' | 'glob'; readonly text: string };

export function checkMatch(owner: string, match: EntryMatch): CheckedMatch {
  const own = readOptions<{ tag?: unknown; prefix?: unknown; glob?: unknown }>(
    owner,
    match ?? null, // undefined means "no options" to `readOptions`, but a match is required
    { tag: undefined, prefix: undefined, glob: undefined },
    'match',
  );
  const given = (['tag', 'prefix', 'glob'] as const).filter((kind) => own[kind] !== undefined);
  const [kind] = given;
  const text = kind === undefined ? undefined : own[kind];
  if (kind !== undefined && given.length === 1 && typeof text === 'string') return { kind, text };
  throw new InvalidOptionError(owner, 'match', 'must have exactly one of "tag", "prefix", "glob", as a string', match);
}

/** Returns an identifier of the match: equal only for matches of the same kind and text. */
export const nameOf = ({ kind, text }: CheckedMatch): string => `${kind} ${text}`;

/** Whether a prefix or a glob matches a key. A tag matches no key. */
export function matchesKey({ kind, text }: CheckedMatch, key: unknown): boolean {
  if (typeof key !== 'string' || kind === 'tag') return false;
  return kind === 'prefix' ? key.startsWith(text) : matchesGlob(text, key);
}

/** Whether the match selects an entry with that key and those tags. */
export function hitsEntry(match: CheckedMatch, key: unknown, tags: readonly string[]): boolean {
  return match.kind === 'tag' ? tags.includes(match.text) : matchesKey(match, key);
}

/**
 * Whether a glob matches a text. Does not use regular expressions, whose worst case is exponential: after a mismatch
 * only the last `*` has to match one character more. O(glob × text) in the worst case, usually O(text).
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
 * A change to a cache, as it is sent to other caches with the same data. A `set` is sent as `delete`, because the value
 * in the other caches is outdated.
 */
export type Invalidation<K> = (
  | { readonly kind: 'delete' | 'expire'; readonly key: K }
  | { readonly kind: 'deleteMatching' | 'expireMatching'; readonly match: EntryMatch }
  | { readonly kind: 'clear' }
) & {
  /**
   * Whether this invalidation repeats one of another process, which came too late to stop an outdated value on its way
   * to the second tier.
   */
  readonly isRebroadcast?: true | undefined;
};

/** A checked `Invalidation`. */
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

/** Whether the invalidation hits the key itself. An invalidation by tag hits no key, only entries with that tag. */
export function hitsKey<K>(invalidation: CheckedInvalidation<K>, key: K): boolean {
  if (invalidation.kind === 'clear') return true;
  return 'key' in invalidation ? invalidation.key === key : matchesKey(invalidation.match, key);
}
