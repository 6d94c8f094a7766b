import type { LoadingCacheEvents, LoadingCacheStats } from '../loading-cache/stats.js';

export interface TieredCacheEvents extends LoadingCacheEvents<string> {
  /** A call to the second tier has ended; with `error` when it failed, was late, or was refused. */
  secondTier: {
    readonly operation: 'get' | 'set' | 'delete' | 'deleteMatching';
    /** How many keys it was about; none of a `deleteMatching`. */
    readonly keys: number;
    readonly durationMs: number;
    readonly error?: unknown;
  };
}

/** What happened in each tier since the cache was made. */
export interface TieredCacheStats {
  /** Reads of this process's own tier; a load there is a read of the second tier. */
  readonly l1: LoadingCacheStats & { readonly hitRatio: number };
  readonly l2: SecondTierStats;
  /** Loads from where the values come from. */
  readonly origin: Latency & { readonly failures: number };
}

export interface SecondTierStats {
  readonly hits: number;
  readonly misses: number;
  /** Values that were there, but no longer fresh. */
  readonly staleHits: number;
  /** Keys that were not read there, since it may have something out of date under them. */
  readonly bypassed: number;
  /** Hits among all keys that it was asked for, failures included. */
  readonly hitRatio: number;
  /** Calls that failed, were late, or were refused by the policy; data that could not be read. */
  readonly failures: number;
  /** What it is still to be told: keys and matches that it could not be rid of. */
  readonly pendingInvalidations: number;
  /** Of the calls that answered. */
  readonly latency: Latency;
}

/** How long calls have taken, in milliseconds. */
export interface Latency {
  readonly calls: number;
  readonly meanMs: number;
  readonly maxMs: number;
}

/** Adds up how long calls take. */
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
