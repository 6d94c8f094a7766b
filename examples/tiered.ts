/**
 * Two tiers: this process in front of a directory of files that processes share, and that outlives them. An invalidation
 * in one process reaches the other by a bus.
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

/** What a file has: JSON that knows no `Infinity`. */
interface KeptFile {
  readonly key: string;
  readonly tags: readonly string[];
  /** By the clock of the wall, since files outlive processes; null for never. */
  readonly endsAt: number | null;
  readonly data: string;
}

/** A store of files, one a key. */
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

  /** Under another name first: who reads meanwhile has the old file or the new one, never half of one. */
  async set(key: string, data: string, { ttlMs, tags }: CacheStoreSetOptions): Promise<void> {
    const kept: KeptFile = { key, tags, endsAt: ttlMs === Infinity ? null : Date.now() + ttlMs, data };
    const draft = join(this.#directory, `${randomUUID()}.draft`);
    await mkdir(this.#directory, { recursive: true });
    await writeFile(draft, JSON.stringify(kept));
    await rename(draft, this.#pathOf(key));
  }

  async delete(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  /** Files have no index by tag: it looks into each. Of a glob it makes short work. */
  async deleteMatching({ tag, prefix }: EntryMatch): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const kept = await this.#read(path);
      if (kept === undefined) continue;
      const isHit = tag === undefined ? kept.key.startsWith(prefix ?? '') : kept.tags.includes(tag);
      if (isHit) await rm(path, { force: true });
    }
  }

  /** Any string is a key, not any string is the name of a file. */
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

/** In earnest: Redis pub/sub, NATS, LISTEN of Postgres. */
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

/** What each process does. */
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
    l2Timeout: '5s', // a disk, and what else runs on this machine
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
  await other.onIdle(); // what it has loaded last is a file now
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
