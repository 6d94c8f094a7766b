/** The outcome of a load, which the model knows in advance. */
export interface Fate {
  readonly fails: boolean;
  readonly tags: readonly string[];
}

export interface NaiveRules {
  readonly ttl: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly negativeTtl: number;
  /** 1 disables refresh-ahead. */
  readonly refreshAhead: number;
}

interface NaiveEntry {
  readonly value: string | undefined;
  readonly error: string | undefined;
  readonly tags: readonly string[];
  readonly storedAt: number;
  readonly freshMs: number;
  end: number;
  heldUntil: number;
}

interface NaiveLoad {
  readonly id: number;
  readonly key: string;
  readonly fate: Fate;
  readonly before: NaiveEntry | undefined;
  /** The number of invalidations by tag, prefix or clear before this load. */
  readonly marks: number;
  /** Whether a new reader of the key joins this load. */
  isOpen: boolean;
  /** Whether an invalidation has matched its key or a tag of its result. */
  isHit: boolean;
  inBackground: boolean;
  readers: NaiveReader[];
}

interface NaiveReader {
  readonly name: string;
  readonly key: string;
  readonly takesStale: boolean;
  /** Whether the reader came after an invalidation that its load does not know. */
  isLate: boolean;
}

/**
 * The results that each caller of a loading cache may see. Every command runs at once and scans everything: an
 * invalidation checks every entry and every load, whose tags are known in advance.
 */
export class NaiveLoadingCache {
  now = 0;
  /** The result of each reader, or no entry while the reader waits. */
  readonly answers = new Map<string, string>();
  /** The keys of the loads, in the order in which they began. */
  readonly begun: string[] = [];
  readonly aborted = new Set<number>();
  readonly #rules: NaiveRules;
  readonly #fates: readonly Fate[];
  readonly #entries = new Map<string, NaiveEntry>();
  #loads: NaiveLoad[] = [];
  #marks = 0;

  constructor(rules: NaiveRules, fates: readonly Fate[]) {
    this.#rules = rules;
    this.#fates = fates;
  }

  get open(): number {
    return this.#loads.filter(({ isOpen }) => isOpen).length;
  }

  get waiting(): number {
    return this.#loads.reduce((sum, { readers }) => sum + readers.length, 0);
  }

