import type { Invalidation } from './invalidation.js';

/** How often what has happened since the cache was made. */
export interface LoadingCacheStats {
  /** Reads that had a fresh value, or a failure that is kept, at once. */
  readonly hits: number;
  /** Reads that had to wait for a load. */
  readonly misses: number;
  /** Reads that had a stale value: at once, or since a load failed or was late. */
  readonly staleHits: number;
  /** Misses for which a load was under way already. */
  readonly coalesced: number;
  /** Loads begun, refreshes among them. */
  readonly loads: number;
  /** Loads begun in the background. */
  readonly refreshes: number;
  readonly loadFailures: number;
  /** Loads whose value was not kept, since something newer had happened to the key. */
  readonly discarded: number;
}

export type MutableStats = { -readonly [S in keyof LoadingCacheStats]: LoadingCacheStats[S] };

export interface LoadingCacheEvents<K> {
  /** A load has brought a value; `isKept` unless something newer had happened to the key. */
  load: { readonly key: K; readonly durationMs: number; readonly isRefresh: boolean; readonly isKept: boolean };
  /** What other caches of the same things have to do, since it was done here: a value was set, or invalidated. */
  invalidate: Invalidation<K>;
  /** A load has failed. */
  loadError: { readonly key: K; readonly error: unknown; readonly durationMs: number; readonly isRefresh: boolean };
}
