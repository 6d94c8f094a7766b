import type { Invalidation } from './invalidation.js';

/** The counters of a loading cache since it was made. */
export interface LoadingCacheStats {
  /** Reads that were served a fresh value, or a remembered failure, without waiting. */
  readonly hits: number;
  /** Reads that had to wait for a load. */
  readonly misses: number;
  /** Reads that were served a stale value: without waiting, or because a load failed or was too slow. */
  readonly staleHits: number;
  /** Misses that joined a load in flight. */
  readonly coalesced: number;
  /** Loads that were started, including background refreshes. */
  readonly loads: number;
  /** Loads that were started in the background. */
  readonly refreshes: number;
  /** Loads that failed. */
  readonly loadFailures: number;
  /** Loads whose value was not kept, because the key was set or invalidated during the load. */
  readonly discarded: number;
}

export type MutableStats = { -readonly [S in keyof LoadingCacheStats]: LoadingCacheStats[S] };

/** The events of a loading cache. */
export interface LoadingCacheEvents<K> {
  /** A load succeeded. `isKept` is false if the key was set or invalidated during the load. */
  load: { readonly key: K; readonly durationMs: number; readonly isRefresh: boolean; readonly isKept: boolean };
  /** A value was set or invalidated. Other caches with the same data have to apply this invalidation. */
  invalidate: Invalidation<K>;
  /** A load failed. */
  loadError: { readonly key: K; readonly error: unknown; readonly durationMs: number; readonly isRefresh: boolean };
}
