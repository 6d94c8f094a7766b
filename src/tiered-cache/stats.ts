import type { LoadingCacheEvents, LoadingCacheStats } from '../loading-cache/stats.js';

/** The events of a tiered cache. */
export interface TieredCacheEvents extends LoadingCacheEvents<string> {
  /** A call to the second tier has ended. `error` is set if it failed, timed out or was rejected by the policy. */
  secondTier: {
    readonly operation: 'get' | 'set' | 'delete' | 'deleteMatching';
    /** The number of keys in the call; 0 for `deleteMatching`. */
    readonly keys: number;
    readonly durationMs: number;
    readonly error?: unknown;
  };
}

/** The counters of each tier since the cache was made. */
export interface TieredCacheStats {
  /** The counters of the first tier, in this process. Its loads are reads of the second tier. */
  readonly l1: LoadingCacheStats & { readonly hitRatio: number };
  /** The counters of the second tier. */
  readonly l2: SecondTierStats;
  /** The number, durations and failures of loads from the origin. */
  readonly origin: Latency & { readonly failures: number };
}

/** The counters of the second tier since the cache was made. */
export interface SecondTierStats {
  /** Keys whose value was in the second tier and fresh. */
  readonly hits: number;
  /** Keys whose value was not in the second tier. */
  readonly misses: number;
  /** Keys whose value was in the second tier but stale. */
  readonly staleHits: number;
  /** Keys that were not read from the second tier, because an invalidation of them is not confirmed there yet. */
  readonly bypassed: number;
  /** The share of hits among all keys that were requested from the second tier, including failed requests. */
  readonly hitRatio: number;
  /** Calls that failed, timed out or were rejected by the policy, and data that could not be decoded. */
  readonly failures: number;
  /** The number of invalidations (of keys and of matches) that the second tier has not confirmed yet. */
  readonly pendingInvalidations: number;
  /** The durations of the successful calls. */
  readonly latency: Latency;
}

/** The number of calls and their durations in milliseconds. */
export interface Latency {
  readonly calls: number;
  readonly meanMs: number;
  readonly maxMs: number;
}

/** Collects the durations of calls. */
export class LatencyTally {
  #calls = 0;
  #totalMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    this.#calls++;
    this.#totalMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get summary(): Latency {
    const calls = this.#calls;
    return { calls, meanMs: calls === 0 ? 0 : this.#totalMs / calls, maxMs: this.#maxMs };
  }
}
