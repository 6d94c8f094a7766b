/** Leaves every kind of housekeeping timer armed, and nothing that waits for one. Prints when it exits. */
import { LruCache, loadingCache, RetryBudget, tiered, writeBehind } from 'breakwater';
import { LoadBalancer } from 'breakwater/load-balancer';

const cache = new LruCache<string, number>({ capacity: 10, ttl: '1h', purgeEvery: '1h' });
cache.set('a', 1);
const loaded = loadingCache({ load: async (key: string) => key, capacity: 10, ttl: '1h', refreshAhead: 0.5 });
await loaded.get('a');
new RetryBudget({ window: '1h' }).recordRequest();
const balancer = new LoadBalancer(['a'], { outlier: {}, health: { check: async () => true, interval: '1h' } });
await balancer.execute(() => 1);
const down = () => Promise.reject(new Error('down'));
const tiers = tiered(
  { capacity: 10 },
  { get: down, getMany: down, set: down, delete: down, deleteMatching: down },
  { load: async (key: string) => key, ttl: '1h' },
);
await tiers.get('a');
await tiers.delete('a').catch(() => {}); // tries again and again in the background
const writer = writeBehind<string, number>({ write: async () => {}, flushEvery: 10 });
await writer.set('a', 1);
await writer.flush();

const before = performance.now();
process.on('exit', () => console.log(performance.now() - before));
