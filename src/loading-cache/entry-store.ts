import type { Duration } from '../core/duration.js';
import { toMs } from '../core/duration.js';
import { checkCallOptions, NOTHING, unpolluted } from '../core/options.js';
import type { CacheLike } from './cache-like.js';
import { CachedEntry, type EntryAge } from './entry.js';
import type { CheckedInvalidation } from './invalidation.js';
import type { InvalidationLog } from './invalidation-log.js';
import { checkTagList, type LoadingSettings, NO_TAGS } from './options.js';
import type { EntryMetadata } from './source.js';

/** The options of one entry, for `set`. */
export interface LoadingCacheSetOptions {
  /** How long this value is fresh: a duration ≥ 0 or `Infinity`. @defaultValue the `ttl` of the cache */
  readonly ttl?: Duration | undefined;
  /** The tags of this value. @defaultValue the result of the cache's `tags` function */
  readonly tags?: readonly string[] | undefined;
}

const SET_OPTIONS = ['ttl', 'tags'] as const;

/** Computes the TTL and the tags of a value from the options of the cache and of the entry. */
export function metadataOf<K, V>(
  { name, ttlMs, tagsOf, jitter, random }: LoadingSettings<K, V>,
  value: V,
  key: K,
  options: LoadingCacheSetOptions = {},
): EntryMetadata {
  checkCallOptions(name, options, SET_OPTIONS);
  const isPolluted = (NOTHING.ttl ?? NOTHING.tags) !== undefined;
  const { ttl, tags } = isPolluted ? unpolluted(options, SET_OPTIONS) : options;
  const fullMs = ttl === undefined ? ttlMs(value, key) : toMs(name, 'ttl', ttl, { orZero: true, orInfinity: true });
  return {
    freshMs: jitter === 0 || fullMs === Infinity ? fullMs : fullMs * (1 - jitter * random()),
    tags: tags === undefined ? tagsOf(value, key) : checkTagList(name, tags),
  };
}

/** The entries of a loading cache. Compares an entry with newer invalidations before it returns the entry. */
export class EntryStore<K, V> {
  readonly invalidations: InvalidationLog;
  readonly #settings: LoadingSettings<K, V>;
  readonly #cache: CacheLike<K, CachedEntry<V>>;

  constructor(settings: LoadingSettings<K, V>, cache: CacheLike<K, CachedEntry<V>>, invalidations: InvalidationLog) {
    this.#settings = settings;
    this.#cache = cache;
    this.invalidations = invalidations;
  }

  /** Returns the entry of a key, fresh or not, unless it was deleted. One lookup. Counts as a use. */
  find(key: K): CachedEntry<V> | undefined {
    const entry = this.#cache.get(key);
    return entry === undefined || entry.checkedVersion === this.invalidations.latest
      ? entry
      : this.#applyInvalidations(key, entry);
  }

  /** Returns the entry of a key, fresh or not, unless it was deleted. Does not count as a use. */
  peek(key: K): CachedEntry<V> | undefined {
    const entry = this.#cache.peek === undefined ? this.#cache.get(key) : this.#cache.peek(key);
    return entry === undefined ? undefined : this.#applyInvalidations(key, entry);
  }

  ageOf(entry: CachedEntry<V>, now: number): EntryAge {
    return entry.ageAt(now, this.#settings.windows);
  }

  /** Applies the invalidations since the entry was last read: deletes it, expires it or keeps it. */
  #applyInvalidations(key: K, entry: CachedEntry<V>): CachedEntry<V> | undefined {
    const { invalidations } = this;
    const since = entry.checkedVersion;
    if (since === invalidations.latest) return entry;
    entry.checkedVersion = invalidations.latest;
    const expiredAt = invalidations.expiredAt(key, entry.tags, since);
    if (invalidations.hasDeleted(key, entry.tags, since)) {
      this.#cache.delete(key);
      return undefined;
    }
    if (expiredAt !== undefined) entry.expire(expiredAt);
    return entry;
  }

  /**
   * Makes an entry from the options of the cache and of the entry.
   * @throws the errors of `ttl` and `tags`, or InvalidOptionError if they return an invalid value.
   */
  make(key: K, value: V, now: number, loadMs: number, own?: LoadingCacheSetOptions): CachedEntry<V> {
    return this.makeWith(metadataOf(this.#settings, value, key, own), value, now, loadMs);
  }

  /** Makes an entry with given metadata. */
  makeWith(metadata: EntryMetadata, value: V, now: number, durationMs: number): CachedEntry<V> {
    const { freshMs, tags, loadMs = durationMs } = metadata;
    return new CachedEntry(
      { value, now, freshMs, loadMs, tags, checkedVersion: this.invalidations.latest },
      this.#settings.early,
    );
  }

  /** Stores the entry. If it could never be served, removes the older entry instead. */
  keep(key: K, entry: CachedEntry<V>, now: number): void {
    if (this.ageOf(entry, now) === 'expired') this.#cache.delete(key);
    else this.#cache.set(key, entry);
  }

  /** Remembers a failure: in the entry, if its value may still be served, and otherwise as an entry of its own. */
  keepFailure(key: K, error: unknown, now: number, forMs: number): void {
    const entry = this.find(key);
    if (entry !== undefined && entry.failure === undefined && this.ageOf(entry, now) !== 'expired') {
      entry.retryFrom = now + forMs;
      return;
    }
    const checkedVersion = this.invalidations.latest;
    const init = {
      value: undefined,
      failure: { error },
      now,
      freshMs: forMs,
      loadMs: 0,
      tags: NO_TAGS,
      checkedVersion,
    };
    this.#cache.set(key, new CachedEntry<V>(init, this.#settings.early));
  }

  /** Applies an invalidation. Returns whether it hit a value that could have been served; false if not for one key. */
  invalidate(invalidation: CheckedInvalidation<K>, now: number): boolean {
    switch (invalidation.kind) {
      case 'delete':
        return this.#delete(invalidation.key);
      case 'expire':
        return this.#expire(invalidation.key, now);
      case 'deleteMatching':
        this.invalidations.delete(invalidation.match, now);
        return false;
      case 'expireMatching':
        this.invalidations.expire(invalidation.match, now);
        return false;
      case 'clear':
        this.invalidations.deleteAll();
        this.#cache.clear?.();
        return false;
    }
  }

  #delete(key: K): boolean {
    const wasPresent = this.peek(key) !== undefined;
    return this.#cache.delete(key) && wasPresent;
  }

  /** Makes the entry stale. Returns whether its value may still be served. */
  #expire(key: K, now: number): boolean {
    const entry = this.peek(key);
    if (entry === undefined) return false;
    entry.expire(now);
    if (this.ageOf(entry, now) !== 'expired') return true;
    this.#cache.delete(key);
    return false;
  }
}
