/**
 * What loading caches make of a load that is overtaken: while it is under way its key is set, deleted, or everything is
 * cleared. `npm run in-flight`. Each load is let go by hand, so nothing here is a matter of time: it prints the same on
 * every machine.
 */
import { createCache } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { type CacheStore, loadingCache, type StoredData, tiered } from 'breakwater';
import { createCache as createManager } from 'cache-manager';
import { Cacheable } from 'cacheable';
import Table from 'cli-table3';
import { LRUCache } from 'lru-cache';

type Value = string | undefined;
type Load = () => Promise<string>;

/** One key of a cache, as its users would use it. */
interface Subject {
  read(): unknown;
  set(value: string): unknown;
  delete(): unknown;
  clear(): unknown;
}

const KEY = 'k';
const MINUTE = 60_000;

/** The second tier of ours: the least there is. */
class MapStore implements CacheStore {
  readonly #kept = new Map<string, StoredData<string>>();

  async get(key: string) {
    return this.#kept.get(key);
  }

  async getMany(keys: readonly string[]) {
    return keys.map((key) => this.#kept.get(key));
  }

  async set(key: string, data: string, { ttlMs }: { readonly ttlMs: number }) {
    this.#kept.set(key, { data, remainingMs: ttlMs });
  }

  async delete(key: string) {
    this.#kept.delete(key);
  }

  async deleteMatching() {
    this.#kept.clear();
  }
}

const lru = (load: Load, options: object): Subject => {
  const cache = new LRUCache<string, string>({ max: 100, ttl: MINUTE, fetchMethod: load, ...options });
  return {
    read: () => cache.fetch(KEY),
    set: (value) => cache.set(KEY, value),
    delete: () => cache.delete(KEY),
    clear: () => cache.clear(),
  };
};

const subjects: Readonly<Record<string, (load: Load) => Subject>> = {
  'lru-cache fetch': (load) => lru(load, {}),
  'lru-cache fetch, ignoreFetchAbort, allowStaleOnFetchAbort': (load) =>
    lru(load, { ignoreFetchAbort: true, allowStaleOnFetchAbort: true }),
  'async-cache-dedupe': (load) => {
    const cache = createCache({ ttl: 60, storage: { type: 'memory' } });
    const defined = cache.define('read', { references: () => ['r'] }, load) as unknown as {
      read(key: string): unknown;
    };
    return {
      read: () => defined.read(KEY),
      set: (value) => cache.set('read', `read~${KEY}`, value, 60), // it asks for the name within its storage
      delete: () => cache.clear('read', KEY),
      clear: () => cache.clear(),
    };
  },
  bentocache: (load) => {
    const cache = new BentoCache({
      default: 'memory',
      ttl: '1m',
      stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 100, serialize: false })) },
    });
    return {
      read: () => cache.getOrSet({ key: KEY, factory: load }),
      set: (value) => cache.set({ key: KEY, value }),
      delete: () => cache.delete({ key: KEY }),
      clear: () => cache.clear(),
    };
  },
  'cacheable getOrSet': (load) => {
    const cache = new Cacheable({ ttl: MINUTE });
    return {
      read: () => cache.getOrSet(KEY, load),
      set: (value) => cache.set(KEY, value),
      delete: () => cache.delete(KEY),
      clear: () => cache.clear(),
    };
  },
  'cache-manager wrap': (load) => {
    const cache = createManager({ ttl: MINUTE });
    return {
      read: () => cache.wrap(KEY, load),
      set: (value) => cache.set(KEY, value),
      delete: () => cache.del(KEY),
      clear: () => cache.clear(),
    };
  },
  'breakwater loadingCache': (load) => {
    const cache = loadingCache<string, string>({ load, capacity: 100, ttl: MINUTE });
    return {
      read: () => cache.get(KEY),
      set: (value) => cache.set(KEY, value),
      delete: () => cache.delete(KEY),
      clear: () => cache.clear(),
    };
  },
  'breakwater tiered': (load) => {
    const cache = tiered<string>({ capacity: 100 }, new MapStore(), { load, ttl: MINUTE });
    return {
      read: () => cache.get(KEY),
      set: (value) => cache.set(KEY, value),
      delete: () => cache.delete(KEY),
      clear: () => cache.clear(),
    };
  },
};

/** Loads that end when they are told to. */
class HeldLoads {
  readonly #ends: ((value: string) => void)[] = [];

  readonly load: Load = () => new Promise((resolve) => this.#ends.push(resolve));

  get count(): number {
    return this.#ends.length;
  }

  end(index: number, value: string): void {
    this.#ends[index]?.(value);
  }
}

/** Longer than any of them needs to get as far as it can by itself. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What a reader got, in a word. */
async function outcomeOf(read: unknown): Promise<string> {
  try {
    return String((await read) as Value);
  } catch (error) {
    return `rejects: ${(error as Error).message}`;
  }
}

/** What a key may be overtaken by. */
const overtakings = {
  'set(NEW)': (subject: Subject) => subject.set('NEW'),
  delete: (subject: Subject) => subject.delete(),
  clear: (subject: Subject) => subject.clear(),
};

/** The caller's answer, and what is there after it. */
async function overtake(make: (load: Load) => Subject, overtaking: keyof typeof overtakings): Promise<string> {
  const loads = new HeldLoads();
  const subject = make(loads.load);
  const outcome = outcomeOf(Promise.resolve(subject.read()));
  await turns();
  await overtakings[overtaking](subject);
  await turns();
  loads.end(0, 'OLD');
  const answer = await outcome;
  await turns();
  return `${answer} / ${await whatIsThere(subject, loads)}`;
}

/** What the next reader has without a load. */
async function whatIsThere(subject: Subject, loads: HeldLoads): Promise<string> {
  const before = loads.count;
  const outcome = outcomeOf(Promise.resolve(subject.read()));
  await turns();
  if (loads.count === before) return outcome;
  loads.end(before, 'LATER');
  await outcome;
  return 'nothing';
}

/** A load, a deletion, a read: whether it has the value from after the deletion. */
async function readAfterDelete(make: (load: Load) => Subject): Promise<string> {
  const loads = new HeldLoads();
  const subject = make(loads.load);
  const first = outcomeOf(Promise.resolve(subject.read()));
  await turns();
  await subject.delete();
  const second = outcomeOf(Promise.resolve(subject.read()));
  await turns();
  loads.end(0, 'OLD');
  loads.end(1, 'NEW');
  await first;
  return `${await second}, of ${loads.count}`;
}

const table = new Table({
  head: ['caller has / then there is', ...Object.keys(overtakings), 'delete, then read: has, of so many loads'],
  style: { head: [], border: [] },
});
for (const [name, make] of Object.entries(subjects)) {
  const cells: string[] = [];
  for (const overtaking of Object.keys(overtakings)) {
    cells.push(await overtake(make, overtaking as keyof typeof overtakings));
  }
  table.push([name, ...cells, await readAfterDelete(make)]);
}
console.log(table.toString());
process.exit(0); // some keep timers
