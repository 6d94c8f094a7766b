import type { Random } from '../core/random.js';

/** How long a stale value may still be served, in milliseconds after the end of its TTL. */
export interface StaleWindows {
  /** The time during which a read serves the stale value immediately and reloads it in the background. */
  readonly revalidateMs: number;
  /** The time during which a read serves the stale value if the load fails or takes too long. */
  readonly errorMs: number;
}

/** When a read reloads a value that is still fresh. */
export interface EarlyRefresh {
  /** The share of the TTL after which a read reloads the value, in (0, 1]; 1 for never. */
  readonly share: number;
  /** Beta of XFetch; 0 for no early reload at random. */
  readonly beta: number;
}

/**
 * The age of an entry, which decides how a read may serve it (names of RFC 5861).
 *
 * - `fresh`: the read serves the value.
 * - `stale`: the read serves the value immediately and reloads it in the background.
 * - `stale-if-error`: the read serves the value only if its load has failed or takes too long. Varnish calls this time
 *   *grace*.
 * - `expired`: the read does not serve the value any more.
 */
export type EntryAge = 'fresh' | 'stale' | 'stale-if-error' | 'expired';

/**
 * An upper bound of −ln(1 − r) for a random r in [0, 1): 1 − r is at least 2^-53, and 36.74 is a little more than
 * 53 × ln 2.
 */
const LARGEST_DRAW = 36.74;

/** The properties of a new entry: of a loaded value, or of a failure that is remembered. */
export interface NewEntry<V> {
  readonly value: V | undefined;
  /** The error of the failed load, if the entry remembers a failure. */
  readonly failure?: { readonly error: unknown } | undefined;
  /** The current time in milliseconds. */
  readonly now: number;
  /** How long the entry is fresh, in milliseconds. */
  readonly freshMs: number;
  /** How long the load took, in milliseconds. */
  readonly loadMs: number;
  readonly tags: readonly string[];
  /** The number of the last invalidation when the entry was made. */
  readonly checkedVersion: number;
}

/**
 * A value with its metadata. A `loadingCache` stores it in its cache, so that one lookup finds both. The age of an
 * entry is computed from the current time, so no timer is needed.
 *
 * ```text
 *  stored        refreshFrom?       freshUntil         + staleWhileRevalidate      + staleIfError
 *    |  fresh        |  fresh, reloaded  |  stale, reloaded      |  stale-if-error         |  expired
 * ```
 */
export class CachedEntry<V> {
  readonly value: V;
  /**
   * The time until which a read only has to return the value: the single comparison of a fresh hit. It is rounded down
   * to a whole millisecond, and it is undefined instead of infinite, because V8 allocates each number that is not a
   * small integer as a heap object, and reading that object would be most of the cost of a hit.
   */
  hitFastPathUntil: number | undefined;
  /** The number of the last invalidation that the entry was compared with. */
  checkedVersion: number;
  /** The error of the failed load, if the entry remembers a failure. */
  readonly failure: { readonly error: unknown } | undefined;
  /** The time at which the TTL ends, in milliseconds. */
  readonly freshUntil: number;
  /** How long the load took, in milliseconds. */
  readonly loadMs: number;
  readonly tags: readonly string[];
  /** The time from which a read reloads the fresh value in the background. */
  readonly refreshFrom: number | undefined;
  /** The time at which an invalidation made the value stale before the end of its TTL. */
  expiredAt: number | undefined;
  /** The time before which a failed load is not repeated. */
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

  /** Whether a load of the key failed recently, so that a read must not start another load yet. */
  isInBackoff(now: number): boolean {
    return this.retryFrom !== undefined && now < this.retryFrom;
  }

  /** The time at which the value becomes, or became, stale: by its TTL or by an invalidation. */
  get endsAt(): number {
    return Math.min(this.freshUntil, this.expiredAt ?? Infinity);
  }

  /** Returns the age of the entry at the time `now`. */
  ageAt(now: number, { revalidateMs, errorMs }: StaleWindows): EntryAge {
    const end = this.endsAt;
    if (now < end) return 'fresh';
    if (this.failure !== undefined) return 'expired';
    if (now < end + revalidateMs) return 'stale';
    return now < end + errorMs ? 'stale-if-error' : 'expired';
  }

  /**
   * Whether a read of the fresh value should start a reload. With XFetch the read draws a random time before the end of
   * the TTL. The probability of a reload grows towards the end of the TTL, and a value that takes longer to load is
   * reloaded earlier (Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", 2015).
   */
  isDueForRefresh(now: number, { beta }: EarlyRefresh, random: Random): boolean {
    if (this.isInBackoff(now)) return false;
    if (this.refreshFrom !== undefined && now >= this.refreshFrom) return true;
    return beta > 0 && now - beta * this.loadMs * Math.log(1 - random()) >= this.freshUntil;
  }

  /** Makes the entry stale at the time `from`, as if its TTL had ended then. Never extends the TTL. */
  expire(from: number): void {
    this.expiredAt = Math.min(this.expiredAt ?? Infinity, from);
    this.hitFastPathUntil = -Infinity;
  }
}
