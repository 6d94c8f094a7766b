/**
 * A small shop with several databases: its tenants are distributed by hash, except a large one with a database of its
 * own. Its events are in one table per month. Each database has replicas, one of which lags when the primary dies.
 *
 * npx tsx examples/sharding.ts
 */
import {
  compositeShards,
  directoryShards,
  hashShards,
  rangeShards,
  rebalancePlan,
  replicaRouter,
  seededRandom,
} from 'breakwater';

console.log('tenants');
const directory = directoryShards({
  entries: [['megacorp', 'db-megacorp']],
  load: async (tenant) => (tenant === 'legacy-ltd' ? 'db-old' : undefined), // a table of exceptions
});
const spread = hashShards({ buckets: 1024, name: (bucket) => `db-${bucket % 4}` });
const tenants = compositeShards(directory, spread);
for (const tenant of ['megacorp', 'legacy-ltd', 'ada', 'grace'])
  console.log(`  ${tenant}: ${await tenants.get(tenant)}`);

console.log('a fifth database gets every fifth bucket');
const wider = hashShards({ buckets: 1024, name: (bucket) => (bucket % 5 === 4 ? 'db-4' : `db-${bucket % 4}`) });
const names = Array.from({ length: 10_000 }, (_, i) => `tenant-${i}`);
const plan = rebalancePlan(spread, wider, names);
for (const { from, to, keys } of plan.moves) console.log(`  ${from} → ${to}: ${keys.length} of ${plan.total} tenants`);

console.log('events by month');
const month = (text: string) => new Date(`${text}-01`);
const events = rangeShards([
  { to: month('2026-10'), shard: 'events_archive' },
  { from: month('2026-10'), to: month('2026-11'), shard: 'events_2026_10' },
  { from: month('2026-11'), shard: 'events_2026_11' },
]);
const next = events.split(month('2026-12'), 'events_2026_12').merge(month('2026-10'));
console.log('  a query over the last three weeks uses', next.getRange(new Date('2026-11-12'), new Date('2026-12-03')));
for (const { from, to, range } of rebalancePlan(events, next).moves) {
  console.log(
    `  ${from} → ${to}: from ${range.from?.toISOString() ?? 'the start'} to ${range.to?.toISOString() ?? 'the end'}`,
  );
}

console.log('replicas');
const router = replicaRouter({ primary: 'db-2a', replicas: ['db-2b', 'db-2c'], random: seededRandom(1) });
const log: string[] = [];
const copies = new Map([
  ['db-2b', 0],
  ['db-2c', 0],
]);
const report = () => {
  for (const [node, position] of copies) router.report(node, { epoch: router.epoch, position });
};
const session = router.session();
const write = router.forWrite();
log.push('ada: address changed');
session.wrote(write, log.length);
report();
const read = () => router.forRead({ consistency: 'read-your-writes', session });
console.log(
  `  right after the write Ada reads from ${read().node}, others from ${router.forRead({ consistency: 'eventual' }).node}`,
);
copies.set('db-2c', log.length);
report();
console.log(`  after db-2c has the write, Ada reads from ${read().node}`);

console.log(`  ${write.node} dies; two watchers notice it`);
router.on('failover', ({ from, to, epoch }) => console.log(`  epoch ${epoch}: ${from} → ${to}`));
for (let watcher = 0; watcher < 2; watcher++) router.failover({ epoch: write.epoch });
console.log(
  `  Ada's change is still readable, on ${read().node}; a late write of epoch ${write.epoch} is`,
  router.isCurrent(write.epoch) ? 'accepted' : 'rejected',
);
console.log(`  ${router.nodes.map(({ node, role }) => `${node}: ${role}`).join(', ')}`);

/* Prints, but for the milliseconds:
tenants
  megacorp: db-megacorp
  legacy-ltd: db-old
  ada: db-0
  grace: db-0
a fifth database gets every fifth bucket
  db-0 → db-4: 483 of 10000 tenants
  db-1 → db-4: 507 of 10000 tenants
  db-2 → db-4: 521 of 10000 tenants
  db-3 → db-4: 517 of 10000 tenants
events by month
  a query over the last three weeks uses [ 'events_2026_11', 'events_2026_12' ]
  events_2026_10 → events_archive: from 2026-10-01T00:00:00.000Z to 2026-11-01T00:00:00.000Z
  events_2026_11 → events_2026_12: from 2026-12-01T00:00:00.000Z to the end
replicas
  right after the write Ada reads from db-2a, others from db-2b
  after db-2c has the write, Ada reads from db-2c
  db-2a dies; two watchers notice it
  epoch 2: db-2a → db-2c
  Ada's change is still readable, on db-2c; a late write of epoch 1 is rejected
  db-2a: retired, db-2b: replica, db-2c: primary
*/
