import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from '../loading-cache/match.js';

/** Something that the second tier may still have though it is out of date: a key, or all that match. */
export interface PendingInvalidation {
  readonly target: { readonly key: string } | { readonly match: CheckedMatch };
}

/** When the store could not be told of more than that, it is to forget everything. */
const MOST_FAILED = 10_000;
/** A read looks at each of these. */
const MOST_MATCHES = 1000;

export const MATCH_ALL: CheckedMatch = { kind: 'prefix', text: '' };

/**
 * What the second tier has not been rid of yet: it is being told, or could not be told. As long as that is so nobody
 * reads it from there, or a deletion that was lost would be undone by the next read.
 *
 * O(1) a key, O(matches in doubt) a read. Bounded by the calls under way, and at most 10,000 that have failed: then these
 * are one doubt about everything.
 */
export class PendingInvalidations {
  readonly #keys = new Map<string, PendingInvalidation>();
  readonly #matches = new Map<string, PendingInvalidation>();
  /** In the order in which they failed. */
  readonly #failed = new FifoMap<PendingInvalidation, true>();
  /** Replaced, never changed: a read holds on to those of its beginning. */
  #list: readonly CheckedMatch[] = [];

  /** A newer doubt about the same takes the place of the older one. */
  add(target: PendingInvalidation['target']): PendingInvalidation {
    const invalidation: PendingInvalidation = { target };
    const before = this.#find(target);
    if (before !== undefined) this.#failed.delete(before);
    if ('key' in target) this.#keys.set(target.key, invalidation);
    else {
      this.#matches.set(nameOf(target.match), invalidation);
      this.#listMatches();
    }
    return invalidation;
  }

  #find(target: PendingInvalidation['target']): PendingInvalidation | undefined {
    return 'key' in target ? this.#keys.get(target.key) : this.#matches.get(nameOf(target.match));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** The store is rid of it, unless it has come into doubt again. */
  resolve(invalidation: PendingInvalidation): void {
    if (!this.isPending(invalidation)) return;
    this.#failed.delete(invalidation);
    if ('key' in invalidation.target) this.#keys.delete(invalidation.target.key);
    else {
      this.#matches.delete(nameOf(invalidation.target.match));
      this.#listMatches();
    }
  }

  isPending(invalidation: PendingInvalidation): boolean {
    return this.#find(invalidation.target) === invalidation;
  }

  /** The store was told, and it did not work: it is to be told again, after all others. */
  fail(invalidation: PendingInvalidation): void {
    if (!this.isPending(invalidation)) return;
    this.#failed.set(invalidation, true);
    if (this.#failed.size > MOST_FAILED || this.#matches.size > MOST_MATCHES) this.#mergeIntoOne();
  }

  /** What is being told besides may still work, and stays a doubt of its own. */
  #mergeIntoOne(): void {
    for (const invalidation of [...this.#failed.keys()]) this.resolve(invalidation);
    this.#failed.set(this.add({ match: MATCH_ALL }), true);
  }

  /** What the store is to be told of next. */
  nextFailed(): PendingInvalidation | undefined {
    return this.#failed.oldest?.[0];
  }

  get size(): number {
    return this.#keys.size + this.#matches.size;
  }

  /** Those about all that match. */
  get matches(): readonly CheckedMatch[] {
    return this.#list;
  }

  matchesKey(key: string): boolean {
    return this.#keys.has(key) || this.#list.some((match) => matchesKey(match, key));
  }

  #listMatches(): void {
    this.#list = [...this.#matches.values()].map(({ target }) => (target as { match: CheckedMatch }).match);
  }
}
