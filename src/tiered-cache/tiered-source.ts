import type { AbortScope } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import { checkString } from '../core/options.js';
import type { LoadingCacheSetOptions } from '../loading-cache/entry-store.js';
import { type EntryMetadata, type LoadRequest, LoadResult, type Source } from '../loading-cache/source.js';
import type { DecodedRecord } from './record-codec.js';
import type { SecondTier } from './second-tier.js';
import { type Latency, LatencyTally } from './stats.js';

/** Computes how long values live. */
export interface EntryLifetimes<V> {
  /** Returns the metadata of a value in the second tier. */
  metadataOf(value: V, key: string, own?: LoadingCacheSetOptions): EntryMetadata;
  /** Returns the metadata of the same value in the first tier, where its TTL may be shorter. */
  inFirstTier(metadata: EntryMetadata): EntryMetadata;
  /** The longest duration of a read: two reads of one record may differ by that much about its remaining TTL. */
  readonly readingMs: number;
}

/**
 * Loads a value from the second tier if it is fresh there, and otherwise from the origin. Stores it in the second tier.
 */
export class TieredSource<V> implements Source<string, V> {
  /** Loads from the origin without reading the second tier. */
  readonly originSource: Source<string, V>;
  readonly #name: string;
  readonly #tier: SecondTier<V, unknown>;
  readonly #origin: Source<string, V>;
  readonly #lifetimes: EntryLifetimes<V>;
  readonly #clock: Clock;
  readonly #latency = new LatencyTally();
  #failures = 0;

  constructor(
    name: string,
    tier: SecondTier<V, unknown>,
    origin: Source<string, V>,
    lifetimes: EntryLifetimes<V>,
    clock: Clock,
  ) {
    this.#name = name;
    this.#tier = tier;
    this.#origin = origin;
    this.#lifetimes = lifetimes;
    this.#clock = clock;
    this.originSource = { load: (...load) => this.#loadFromOrigin(...load, true) };
  }

  get stats(): Latency & { readonly failures: number } {
    return { ...this.#latency.summary, failures: this.#failures };
  }

  async load(key: string, scope: AbortScope, previous: V | undefined, request: LoadRequest<V>): Promise<LoadResult<V>> {
    checkString(this.#name, 'key', key);
    const found = await this.#tier.read(key, scope);
    if (scope.reason !== undefined) throw scope.reason;
    if (found !== undefined && this.#isGoodEnough(found, request)) {
      return new LoadResult(found.value, this.#lifetimes.inFirstTier(found.metadata));
    }
    if (found !== undefined && found.metadata.freshMs <= 0) request.offerStale(found.value, found.metadata);
    return this.#loadFromOrigin(key, scope, previous ?? found?.value, request, found !== undefined);
  }

  /**
   * Whether the record may be used. A refresh of a fresh value needs a newer record, which another process has stored.
   */
  #isGoodEnough({ metadata }: DecodedRecord<V>, { freshUntil }: LoadRequest<V>): boolean {
    const hasNoOrigin = (this.#origin as Source<string, unknown>) === noOrigin;
    if (freshUntil === undefined || hasNoOrigin) return metadata.freshMs > 0;
    return this.#clock.now() + metadata.freshMs > freshUntil + this.#lifetimes.readingMs;
  }

  /** @param mayHaveOlder - whether the second tier has, or may have, an older value of the key. */
  async #loadFromOrigin(
    key: string,
    scope: AbortScope,
    previous: V | undefined,
    request: LoadRequest<V>,
    mayHaveOlder: boolean,
  ): Promise<LoadResult<V>> {
    checkString(this.#name, 'key', key);
    const startedAt = this.#clock.now();
    try {
      const loaded = await this.#origin.load(key, scope, previous, request);
      const loadMs = this.#clock.now() - startedAt;
      this.#latency.add(loadMs);
      if (loaded instanceof LoadResult) return loaded;
      const metadata = { ...this.#lifetimes.metadataOf(loaded, key), loadMs };
      const keepInSecondTier = () => this.#tier.keep(key, loaded, metadata, mayHaveOlder);
      return new LoadResult(loaded, this.#lifetimes.inFirstTier(metadata), keepInSecondTier);
    } catch (error) {
      if (scope.reason === undefined) this.#failures++;
      throw error;
    }
  }
}

/** The origin of a tiered cache without a loader: returns undefined for a key in neither tier, and does not keep it. */
export const noOrigin: Source<string, undefined> = {
  load: () => Promise.resolve(new LoadResult(undefined, { freshMs: 0, tags: [] })),
};
