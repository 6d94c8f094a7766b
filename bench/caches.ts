/**
 * What the benchmarks of caches share: the candidates, and the keys they are asked for.
 *
 * All kinds of our caches are in use in the process of every candidate, as they are in a service: code that V8 has seen
 * with one kind only is faster than users will find it. Peers are used in the same way before they are measured. The
 * variants "alone" show what one kind costs in a process of its own.
 *
 * There are 10,000 entries and string keys, unless the environment says otherwise. All sizes and both kinds of keys:
 * `for n in 1000 10000 100000; do for k in strings integers; do CACHE_ENTRIES=$n CACHE_KEYS=$k npm run bench -- cache; done; done`
 */
import { ClockCache, FifoCache, LfuCache, LruCache, RandomCache, TinyLfuCache, TtlCache } from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { createLRU } from 'lru.min';
import { LRUCache } from 'lru-cache';
import { LRUMap } from 'mnemonist';
import QuickLRU from 'quick-lru';
import { lru } from 'tiny-lru';
import { type Bench, type Candidate, floor, ours, type Prepare, peer, type Targets } from './bench.js';

export type Key = string | number;

export interface Cache {
  get(key: Key): number | undefined;
  set(key: Key, value: number): unknown;
}

type MakeCache = (capacity: number) => Cache;

/** Each bounded by a number of entries and by nothing else; quick-lru keeps up to twice as many. */
const caches: Readonly<Record<string, Candidate<MakeCache>>> = {
  LruCache: ours((capacity) => new LruCache({ capacity })),
  ClockCache: ours((capacity) => new ClockCache({ capacity })),
  TinyLfuCache: ours((capacity) => new TinyLfuCache({ capacity })),
  FifoCache: ours((capacity) => new FifoCache({ capacity })),
  LfuCache: ours((capacity) => new LfuCache({ capacity })),
  RandomCache: ours((capacity) => new RandomCache({ capacity })),
  'TtlCache, 1 h': ours((capacity) => new TtlCache({ capacity, ttl: '1h' })),
  'lru-cache': peer((max) => new LRUCache({ max })),
  'quick-lru': peer((maxSize) => new QuickLRU({ maxSize })),
  'tiny-lru': peer((max) => lru(max)),
  'lru.min': peer((max) => createLRU({ max })),
  'mnemonist LRUMap': peer((capacity) => new LRUMap(capacity)),
};

/** A cache whose process uses the other kinds, too: with and without a ttl, with hits, misses, updates and evictions. */
const amongOthers =
  (make: MakeCache): MakeCache =>
  (capacity) => {
    for (const Kind of [LruCache, ClockCache, TinyLfuCache, FifoCache, LfuCache, RandomCache, TtlCache]) {
      use(new Kind<Key, number>({ capacity: 1000, ttl: '1h' }));
      if (Kind !== TtlCache) use(new Kind<Key, number>({ capacity: 1000, ttl: Infinity }));
    }
    use(make(1000));
    return make(capacity);
  };

function use(cache: Cache): void {
  for (let i = 0; i < 50_000; i++) if (cache.get(i % 2000) === undefined) cache.set(i % 2000, i);
  for (let i = 0; i < 50_000; i++) cache.set(i % 1000, i);
}

/** The kinds that are measured alone, too. */
const ALONE = ['LruCache', 'ClockCache', 'TinyLfuCache'];

/** Each cache among others, and some alone; `expected` says by name what is expected of ours. */
function inUse(
  work: (make: MakeCache) => Prepare,
  expected: Readonly<Record<string, Targets>>,
): Record<string, Candidate<Prepare>> {
  const alone = ALONE.map((name) => [`${name}, alone`, ours(work(caches[name]!.make))] as const);
  return { ...everyCache((make) => work(amongOthers(make)), expected), ...Object.fromEntries(alone) };
}

