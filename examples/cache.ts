/**
 * The same traffic with two caches: visitors of a shop, a crawler, visitors again. The program shows what each cache
 * evicts, and how many database reads that costs. Run it with `npx tsx examples/cache.ts`.
 */
import { type Cache, LruCache, sleep, TinyLfuCache } from 'breakwater';

interface Product {
  readonly name: string;
  readonly price: number;
}

const FAVOURITES = 40;
let reads = 0;
let evicted = 0;

function readFromDatabase(id: number): Product {
  reads++;
  return { name: `product ${id}`, price: 5 + (id % 20) };
}

function withEvents(cache: Cache<number, Product>): Cache<number, Product> {
  cache.on('remove', ({ key, value, reason }) => {
    if (reason === 'evicted' && key < FAVOURITES) evicted++;
    if (reason === 'expired') console.log(`  ${value.name} at ${value.price} has expired`);
  });
  return cache;
}

const options = { capacity: 100, ttl: '1h' } as const;
const caches = {
  LruCache: withEvents(new LruCache(options)),
  TinyLfuCache: withEvents(new TinyLfuCache(options)),
};

/** Reads these products through each of the caches. */
function show(title: string, ids: readonly number[]): void {
  console.log(title);
  for (const [name, cache] of Object.entries(caches)) {
    [reads, evicted] = [0, 0];
    for (const id of ids) cache.getOrInsertComputed(id, readFromDatabase);
    console.log(`  ${name}: ${reads} database reads, ${evicted} favourites evicted`);
  }
}

const visits = Array.from({ length: 600 }, (_, visit) => visit % FAVOURITES);
const crawl = Array.from({ length: 500 }, (_, page) => 1000 + page);
show('600 visits to 40 favourites:', visits);
show('A crawler reads 500 other pages:', crawl);
show('600 visits to the same favourites:', visits);

console.log('An offer, for a tenth of a second:');
const cache = caches.TinyLfuCache;
cache.set(7, { name: 'product 7', price: 1 }, { ttl: '100ms' });
await sleep(200);
console.log(`  the price is ${cache.getOrInsertComputed(7, readFromDatabase).price} again`);

const { hits, misses } = cache.stats;
console.log(`TinyLfuCache in total: ${hits} hits, ${misses} misses`);

/* Prints, but for the milliseconds:
600 visits to 40 favourites:
  LruCache: 40 database reads, 0 favourites evicted
  TinyLfuCache: 40 database reads, 0 favourites evicted
A crawler reads 500 other pages:
  LruCache: 500 database reads, 40 favourites evicted
  TinyLfuCache: 500 database reads, 0 favourites evicted
600 visits to the same favourites:
  LruCache: 40 database reads, 0 favourites evicted
  TinyLfuCache: 0 database reads, 0 favourites evicted
An offer, for a tenth of a second:
  product 7 at 1 has expired
  the price is 12 again
TinyLfuCache in total: 1160 hits, 541 misses
*/