  peek(key: string): string | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.now < entry.end + this.#rules.staleWhileRevalidate ? entry.value : undefined;
  }

  get(name: string, key: string): void {
    const entry = this.#entries.get(key);
    const reader = { name, key, takesStale: true, isLate: false };
    if (entry !== undefined) {
      const { staleWhileRevalidate, staleIfError, refreshAhead } = this.#rules;
      const isHeld = this.now < entry.heldUntil;
      const isFresh = this.now < entry.end;
      if (isFresh && entry.error !== undefined) {
        this.#answer(reader, entry.error);
        return;
      }
      const isStale = entry.error === undefined && this.now < entry.end + staleWhileRevalidate;
      const isGrace = entry.error === undefined && this.now < entry.end + staleIfError;
      if (isFresh || isStale || (isGrace && isHeld)) {
        this.#answer(reader, entry.value!);
        const isDue = isFresh ? refreshAhead < 1 && this.now >= entry.storedAt + entry.freshMs * refreshAhead : true;
        if (isDue && !isHeld && this.#openLoad(key) === undefined) this.#begin(key).inBackground = true;
        return;
      }
    }
    this.#join(reader);
  }

  refresh(name: string, key: string): void {
    this.#join({ name, key, takesStale: false, isLate: false });
  }

  set(key: string, value: string, tags: readonly string[]): void {
    this.#store(key, value, tags);
    const load = this.#openLoad(key);
    if (load === undefined) return;
    for (const reader of load.readers) this.#answer(reader, value);
    this.#end(load);
    this.aborted.add(load.id);
  }

  delete(key: string): void {
    this.#entries.delete(key);
    this.#close(this.#openLoad(key));
  }

  expire(key: string): void {
    this.#expireEntry(key);
    this.#close(this.#openLoad(key));
  }

  clear(): void {
    this.#marks++;
    this.#entries.clear();
    for (const load of [...this.#loads]) {
      load.isHit = true;
      this.#close(load);
    }
  }

  invalidate(verb: 'delete' | 'expire', kind: 'tag' | 'prefix', text: string): void {
    this.#marks++;
    for (const [key, { tags }] of [...this.#entries]) {
      if (kind === 'tag' ? !tags.includes(text) : !key.startsWith(text)) continue;
      if (verb === 'delete') this.#entries.delete(key);
      else this.#expireEntry(key);
    }
    for (const load of [...this.#loads]) {
      if (kind === 'prefix' && load.key.startsWith(text)) {
        load.isHit = true;
        this.#close(load);
      }
      if (kind === 'tag' && load.fate.tags.includes(text) && !load.fate.fails) load.isHit = true;
    }
  }

  abort(name: string): void {
    for (const load of [...this.#loads]) {
      const leaving = load.readers.find((reader) => reader.name === name);
      if (leaving === undefined) continue;
      load.readers = load.readers.filter((reader) => reader !== leaving);
      this.#answer(leaving, 'aborted');
      this.#abandon(load);
    }
  }

  /** Settles a load with its outcome. */
  settle(id: number): void {
    const load = this.#loads.find((one) => one.id === id);
    if (load === undefined) return; // aborted or superseded by set
    const { key, fate } = load;
    const isKept = load.isOpen && !load.isHit;
    const current = this.#entries.get(key);
    const isNewer =
      current !== undefined && current !== load.before && current.error === undefined && this.now < current.end;
    this.#end(load);
    if (fate.fails) this.#fail(load, isKept, current, isNewer);
    else {
      const value = `load ${id}`;
      if (isKept) this.#store(key, value, fate.tags);
      for (const reader of load.readers) {
        if (!isKept && isNewer) this.#answer(reader, current.value!);
        else if (load.isHit && reader.isLate) this.#joinAgain(reader);
        else this.#answer(reader, value);
      }
    }
  }

  #fail(load: NaiveLoad, isKept: boolean, current: NaiveEntry | undefined, isNewer: boolean): void {
    const { staleWhileRevalidate, staleIfError, negativeTtl } = this.#rules;
    const servedUntil =
      current?.error === undefined && current ? current.end + Math.max(staleWhileRevalidate, staleIfError) : 0;
    const isServable = this.now < servedUntil;
    if (isKept && negativeTtl > 0) {
      const until = this.now + negativeTtl;
      if (isServable) current!.heldUntil = until;
      else {
        this.#entries.set(load.key, {
          ...{ value: undefined, error: `error ${load.id}`, tags: [], storedAt: this.now },
          ...{ freshMs: negativeTtl, end: until, heldUntil: 0 },
        });
      }
    }
    for (const reader of load.readers) {
      const hasValue = isNewer || (isServable && reader.takesStale);
      this.#answer(reader, hasValue ? current!.value! : `error ${load.id}`);
    }
  }

  #store(key: string, value: string, tags: readonly string[]): void {
    const { ttl } = this.#rules;
    const times = { storedAt: this.now, freshMs: ttl, end: this.now + ttl, heldUntil: 0 };
    this.#entries.set(key, { value, error: undefined, tags, ...times });
  }

  #expireEntry(key: string): void {
    const entry = this.#entries.get(key);
    if (entry?.error !== undefined) this.#entries.delete(key);
    else if (entry !== undefined) entry.end = Math.min(entry.end, this.now);
  }

  #answer({ name }: NaiveReader, answer: string): void {
    this.answers.set(name, answer);
  }

  #openLoad(key: string): NaiveLoad | undefined {
    return this.#loads.find((load) => load.isOpen && load.key === key);
  }

  #begin(key: string): NaiveLoad {
    const id = this.begun.length;
    this.begun.push(key);
    const load: NaiveLoad = {
      ...{ id, key, fate: this.#fates[id % this.#fates.length]!, before: this.#entries.get(key), marks: this.#marks },
      ...{ isOpen: true, isHit: false, inBackground: false, readers: [] },
    };
    this.#loads.push(load);
    return load;
  }

  #join(reader: NaiveReader): void {
    const load = this.#openLoad(reader.key) ?? this.#begin(reader.key);
    reader.isLate = load.marks < this.#marks;
    load.readers.push(reader);
  }

  #joinAgain(reader: NaiveReader): void {
    const entry = this.#entries.get(reader.key);
    if (entry === undefined || this.now >= entry.end) this.#join(reader);
    else this.#answer(reader, entry.error ?? entry.value!);
  }

  #close(load: NaiveLoad | undefined): void {
    if (load === undefined) return;
    load.isOpen = false;
    load.inBackground = false;
    this.#abandon(load);
  }

  #abandon(load: NaiveLoad): void {
    if (load.readers.length > 0 || load.inBackground) return;
    this.#end(load);
    this.aborted.add(load.id);
  }

  #end(load: NaiveLoad): void {
    this.#loads = this.#loads.filter((one) => one !== load);
  }
}
