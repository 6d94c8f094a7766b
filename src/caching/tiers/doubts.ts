import { FifoMap } from '../../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from '../match.js';

/** Something that the second tier may still have though it is out of date: a key, or all that match. */
export interface Doubt {
  readonly what: { readonly key: string } | { readonly match: CheckedMatch };
}

/** When the store could not be told of more than that, it is to forget everything. */
const MOST_FAILED = 10_000;
/** A read looks at each of these. */
const MOST_MATCHES = 1000;

export const EVERYTHING: CheckedMatch = { kind: 'prefix', text: '' };

/**
 * What the second tier has not been rid of yet: it is being told, or could not be told. As long as that is so nobody
 * reads it from there, or a deletion that was lost would be undone by the next read.
 *
 * O(1) a key, O(matches in doubt) a read. Bounded by the calls under way, and at most 10,000 that have failed: then these
 * are one doubt about everything.
 */
export class Doubts {
  readonly #keys = new Map<string, Doubt>();
  readonly #matches = new Map<string, Doubt>();
  /** In the order in which they failed. */
  readonly #failed = new FifoMap<Doubt, true>();
  /** Replaced, never changed: a read holds on to those of its beginning. */
  #list: readonly CheckedMatch[] = [];

  /** A newer doubt about the same takes the place of the older one. */
  raise(what: Doubt['what']): Doubt {
    const doubt: Doubt = { what };
    const before = this.#find(what);
    if (before !== undefined) this.#failed.delete(before);
    if ('key' in what) this.#keys.set(what.key, doubt);
    else {
      this.#matches.set(nameOf(what.match), doubt);
      this.#listMatches();
    }
    return doubt;
  }

  #find(what: Doubt['what']): Doubt | undefined {
    return 'key' in what ? this.#keys.get(what.key) : this.#matches.get(nameOf(what.match));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** The store is rid of it, unless it has come into doubt again. */
  settle(doubt: Doubt): void {
    if (!this.stands(doubt)) return;
    this.#failed.delete(doubt);
    if ('key' in doubt.what) this.#keys.delete(doubt.what.key);
    else {
      this.#matches.delete(nameOf(doubt.what.match));
      this.#listMatches();
    }
  }

  stands(doubt: Doubt): boolean {
    return this.#find(doubt.what) === doubt;
  }

  /** The store was told, and it did not work: it is to be told again, after all others. */
  fail(doubt: Doubt): void {
    if (!this.stands(doubt)) return;
    this.#failed.set(doubt, true);
    if (this.#failed.size > MOST_FAILED || this.#matches.size > MOST_MATCHES) this.#doubtEverything();
  }

  /** What is being told besides may still work, and stays a doubt of its own. */
  #doubtEverything(): void {
    for (const doubt of [...this.#failed.keys()]) this.settle(doubt);
    this.#failed.set(this.raise({ match: EVERYTHING }), true);
  }

  /** What the store is to be told of next. */
  nextFailed(): Doubt | undefined {
    return this.#failed.oldest?.[0];
  }

  get size(): number {
    return this.#keys.size + this.#matches.size;
  }

  /** Those about all that match. */
  get matches(): readonly CheckedMatch[] {
    return this.#list;
  }

  concern(key: string): boolean {
    return this.#keys.has(key) || this.#list.some((match) => matchesKey(match, key));
  }

  #listMatches(): void {
    this.#list = [...this.#matches.values()].map(({ what }) => (what as { match: CheckedMatch }).match);
  }
}
