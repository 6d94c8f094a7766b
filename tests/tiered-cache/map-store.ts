import type { CacheStore, CacheStoreContext, CacheStoreSetOptions, Clock, EntryMatch, StoredData } from 'breakwater';

interface Kept<D> {
  readonly data: D;
  readonly tags: readonly string[];
  readonly endsAt: number;
}

/** What one call to the store was about. */
export interface StoreCall {
  readonly operation: 'get' | 'getMany' | 'set' | 'delete' | 'deleteMatching';
  readonly about: readonly string[];
  readonly signal: AbortSignal;
}

/** A store of two processes or more, in a Map, that can be slow, held up before or after it acts, or down. */
export class MapStore<D = string> implements CacheStore<D> {
  readonly kept = new Map<string, Kept<D>>();
  readonly calls: StoreCall[] = [];
  readonly #clock: Clock;
  /** Waited for before a call has its effect. */
  before: (call: StoreCall) => Promise<void> | void = () => {};
  /** Waited for between the effect and the answer. */
  after: (call: StoreCall) => Promise<void> | void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get operations(): string[] {
    return this.calls.map(({ operation, about }) => `${operation} ${about}`);
  }

  get(key: string, { signal }: CacheStoreContext): Promise<StoredData<D> | undefined> {
    return this.#call({ operation: 'get', about: [key], signal }, () => this.#read(key));
  }

  getMany(keys: readonly string[], { signal }: CacheStoreContext): Promise<(StoredData<D> | undefined)[]> {
    return this.#call({ operation: 'getMany', about: keys, signal }, () => keys.map((key) => this.#read(key)));
  }

  set(key: string, data: D, { ttlMs, tags }: CacheStoreSetOptions, { signal }: CacheStoreContext): Promise<unknown> {
    return this.#call({ operation: 'set', about: [key], signal }, () => {
      this.kept.set(key, { data, tags, endsAt: this.#clock.now() + ttlMs });
    });
  }

  delete(key: string, { signal }: CacheStoreContext): Promise<unknown> {
    return this.#call({ operation: 'delete', about: [key], signal }, () => this.kept.delete(key));
  }

  deleteMatching(match: EntryMatch, { signal }: CacheStoreContext): Promise<unknown> {
    const isHit = (key: string, tags: readonly string[]): boolean => {
      if (match.tag !== undefined) return tags.includes(match.tag);
      if (match.prefix !== undefined) return key.startsWith(match.prefix);
      return asRegExp(match.glob).test(key);
    };
    return this.#call({ operation: 'deleteMatching', about: [JSON.stringify(match)], signal }, () => {
      for (const [key, { tags }] of this.kept) if (isHit(key, tags)) this.kept.delete(key);
    });
  }

  async #call<T>(call: StoreCall, act: () => T): Promise<T> {
    this.calls.push(call);
    await this.before(call);
    const answer = act();
    await this.after(call);
    return answer;
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
