/**
 * Four cache servers on a ring: the keys that move when a server is added, when one fails, and when the weight of one
 * is doubled. For comparison, the keys that move with `hash % servers`.
 *
 * npx tsx examples/hash-ring.ts
 */
import { HashRing, murmur3 } from 'breakwater';

const keys = Array.from({ length: 10_000 }, (_, i) => `user:${i}`);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const ring = new HashRing(['cache-1', 'cache-2', 'cache-3', 'cache-4']);
for (const [node, share] of ring.stats().share) console.log(node, percent(share));

console.log('\na fifth server is added');
const larger = new HashRing([...ring.nodes, 'cache-5']);
const { share, moves } = ring.diff(larger);
console.log(`${percent(share)} of all keys move, to: ${[...new Set(moves.map(({ to }) => to))]}`);
const modulo = (count: number) => keys.map((key) => murmur3(key) % count);
const [four, five] = [modulo(4), modulo(5)];
console.log(`with hash % servers: ${percent(four.filter((server, i) => server !== five[i]).length / keys.length)}`);

console.log('\ncache-2 fails');
const survivors = new HashRing(ring.nodes.filter((node) => node !== 'cache-2'));
for (const { from, to, share } of ring.diff(survivors).moves) console.log(`${from} → ${to}: ${percent(share)}`);

console.log('\na copy of each key on a second server, in another zone');
const zoneOf = (node: string) => (node < 'cache-3' ? 'east' : 'west');
console.log(ring.getMany('user:1', 2), 'or, by zone,', ring.getMany('user:1', 2, { zoneOf }));

console.log('\nthe weight of cache-1 is doubled');
const before = keys.filter((key) => ring.get(key) === 'cache-1').length;
ring.add('cache-1', { weight: 2 });
console.log(`${before} keys before, ${keys.filter((key) => ring.get(key) === 'cache-1').length} after`);

/* Prints, but for the milliseconds:
cache-1 25.3 %
cache-2 26.3 %
cache-3 25.8 %
cache-4 22.6 %

a fifth server is added
19.2 % of all keys move, to: cache-5
with hash % servers: 80.1 %

cache-2 fails
cache-2 → cache-1: 9.3 %
cache-2 → cache-3: 9.0 %
cache-2 → cache-4: 8.1 %

a copy of each key on a second server, in another zone
[ 'cache-1', 'cache-2' ] or, by zone, [ 'cache-1', 'cache-4' ]

the weight of cache-1 is doubled
2488 keys before, 4234 after
*/
