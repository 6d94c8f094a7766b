import type { Duration } from '../core/duration.js';
import { toMs } from '../core/duration.js';
import { checkCallOptions, NOTHING, unpolluted } from '../core/options.js';
import type { CacheLike } from './cache-like.js';
import { CachedEntry, type EntryAge } from './entry.js';
import type { CheckedInvalidation } from './invalidation.js';
import type { InvalidationLog } from './invalidation-log.js';
import { checkTagList, type LoadingSettings, NO_TAGS } from './options.js';
import type { EntryMetadata } from './source.js';

/** What one entry has of its own. */
export interface LoadingCacheSetOptions {
  /** @defaultValue the cache's */
  readonly ttl?: Duration | undefined;
  /** @defaultValue what the cache's `tags` says */
  readonly tags?: readonly string[] | undefined;
}

const SET_OPTIONS = ['ttl', 'tags'] as const;

/** How long a value lives by the options. */
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

/** The entries there are, and what of them still stands. */
export class EntryStore<K, V> {
  readonly invalidations: InvalidationLog;
  readonly #settings: LoadingSettings<K, V>;
  readonly #cache: CacheLike<K, CachedEntry<V>>;

  constructor(settings: LoadingSettings<K, V>, cache: CacheLike<K, CachedEntry<V>>, invalidations: InvalidationLog) {
    this.#settings = settings;
    this.#cache = cache;
    this.invalidations = invalidations;
  }

  /** The entry, however old, unless it was deleted. One lookup. */
  find(key: K): CachedEntry<V> | undefined {
    const entry = this.#cache.get(key);
    return entry === undefined || entry.checkedVersion === this.invalidations.latest
      ? entry
      : this.#compare(key, entry);
  }

  /** Likewise, not as a use of it. */
  peek(key: K): CachedEntry<V> | undefined {
    const entry = this.#cache.peek === undefined ? this.#cache.get(key) : this.#cache.peek(key);
    return entry === undefined ? undefined : this.#compare(key, entry);
  }

  ageOf(entry: CachedEntry<V>, now: number): EntryAge {
    return entry.ageAt(now, this.#settings.windows);
  }

  /** An entry is compared with what was invalidated since it last was. */
  #compare(key: K, entry: CachedEntry<V>): CachedEntry<V> | undefined {
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

  /** @throws what `ttl` and `tags` throw, or InvalidOptionError for what they give. */
  make(key: K, value: V, now: number, loadMs: number, own?: LoadingCacheSetOptions): CachedEntry<V> {
    return this.makeWith(metadataOf(this.#settings, value, key, own), value, now, loadMs);
  }

  /** Likewise, of a value whose life is known. */
  makeWith(metadata: EntryMetadata, value: V, now: number, tookMs: number): CachedEntry<V> {
    const { freshMs, tags, loadMs = tookMs } = metadata;
    return new CachedEntry(
      { value, now, freshMs, loadMs, tags, checkedVersion: this.invalidations.latest },
      this.#settings.early,
    );
  }

  /** Keeps the entry, or at least nothing older, when it could never be served. */
  keep(key: K, entry: CachedEntry<V>, now: number): void {
    if (this.ageOf(entry, now) === 'over') this.#cache.delete(key);
    else this.#cache.set(key, entry);
  }

  /** Keeps a failure: beside the value that may be served meanwhile, or in its place. */
  keepFailure(key: K, error: unknown, now: number, forMs: number): void {
    const entry = this.find(key);
    if (entry !== undefined && entry.failure === undefined && this.ageOf(entry, now) !== 'over') {
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

  /** Whether it has hit something that could have been served; of one key only. */
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
    const stands = this.peek(key) !== undefined;
    return this.#cache.delete(key) && stands;
  }

  /** Stale from now on. Gives whether there is anything that may still be served. */
  #expire(key: K, now: number): boolean {
    const entry = this.peek(key);
    if (entry === undefined) return false;
    entry.expire(now);
    if (this.ageOf(entry, now) !== 'over') return true;
    this.#cache.delete(key);
    return false;
  }
}