/** All caches, doing `work` with each; `expected` says by name what is expected of ours. */
export function everyCache<Make>(
  work: (make: MakeCache) => Make,
  expected: Readonly<Record<string, Targets>>,
): Record<string, Candidate<Make>> {
  const each = Object.entries(caches).map(([name, { kind, make }]) => {
    const targets = expected[name];
    return [name, { kind, make: work(make), ...(targets && { targets }) }] as const;
  });
  return Object.fromEntries(each);
}

export const YARDSTICK = 'lru-cache';

const { CACHE_ENTRIES = '10000', CACHE_KEYS = 'strings' } = process.env;

/** How many entries the caches have room for. */
export const ENTRIES = Number(CACHE_ENTRIES);
if (!(Number.isInteger(ENTRIES) && ENTRIES > 0)) throw new Error(`CACHE_ENTRIES must be an integer: ${CACHE_ENTRIES}`);

/** What they are asked for by. */
export const KEYS = CACHE_KEYS;
if (KEYS !== 'strings' && KEYS !== 'integers') throw new Error(`CACHE_KEYS must be strings or integers: ${KEYS}`);

export function keys(count: number): Key[] {
  return Array.from({ length: count }, (_, i) => (KEYS === 'strings' ? `key-${i}` : i));
}

/** All there is room for, and then the same, drawn at random. */
export function drawnKeys(): KeysOfWork {
  const first = keys(ENTRIES);
  const random = seededRandom(1);
  const asked = Array.from({ length: sequenceLength(8) }, () => first[Math.floor(random() * ENTRIES)]!);
  return { first, asked };
}

/** At least so many keys for each entry, and a multiple of `OPERATIONS`. */
export const sequenceLength = (perEntry: number): number => OPERATIONS * Math.ceil((perEntry * ENTRIES) / OPERATIONS);

/** How many operations make a use: enough for its promise not to matter. */
export const OPERATIONS = 256;

/** What the cache is filled with, and what it is then asked for, over and over: a multiple of `OPERATIONS`. */
interface KeysOfWork {
  readonly first: readonly Key[];
  readonly asked: readonly Key[];
}

/** Something done with the keys from one place on, so many at a time. What it returns cannot be optimised away. */
type Batch = (cache: Cache, keys: readonly Key[], from: number) => number;

export interface Work {
  readonly unit: string;
  readonly keys: () => KeysOfWork;
  readonly batch: Batch;
  /** By name: the time of ours divided by that of lru-cache, at most. */
  readonly expected: Readonly<Record<string, number>>;
}

/** The floor looks the same keys up in a Map that holds what the caches begin with, and leaves it at that. */
export function cacheBench({ unit, keys, batch, expected }: Work): Bench {
  const targets = Object.entries(expected).map(([name, most]) => [name, { peers: { [YARDSTICK]: most } }]);
  let made: KeysOfWork | undefined;
  const prepare =
    (make: MakeCache, batch: Batch): Prepare =>
    () => {
      made ??= keys();
      const { first, asked } = made;
      const cache = make(ENTRIES);
      for (const key of first) cache.set(key, 1);
      let from = 0;
      return async () => {
        from = from === asked.length ? OPERATIONS : from + OPERATIONS;
        return batch(cache, asked, from - OPERATIONS);
      };
    };
  return {
    unit: `${unit}, ${ENTRIES.toLocaleString('en')} entries, ${KEYS} for keys`,
    perUse: OPERATIONS,
    candidates: {
      'Map.get': floor(prepare(() => new Map(), lookUp)),
      ...inUse((make) => prepare(make, batch), Object.fromEntries(targets)),
    },
    yardstick: YARDSTICK,
  };
}

/** Not used for any cache, so that it has seen nothing but Maps. */
const lookUp: Batch = (map, keys, from) => {
  let sum = 0;
  for (let i = from; i < from + OPERATIONS; i++) sum += map.get(keys[i]!) ?? 0;
  return sum;
};
