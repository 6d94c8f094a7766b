import { LruCache } from '../cache/lru-cache.js';
import type { Clock } from '../core/clock.js';
import { reportUncaught } from '../core/events.js';
import type { CacheLike } from '../loading-cache/cache-like.js';
import { BodyMemory } from './body-memory.js';
import type { CacheRequest } from './cache-request.js';
import { isSelectedBy, type StoredResponse, selectingValue } from './stored-response.js';

/** The stored responses of one URL, which a `store` holds as one entry. */
export interface StoredResponses {
  /** The variants of the response, the latest first. */
  readonly variants: readonly StoredResponse[];
  /** The approximate memory of all variants in bytes, for a store with weights. */
  readonly bytes: number;
}

/** The largest number of stored variants per URL. */
const MOST_VARIANTS = 100;

/**
 * The stored responses: by URL, and for each URL by the values of the request headers that select a variant. All
 * variants of a URL are one entry, so that they can be invalidated together. O(variants) per operation.
 */
export class ResponseStore {
  readonly #store: CacheLike<string, StoredResponses>;
  readonly #room: () => number;
  /** The number of the latest request when `clear` was called. A store without `clear` still holds older responses. */
  #clearedUpTo = 0;

  /** @param room - returns the number of bytes that the responses of one URL may use now. */
  constructor(store: CacheLike<string, StoredResponses>, room: () => number) {
    this.#store = store;
    this.#room = room;
  }

  /**
   * Returns the stored response that may answer the request, and whether any response is stored for the URL (RFC 9111,
   * 4.1).
   */
  find(request: CacheRequest): { readonly stored: StoredResponse | undefined; readonly isKnown: boolean } {
    const variants = this.#variantsOf(request.url);
    return { stored: variants.find((one) => isSelectedBy(one, request)), isKnown: variants.length > 0 };
  }

  /**
   * Stores a response in place of the one that the request selects, unless that one is newer or there is no room.
   * Returns whether the response was stored.
   */
  put(request: CacheRequest, response: StoredResponse): boolean {
    const others = this.#variantsBut(request, response.number);
    if (others === undefined) return false;
    const latestFirst = [response, ...others].sort((one, other) => other.number - one.number);
    return this.#write(request.url, latestFirst).includes(response);
  }

  /**
   * Removes the response that the request selects, unless it is newer than the request to the origin with that number.
   */
  drop(request: CacheRequest, number: number): void {
    const others = this.#variantsBut(request, number);
    if (others !== undefined) this.#write(request.url, others);
  }

  /**
   * Returns the room for the body of a response without a body, in bytes; negative if even its headers have no room.
   */
  roomBeside({ bytes }: StoredResponse): number {
    return this.#room() - bytes;
  }

