/**
 * A price list from a slow database: a thousand concurrent readers, a price that changes during its load, and an outage
 * of the database.
 *
 * npx tsx examples/loading-cache.ts
 */
import { loadingCache, sleep } from 'breakwater';

const database = new Map([
  ['book', 10],
  ['pen', 2],
]);
let queries = 0;
let isDown = false;

async function query(product: string): Promise<number> {
  queries++;
  const price = database.get(product);
  await sleep(20); // the way of the result
  if (isDown) throw new Error('the database is down');
  if (price === undefined) throw new Error(`no such product: ${product}`);
  return price;
}

const prices = loadingCache({
  load: query,
  capacity: 1000,
  ttl: '50ms',
  staleIfError: '1h',
  negativeTtl: (error) => (String(error).includes('no such product') ? '1m' : 0),
});

console.log('a thousand concurrent readers');
const read = await Promise.all(Array.from({ length: 1000 }, () => prices.get('book')));
console.log(`${new Set(read).size} price, ${queries} query`);

console.log('\na price changes during its load');
const reading = prices.get('pen');
await sleep(5);
database.set('pen', 3);
prices.delete('pen');
console.log(`read before the change: ${await reading}, read after it: ${await prices.get('pen')}`);

console.log('\na missing product');
queries = 0;
for (let i = 0; i < 100; i++) await prices.get('pencil').catch((error: Error) => i === 0 && console.log(error.message));
console.log(`${queries} query for 100 reads`);

console.log('\nan outage');
isDown = true;
await sleep(60);
console.log(`book: ${await prices.get('book')}`);
isDown = false;
database.set('book', 12);
console.log(`book: ${await prices.get('book')}`);

const { hits, misses, staleHits, coalesced, loads, loadFailures, discarded } = prices.stats;
console.log(`\n${JSON.stringify({ hits, misses, staleHits, coalesced, loads, loadFailures, discarded })}`);

/* Prints, but for the milliseconds:
a thousand concurrent readers
1 price, 1 query

a price changes during its load
read before the change: 2, read after it: 3

a missing product
no such product: pencil
1 query for 100 reads

an outage
book: 10
book: 12

{"hits":99,"misses":1005,"staleHits":1,"coalesced":999,"loads":6,"loadFailures":2,"discarded":1}
*/
