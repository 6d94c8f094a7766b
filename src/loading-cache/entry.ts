import type { Random } from '../core/random.js';

/** For how long what is no longer fresh may still be served, in milliseconds. */
export interface StaleWindows {
  /** At once, while somebody loads it anew. */
  readonly revalidateMs: number;
  /** When the load fails, or takes too long. */
  readonly errorMs: number;
}

/** When a value that is still fresh is to be loaded anew. */
export interface EarlyRefresh {
  /** The share of its ttl after which a read does so; 1 for not before its end. */
  readonly share: number;
  /** How eagerly XFetch does; 0 for not at all. */
  readonly beta: number;
}

/**
 * How an entry may be served.
 *
 * - `fresh`: as it is.
 * - `stale`: at once, while it is loaded anew.
 * - `grace`: when a load has failed, or takes too long.
 * - `over`: not any more.
 */
export type EntryAge = 'fresh' | 'stale' | 'grace' | 'over';

/** A bound for −ln of a random number: 1 − r of an r in [0, 1) is 2^-53 at least, and this a little more than 53 × ln 2. */
const LARGEST_DRAW = 36.74;

/** What is known of a value, or of an error, when it is stored. */
export interface NewEntry<V> {
  readonly value: V | undefined;
  /** What the load failed with, where failures are kept. */
  readonly failure?: { readonly error: unknown } | undefined;
  readonly now: number;
  readonly freshMs: number;
  /** How long the load took. */
  readonly loadMs: number;
  readonly tags: readonly string[];
  /** The number of the last invalidation that it has survived. */
  readonly checkedVersion: number;
}

/**
 * A value and what is known of it: what a `loadingCache` keeps in its cache, so that one lookup finds all. What becomes
 * of an entry is a function of time; nothing ticks.
 *
 * ```text
 *  stored        refreshFrom?      freshUntil          + staleWhileRevalidate      + staleIfError
 *    |  fresh        |  fresh, renewed  |  stale, renewed        |  grace                 |  over
 * ```
 */
export class CachedEntry<V> {
  readonly value: V;
  /**
   * Until then a read has nothing to do but to return the value: the one comparison of a fresh hit. A whole millisecond,
   * and undefined rather than an infinite number: V8 keeps each number that is no small integer in a place of its own,
   * and to look there would be most of what a hit costs.
   */
  hitFastPathUntil: number | undefined;
  checkedVersion: number;
  readonly failure: { readonly error: unknown } | undefined;
  readonly freshUntil: number;
  readonly loadMs: number;
  readonly tags: readonly string[];
  /** When a read is to have it loaded anew though it is fresh. */
  readonly refreshFrom: number | undefined;
  /** Since when it is stale whatever its ttl. */
  expiredAt: number | undefined;
  /** A load that failed is not to be tried again before. */
  retryFrom: number | undefined;

  constructor(init: NewEntry<V>, { share, beta }: EarlyRefresh) {
    const { now, freshMs, loadMs } = init;
    this.value = init.value as V;
    this.hitFastPathUntil = undefined;
    this.checkedVersion = init.checkedVersion;
    this.failure = init.failure;
    this.freshUntil = now + freshMs;
    this.loadMs = loadMs;
    this.tags = init.tags;
    this.refreshFrom = share === 1 || freshMs === Infinity ? undefined : now + freshMs * share;
    this.expiredAt = undefined;
    this.retryFrom = undefined;
    if (this.failure !== undefined) this.hitFastPathUntil = -Infinity;
    else if (freshMs !== Infinity) {
      this.hitFastPathUntil = Math.floor(
        Math.min(now + freshMs * share, this.freshUntil - beta * loadMs * LARGEST_DRAW),
      );
    }
  }

  /** Whether a read is not to try a load since one has just failed. */
  isInBackoff(now: number): boolean {
    return this.retryFrom !== undefined && now < this.retryFrom;
  }

  /** When it is stale, or has become so. */
  get endsAt(): number {
    return Math.min(this.freshUntil, this.expiredAt ?? Infinity);
  }

  ageAt(now: number, { revalidateMs, errorMs }: StaleWindows): EntryAge {
    const end = this.endsAt;
    if (now < end) return 'fresh';
    if (this.failure !== undefined) return 'over';
    if (now < end + revalidateMs) return 'stale';
    return now < end + errorMs ? 'grace' : 'over';
  }

  /**
   * Whether a read of the fresh value is to start a load. By XFetch, the read draws how early it is: so much that the
   * chance grows towards the end of the ttl, and the longer a load takes the earlier it begins (Vattani, Chierichetti,
   * Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", 2015).
   */
  isDueForRefresh(now: number, { beta }: EarlyRefresh, random: Random): boolean {
    if (this.isInBackoff(now)) return false;
    if (this.refreshFrom !== undefined && now >= this.refreshFrom) return true;
    return beta > 0 && now - beta * this.loadMs * Math.log(1 - random()) >= this.freshUntil;
  }

  /** Stale from then on, as if its ttl had ended. Never makes it last longer than it would have. */
  expire(from: number): void {
    this.expiredAt = Math.min(this.expiredAt ?? Infinity, from);
    this.hitFastPathUntil = -Infinity;
  }
}
