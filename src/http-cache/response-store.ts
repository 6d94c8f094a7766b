import { LruCache } from '../cache/lru-cache.js';
import type { Clock } from '../core/clock.js';
import { reportUncaught } from '../core/events.js';
import type { CacheLike } from '../loading-cache/cache-like.js';
import { BodyMemory } from './body-memory.js';
import type { CacheRequest } from './cache-request.js';
import { isSelectedBy, type StoredResponse, selectingValue } from './stored-response.js';

/** All that is stored for one URL: the variants of it, the latest first. */
export interface StoredResponses {
  readonly variants: readonly StoredResponse[];
  /** About what they take up: for a store that weighs its entries. */
  readonly bytes: number;
}

/** How many variants of one URL are kept. */
const MOST_VARIANTS = 100;

/**
 * The responses there are, by URL, and for each URL by what the requests for them had in the headers that select. All of
 * a URL is one entry, so that all of it can be invalidated at once. O(variants) an operation.
 */
export class ResponseStore {
  readonly #store: CacheLike<string, StoredResponses>;
  readonly #room: () => number;
  /** Responses of exchanges up to this number were cleared: a store need not be able to. */
  #clearedUpTo = 0;

  /** @param room - returns how many bytes the responses to one URL may take up now. */
  constructor(store: CacheLike<string, StoredResponses>, room: () => number) {
    this.#store = store;
    this.#room = room;
  }

  /** What may answer the request, and whether there is anything for its URL (RFC 9111, 4.1). */
  find(request: CacheRequest): { readonly stored: StoredResponse | undefined; readonly isKnown: boolean } {
    const variants = this.#variantsOf(request.url);
    return { stored: variants.find((one) => isSelectedBy(one, request)), isKnown: variants.length > 0 };
  }

  /**
   * Keeps the response in place of what the same request would have got, unless that is newer, or there is no room. Gives
   * whether it was kept.
   */
  put(request: CacheRequest, response: StoredResponse): boolean {
    const others = this.#variantsBut(request, response.number);
    if (others === undefined) return false;
    const latestFirst = [response, ...others].sort((one, other) => other.number - one.number);
    return this.#write(request.url, latestFirst).includes(response);
  }

  /** Forgets what the request would have got: the exchange with that number has brought something else. */
  drop(request: CacheRequest, number: number): void {
    const others = this.#variantsBut(request, number);
    if (others !== undefined) this.#write(request.url, others);
  }

  /** How long the body of this response, which has none yet, may be; below 0 when there is no room for the rest of it. */
  roomBeside({ bytes }: StoredResponse): number {
    return this.#room() - bytes;
  }

  delete(url: string): boolean {
    const isKnown = this.#variantsOf(url).length > 0;
    return unlessItThrows(() => this.#store.delete(url), false) && isKnown;
  }

  /** @param latest - the number of the last exchange so far. */
  clear(latest: number): void {
    this.#clearedUpTo = latest;
    unlessItThrows(() => this.#store.clear?.(), undefined);
  }

  /**
   * A key that is equal for requests that may share one exchange: it has all that may tell users apart, since whether the
   * response is for one user is not known before it comes, and the headers by which the responses to its URL vary, as far
   * as they are known.
   */
  groupOf(request: CacheRequest): string {
    const names = new Set<string>();
    for (const { selectedBy } of this.#variantsOf(request.url)) for (const name of selectedBy.keys()) names.add(name);
    const varying = [...names].filter((name) => !name.startsWith(':')).sort();
    const values = varying.map((name) => [name, selectingValue(request, name)]);
    return JSON.stringify([request.url, request.identity.user, request.identity.exchange, values]);
  }

  #variantsOf(url: string): readonly StoredResponse[] {
    const variants = unlessItThrows(() => this.#store.get(url), undefined)?.variants ?? [];
    return this.#clearedUpTo === 0 ? variants : variants.filter(({ number }) => number > this.#clearedUpTo);
  }

  /** Undefined when what is there for the request is newer than the number. */
  #variantsBut(request: CacheRequest, number: number): StoredResponse[] | undefined {
    const variants = this.#variantsOf(request.url);
    const replaced = variants.filter((one) => isSelectedBy(one, request));
    if (replaced.some((one) => one.number > number)) return undefined;
    return variants.filter((one) => !replaced.includes(one));
  }

  /** As many as there is room for: one URL too heavy for the store would be thrown out as a whole. Gives those. */
  #write(url: string, variants: readonly StoredResponse[]): readonly StoredResponse[] {
    const responses = latestWithin(variants.slice(0, MOST_VARIANTS), this.#room());
    const kept = responses.variants;
    return unlessItThrows(() => {
      if (kept.length === 0) this.#store.delete(url);
      else this.#store.set(url, responses);
      return kept;
    }, []);
  }
}

/** The latest of the variants that have room together. */
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

/** No URL: the memory of bodies that are not stored weighs in the store as an entry of its own. */
const OUTSIDE = '';

/** The store of a cache that was given none. Its entries, and the bodies outside of it, stay within one bound. */
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

  /** How many bytes one entry may have. */
  get room(): number {
    return this.#maxBytes - this.#outside.bytes;
  }

  /** An entry that has no room even alone keeps its latest variants. */
  #keepSome(url: string, { variants }: StoredResponses): void {
    const latest = latestWithin(variants, this.room);
    if (latest.variants.length > 0) this.set(url, latest);
  }

  /** Evicts entries until there is room for these bytes besides them. */
  #setOutside(bytes: number): void {
    this.#outside = { variants: [], bytes: Math.min(bytes, this.#maxBytes) };
    this.#entries.set(OUTSIDE, this.#outside);
  }

  get(url: string): StoredResponses | undefined {
    return this.#entries.get(url);
  }

  set(url: string, responses: StoredResponses): void {
    // Before those of the entry that is replaced are removed: a body that stays is never counted as outside.
    for (const body of bodiesOf(responses)) this.bodies.addStored(body);
    this.#entries.get(OUTSIDE); // so that it is not the least recently used entry, which is what is evicted
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

const bodiesOf = ({ variants }: StoredResponses): Uint8Array<ArrayBuffer>[] =>
  variants.flatMap(({ body }) => body ?? []);

/** The store is somebody else's: when it throws, that costs nobody his answer. */
function unlessItThrows<T>(access: () => T, otherwise: T): T {
  try {
    return access();
  } catch (error) {
    reportUncaught(error);
    return otherwise;
  }
}
