import type { CacheStore, CacheStoreContext, CacheStoreSetOptions, Clock, EntryMatch, StoredData } from 'breakwater';

interface Kept<D> {
  readonly data: D;
  readonly tags: readonly string[];
  readonly endsAt: number;
}

/** A call to the store with its keys or its match. */
export interface StoreCall {
  readonly operation: 'get' | 'getMany' | 'set' | 'delete' | 'deleteMatching';
  readonly keys: readonly string[];
  readonly signal: AbortSignal;
}

/** A store in a Map, shared by several processes. Hooks before and after each call delay it or make it fail. */
export class MapStore<D = string> implements CacheStore<D> {
  readonly kept = new Map<string, Kept<D>>();
  readonly calls: StoreCall[] = [];
  readonly #clock: Clock;
  /** Awaited before a call takes effect. */
  before: (call: StoreCall) => Promise<void> | void = () => {};
  /** Awaited between the effect of a call and its result. */
  after: (call: StoreCall) => Promise<void> | void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get operations(): string[] {
    return this.calls.map(({ operation, keys }) => `${operation} ${keys}`);
  }

  get(key: string, { signal }: CacheStoreContext): Promise<StoredData<D> | undefined> {
    return this.#call({ operation: 'get', keys: [key], signal }, () => this.#read(key));
  }

  getMany(keys: readonly string[], { signal }: CacheStoreContext): Promise<(StoredData<D> | undefined)[]> {
    return this.#call({ operation: 'getMany', keys, signal }, () => keys.map((key) => this.#read(key)));
  }

  set(key: string, data: D, { ttlMs, tags }: CacheStoreSetOptions, { signal }: CacheStoreContext): Promise<unknown> {
    return this.#call({ operation: 'set', keys: [key], signal }, () => {
      this.kept.set(key, { data, tags, endsAt: this.#clock.now() + ttlMs });
    });
  }

  delete(key: string, { signal }: CacheStoreContext): Promise<unknown> {
    return this.#call({ operation: 'delete', keys: [key], signal }, () => this.kept.delete(key));
  }

  deleteMatching(match: EntryMatch, { signal }: CacheStoreContext): Promise<unknown> {
    const isHit = (key: string, tags: readonly string[]): boolean => {
      if (match.tag !== undefined) return tags.includes(match.tag);
      if (match.prefix !== undefined) return key.startsWith(match.prefix);
      return asRegExp(match.glob).test(key);
    };
    return this.#call({ operation: 'deleteMatching', keys: [JSON.stringify(match)], signal }, () => {
      for (const [key, { tags }] of this.kept) if (isHit(key, tags)) this.kept.delete(key);
    });
  }

  async #call<T>(call: StoreCall, act: () => T): Promise<T> {
    this.calls.push(call);
    await this.before(call);
    const result = act();
    await this.after(call);
    return result;
  }

  #read(key: string): StoredData<D> | undefined {
    const kept = this.kept.get(key);
    const remainingMs = kept === undefined ? 0 : kept.endsAt - this.#clock.now();
    return kept !== undefined && remainingMs > 0 ? { data: kept.data, remainingMs } : undefined;
  }
}

function asRegExp(glob: string): RegExp {
  const parts = glob.match(/\\.|[^\\]/gs)!.map((part) => {
    if (part === '*') return '.*';
    return part === '?' ? '.' : `\\u{${part.at(-1)!.codePointAt(0)!.toString(16)}}`;
  });
  return new RegExp(`^${parts.join('')}$`, 'su');
}
