import type { CacheLike } from '../caching/cache-like.js';
import { reportUncaught } from '../core/events.js';
import type { CacheRequest } from './cache-request.js';
import { isSelectedBy, type StoredResponse, type StoringRules, selectingValue } from './stored-response.js';

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
  readonly #rules: StoringRules;
  readonly #maxBytes: number;
  /** Responses of exchanges up to this number were cleared: a store need not be able to. */
  #clearedUpTo = 0;

  constructor(store: CacheLike<string, StoredResponses>, rules: StoringRules, maxBytes: number) {
    this.#store = store;
    this.#rules = rules;
    this.#maxBytes = maxBytes;
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
    return this.#maxBytes - bytes;
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

  /** What tells requests for one URL apart that may be answered together, as far as is known by now. */
  groupOf(request: CacheRequest): string {
    const names = new Set(this.#rules.userHeaders);
    for (const { selectedBy } of this.#variantsOf(request.url)) for (const name of selectedBy.keys()) names.add(name);
    const values = [...names].sort().map((name) => [name, selectingValue(request.headers, name)]);
    return JSON.stringify([request.url, values]);
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
    const kept: StoredResponse[] = [];
    let bytes = 0;
    for (const variant of variants.slice(0, MOST_VARIANTS)) {
      if (bytes + variant.bytes > this.#maxBytes) continue;
      bytes += variant.bytes;
      kept.push(variant);
    }
    return unlessItThrows(() => {
      if (kept.length === 0) this.#store.delete(url);
      else this.#store.set(url, { variants: kept, bytes });
      return kept;
    }, []);
  }
}

/** The store is somebody else's: when it throws, that costs nobody his answer. */
function unlessItThrows<T>(access: () => T, otherwise: T): T {
  try {
    return access();
  } catch (error) {
    reportUncaught(error);
    return otherwise;
  }
}