  delete(url: string): boolean {
    const isKnown = this.#variantsOf(url).length > 0;
    return reportThrown(() => this.#store.delete(url), false) && isKnown;
  }

  /** @param latest - the number of the latest request to the origin. */
  clear(latest: number): void {
    this.#clearedUpTo = latest;
    reportThrown(() => this.#store.clear?.(), undefined);
  }

  /**
   * Returns a key that is equal for requests that may share one request to the origin. It contains everything that may
   * distinguish users, because it is unknown before the response arrives whether it is for one user. It also contains
   * the headers by which the known responses of the URL vary.
   */
  groupOf(request: CacheRequest): string {
    const names = new Set<string>();
    for (const { selectedBy } of this.#variantsOf(request.url)) for (const name of selectedBy.keys()) names.add(name);
    const varying = [...names].filter((name) => !name.startsWith(':')).sort();
    const values = varying.map((name) => [name, selectingValue(request, name)]);
    return JSON.stringify([request.url, request.identity.user, request.identity.exchange, values]);
  }

  #variantsOf(url: string): readonly StoredResponse[] {
    const variants = reportThrown(() => this.#store.get(url), undefined)?.variants ?? [];
    return this.#clearedUpTo === 0 ? variants : variants.filter(({ number }) => number > this.#clearedUpTo);
  }

  /** Returns the variants that the request does not select; undefined if the selected one is newer than the number. */
  #variantsBut(request: CacheRequest, number: number): StoredResponse[] | undefined {
    const variants = this.#variantsOf(request.url);
    const replaced = variants.filter((one) => isSelectedBy(one, request));
    if (replaced.some((one) => one.number > number)) return undefined;
    return variants.filter((one) => !replaced.includes(one));
  }

  /** Stores as many variants as there is room for, because the store would evict a URL that is too heavy as a whole. */
  #write(url: string, variants: readonly StoredResponse[]): readonly StoredResponse[] {
    const responses = latestWithin(variants.slice(0, MOST_VARIANTS), this.#room());
    const kept = responses.variants;
    return reportThrown(() => {
      if (kept.length === 0) this.#store.delete(url);
      else this.#store.set(url, responses);
      return kept;
    }, []);
  }
}

/** Returns the latest variants that fit into the room together. */
function latestWithin(variants: readonly StoredResponse[], room: number): StoredResponses {
  const kept: StoredResponse[] = [];
  let bytes = 0;
  for (const variant of variants) {
    if (bytes + variant.bytes > room) continue;
    bytes += variant.bytes;
    kept.push(variant);
  }
  return { variants: kept, bytes };
}

/** A key that is not a URL: the memory of bodies outside the store counts as an entry of the store. */
const OUTSIDE = '';

/** The default store. Its entries, and the bodies outside it, share one memory limit. */
export class BoundedStore implements CacheLike<string, StoredResponses> {
  /** The bodies that are not stored, or not stored any more. */
  readonly bodies: BodyMemory;
  readonly #entries: LruCache<string, StoredResponses>;
  readonly #maxBytes: number;
  #outside: StoredResponses = { variants: [], bytes: 0 };

  constructor(capacity: number, maxBytes: number, clock: Clock) {
    const weigh = ({ value }: { readonly value: StoredResponses }) => value.bytes;
    this.#entries = new LruCache({ capacity: capacity + 1, maxWeight: maxBytes, weigh, clock });
    this.#maxBytes = maxBytes;
    this.bodies = new BodyMemory(maxBytes, (bytes) => this.#setOutside(bytes));
    this.#entries.set(OUTSIDE, this.#outside);
    this.#entries.on('remove', ({ key, value, reason }) => {
      if (reason === 'evicted' && value.bytes > this.room) this.#keepSome(key, value);
      for (const body of bodiesOf(value)) this.bodies.removeStored(body);
    });
  }

  /** The largest size of one entry in bytes. */
  get room(): number {
    return this.#maxBytes - this.#outside.bytes;
  }

  /** Stores the latest variants of an entry that is too large for the store even without other entries. */
  #keepSome(url: string, { variants }: StoredResponses): void {
    const latest = latestWithin(variants, this.room);
    if (latest.variants.length > 0) this.set(url, latest);
  }

  /** Sets the memory of the bodies outside the store. Evicts entries until there is room for it. */
  #setOutside(bytes: number): void {
    this.#outside = { variants: [], bytes: Math.min(bytes, this.#maxBytes) };
    this.#entries.set(OUTSIDE, this.#outside);
  }

  get(url: string): StoredResponses | undefined {
    return this.#entries.get(url);
  }

  set(url: string, responses: StoredResponses): void {
    // Must come before the old entry is replaced, so that a body in both entries is never counted as outside.
    for (const body of bodiesOf(responses)) this.bodies.addStored(body);
    this.#entries.get(OUTSIDE); // counts as a use, so that this entry is not evicted as the least recently used one
    this.#entries.set(url, responses);
  }

  delete(url: string): boolean {
    return this.#entries.delete(url);
  }

  clear(): void {
    this.#entries.clear();
    this.#entries.set(OUTSIDE, this.#outside);
  }
}

const bodiesOf = ({ variants }: StoredResponses): Uint8Array[] => variants.flatMap(({ body }) => body ?? []);

/** Calls the store, which may be the caller's own. If it throws, the error is reported and the request continues. */
function reportThrown<T>(access: () => T, fallback: T): T {
  try {
    return access();
  } catch (error) {
    reportUncaught(error);
    return fallback;
  }
}
