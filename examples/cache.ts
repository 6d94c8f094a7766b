/**
 * The same traffic before two caches: visitors of a shop, a crawler, visitors again. What each of them forgets, and what
 * that costs the database. Run it with `npx tsx examples/cache.ts`.
 */
import { type Cache, LruCache, sleep, TinyLfuCache } from 'breakwater';

interface Product {
  readonly name: string;
  readonly price: number;
}

const FAVOURITES = 40;
let reads = 0;
let forgotten = 0;

function readFromDatabase(id: number): Product {
  reads++;
  return { name: `product ${id}`, price: 5 + (id % 20) };
}

function watched(cache: Cache<number, Product>): Cache<number, Product> {
  cache.on('remove', ({ key, value, reason }) => {
    if (reason === 'evicted' && key < FAVOURITES) forgotten++;
    if (reason === 'expired') console.log(`  ${value.name} at ${value.price} has expired`);
  });
  return cache;
}

const options = { capacity: 100, ttl: '1h' } as const;
const caches = {
  LruCache: watched(new LruCache(options)),
  TinyLfuCache: watched(new TinyLfuCache(options)),
};

/** Pages of the shop are shown, these so often, before each of the caches. */
function show(who: string, ids: readonly number[]): void {
  console.log(who);
  for (const [name, cache] of Object.entries(caches)) {
    [reads, forgotten] = [0, 0];
    for (const id of ids) cache.getOrInsertComputed(id, readFromDatabase);
    console.log(`  ${name}: ${reads} reads of the database, ${forgotten} favourites forgotten`);
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
console.log(`  it is ${cache.getOrInsertComputed(7, readFromDatabase).price} again`);

const { hits, misses } = cache.stats;
console.log(`TinyLfuCache in all: ${hits} hits, ${misses} misses`);

/* Prints, but for the milliseconds:
600 visits to 40 favourites:
  LruCache: 40 reads of the database, 0 favourites forgotten
  TinyLfuCache: 40 reads of the database, 0 favourites forgotten
A crawler reads 500 other pages:
  LruCache: 500 reads of the database, 40 favourites forgotten
  TinyLfuCache: 500 reads of the database, 0 favourites forgotten
600 visits to the same favourites:
  LruCache: 40 reads of the database, 0 favourites forgotten
  TinyLfuCache: 0 reads of the database, 0 favourites forgotten
An offer, for a tenth of a second:
  product 7 at 1 has expired
  it is 12 again
TinyLfuCache in all: 1160 hits, 541 misses
*/
