/**
 * Two tiers: a cache in the process in front of a directory of files, which several processes share and which outlives
 * them. A bus carries invalidations from one process to the other.
 *
 * npx tsx examples/tiered.ts
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CacheStore,
  type CacheStoreSetOptions,
  type EntryMatch,
  type InvalidationBus,
  type InvalidationSubscriber,
  type StoredData,
  shareInvalidations,
  tiered,
} from 'breakwater';

/** The contents of a file. JSON has no `Infinity`. */
interface KeptFile {
  readonly key: string;
  readonly tags: readonly string[];
  /** On the wall clock, since files outlive processes; null for an entry that never expires. */
  readonly endsAt: number | null;
  readonly data: string;
}

/** A store with one file per key. */
class FileStore implements CacheStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async get(key: string): Promise<StoredData<string> | undefined> {
    const path = this.#pathOf(key);
    const kept = await this.#read(path);
    if (kept === undefined || kept.key !== key) return undefined;
    const remainingMs = kept.endsAt === null ? Infinity : kept.endsAt - Date.now();
    if (remainingMs > 0) return { data: kept.data, remainingMs };
    await rm(path, { force: true });
    return undefined;
  }

  getMany(keys: readonly string[]): Promise<(StoredData<string> | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  /**
   * Writes a temporary file and renames it, so that a concurrent reader gets the old file or the new one, never a part.
   */
  async set(key: string, data: string, { ttlMs, tags }: CacheStoreSetOptions): Promise<void> {
    const kept: KeptFile = { key, tags, endsAt: ttlMs === Infinity ? null : Date.now() + ttlMs, data };
    const temporary = join(this.#directory, `${randomUUID()}.temporary`);
    await mkdir(this.#directory, { recursive: true });
    await writeFile(temporary, JSON.stringify(kept));
    await rename(temporary, this.#pathOf(key));
  }

  async delete(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  /** Files have no index by tag, so each file is read. For a glob, which it does not support, it deletes everything. */
  async deleteMatching({ tag, prefix }: EntryMatch): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const kept = await this.#read(path);
      if (kept === undefined) continue;
      const isHit = tag === undefined ? kept.key.startsWith(prefix ?? '') : kept.tags.includes(tag);
      if (isHit) await rm(path, { force: true });
    }
  }

  /** A key can be any string, the name of a file cannot. */
  #pathOf(key: string): string {
    return join(this.#directory, `${createHash('sha256').update(key).digest('hex')}.json`);
  }

  async #read(path: string): Promise<KeptFile | undefined> {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** In production: Redis pub/sub, NATS, LISTEN of Postgres. */
const subscribers = new Set<InvalidationSubscriber>();
const bus: InvalidationBus = {
  publish: (message) => {
    for (const { onMessage } of subscribers) onMessage(message);
  },
  subscribe: (subscriber) => {
    subscribers.add(subscriber);
    return () => subscribers.delete(subscriber);
  },
};

const articles = new Map([
  ['/boats', { title: 'Boats', author: 'ada' }],
  ['/waves', { title: 'Waves', author: 'grace' }],
]);
let queries = 0;

/** The code of each process. */
function startProcess(directory: string) {
  const cache = tiered({ capacity: 1000 }, new FileStore(directory), {
    load: async (path: string) => {
      queries++;
      const article = articles.get(path);
      if (article === undefined) throw new Error(`no such article: ${path}`);
      return article;
    },
    ttl: '10m',
    staleIfError: '1d',
    tags: ({ author }) => [`author:${author}`],
    prefix: 'articles:',
    l2Timeout: '5s', // a disk can be slow on a busy machine
  });
  shareInvalidations(cache, bus, { topic: 'articles' });
  return cache;
}

const directory = await mkdtemp(join(tmpdir(), 'breakwater-tiers-'));
try {
  const one = startProcess(directory);
  console.log(
    (await one.getMany(['/boats', '/waves'])).map(({ title }) => title),
    `${queries} queries`,
  );
  await one.set('/new', { title: 'New', author: 'ada' });

  const other = startProcess(directory);
  console.log((await other.get('/new')).title, `${queries} queries`);

  articles.set('/boats', { title: 'More boats', author: 'ada' });
  console.log(await one.deleteMatching({ tag: 'author:ada' }));
  console.log((await other.get('/boats')).title, other.peek('/new'), `${queries} queries`);

  const { l1, l2, origin } = other.stats;
  console.log({ l1: l1.hits, l2: l2.hits, origin: origin.calls });
  await other.onIdle(); // the last loaded value has been written to its file
} finally {
  await rm(directory, { recursive: true });
}

/* Prints, but for the milliseconds:
[ 'Boats', 'Waves' ] 2 queries
New 2 queries
true
More boats undefined 3 queries
{ l1: 0, l2: 1, origin: 1 }
*/
