/** Scenarios of caches. */
import { bulkhead, constantBackoff, LruCache, loadingCache, pipeline, timeout, writeBehind } from 'breakwater';
import {
  type Call,
  type CandidateKit,
  compare,
  constant,
  constantRate,
  down,
  exponential,
  flush,
  poisson,
  server,
  zipf,
} from 'breakwater/simulator';
import { columns, type Simulation } from './simulation.js';

type Kit = CandidateKit;

/** The time until which a cache is filled without the origin. */
const SNAPSHOT_MS = 5000;

/** A cache as it is often written: a map of values with the times at which they expire, without shared loads. */
function mapWithTtl({ clock, world }: Kit, ttlMs: number) {
  const entries = new Map<string, number>();
  return async ({ key = '' }: Call): Promise<void> => {
    if ((entries.get(key) ?? 0) > clock.now()) return;
    await world.origin!.send();
    entries.set(key, clock.now() + ttlMs);
  };
}

const stampede: Simulation = {
  title: 'Stampede',
  problem: `2,000 reads per second of one key, which takes 250 ms to load and expires every two seconds. Without shared loads, every read
between the expiry and the first answer starts a load of its own, and the origin of eight workers is overloaded.`,
  fix: '`loadingCache` shares one load among all readers of a key; `staleWhileRevalidate` serves the old value while it runs.',
  shows: `With shared loads the origin gets five loads instead of hundreds. What remains of the p99 is the first load, for which there is no old
value to serve: it takes 250 ms, a fortieth of the run.`,
  async figure() {
    const result = await compare({
      world: { origin: server({ workers: 8, service: constant('250ms') }) },
      load: poisson({ perSecond: 2000, keys: () => 'hot' }),
      duration: '10s',
      candidates: {
        'map with a ttl': (kit: Kit) => mapWithTtl(kit, 2000),
        loadingCache: ({ clock, random, world }: Kit) => {
          const cache = loadingCache({ load: () => world.origin!.send(), capacity: 10, ttl: '2s', clock, random });
          return ({ key = '' }: Call) => cache.get(key);
        },
        '… with staleWhileRevalidate': ({ clock, random, world }: Kit) => {
          const load = () => world.origin!.send();
          const cache = loadingCache({ load, capacity: 10, ttl: '2s', staleWhileRevalidate: '5s', clock, random });
          return ({ key = '' }: Call) => cache.get(key);
        },
      },
      seeds: 3,
    });
    const names = ['map with a ttl', 'loadingCache', '… with staleWhileRevalidate'] as const;
    const rows = names.map((name) => {
      const { runs, p50Ms, p99Ms } = result[name];
      const loads = runs.map(({ attempts }) => attempts).sort((a, b) => a - b)[1]!;
      return [name, loads, `${Math.round(p50Ms.median)} ms`, `${Math.round(p99Ms.median)} ms`];
    });
    return columns([['', 'loads in 10 s', 'median read', 'p99 read'], ...rows]);
  },
};

const thunderingHerd: Simulation = {
  title: 'Thundering herd at a TTL',
  problem: `2,000 keys are filled from a snapshot in the first five seconds, and expire together half a minute later. The origin can load 200 keys
per second. On average it needs to load 67.`,
  fix: '`ttlJitter` spreads the expiries, and `refreshAhead` loads a key in the background before it expires.',
  shows: `A read counts as good within 100 ms. Without jitter the reads are late when the keys expire together. The overloaded origin then spreads
the loads over ten seconds, and with them the next expiries: the first wave is the only one. With jitter, and with a refresh, there is none.`,
  async figure() {
    const cached =
      (options: object) =>
      ({ clock, random, world }: Kit) => {
        const load = async (key: string) => {
          if (clock.now() >= SNAPSHOT_MS) await world.origin!.send();
          return key;
        };
        const cache = loadingCache({ load, capacity: 5000, ttl: '30s', clock, random, ...options });
        return ({ key = '' }: Call) => cache.get(key);
      };
    const result = await compare({
      name: 'keys that expire together',
      world: { origin: server({ workers: 4, service: exponential('20ms') }) },
      load: constantRate({ perSecond: 800, keys: zipf({ count: 2000, exponent: 0 }) }),
      duration: '120s',
      warmUp: '5s',
      goodWithin: '100ms',
      candidates: {
        'ttl of 30 s': cached({}),
        '… with ttlJitter 0.5': cached({ ttlJitter: 0.5 }),
        '… and refreshAhead': cached({ ttlJitter: 0.5, refreshAhead: 0.8 }),
      },
      seeds: 3,
    });
    return result.table();
  },
};

const coldCache: Simulation = {
  title: 'Cold cache after a deploy',
  problem: `A cache answers most of 1,000 reads per second, and the origin can load 200 per second. At 60 s a deploy empties the cache.
Each load has half a second. The origin gets five times what it can do, its queue makes every load late, and nothing that is loaded arrives in
time to be cached: the cache stays cold.`,
  fix: `Limit the loads that run at the same time, so that those that are admitted succeed and fill the cache; or keep a second tier that a
deploy does not empty.`,
  shows:
    'Without a limit the cache does not become warm again. With a limit it does, and with a second tier it hardly becomes cold.',
  async figure() {
    const cached = (isLimited: boolean, hasSecondTier: boolean) => (kit: Kit) => {
      const { clock, random, world, onFlush } = kit;
      const second = new LruCache<string, true>({ capacity: 20_000, clock });
      const attempt = timeout({ duration: '500ms', clock });
      const policy = isLimited ? pipeline(bulkhead({ clock, maxConcurrent: 8, maxQueue: 40 }), attempt) : attempt;
      const cache = loadingCache({
        capacity: 20_000,
        ttl: '10m',
        clock,
        random,
        async load(key: string) {
          if (clock.now() < SNAPSHOT_MS) return key;
          if (hasSecondTier) {
            await world.tier!.send();
            if (second.has(key)) return key;
          }
          await policy.execute((context) => world.origin!.send(context));
          second.set(key, true);
          return key;
        },
      });
      onFlush(() => cache.clear());
      return ({ key = '' }: Call) => cache.get(key);
    };
    const result = await compare({
      name: 'a deploy empties the cache',
      world: {
        origin: server({ workers: 4, service: exponential('20ms') }),
        tier: server({ service: exponential('2ms') }),
      },
      load: poisson({ perSecond: 1000, keys: zipf({ count: 10_000, exponent: 1 }) }),
      faults: [flush(undefined, { at: '60s' })],
      duration: '120s',
      warmUp: '40s',
      candidates: {
        'no limit': cached(false, false),
        'bulkhead around loads': cached(true, false),
        'second tier': cached(true, true),
      },
      seeds: 3,
    });
    return result.table();
  },
};

const storeFailure: Simulation = {
  title: 'Write-behind under store failure',
  problem: `100 writes per second go to a store that is down from 10 s to 20 s. A caller that writes to the store itself fails, and its write
is lost.`,
  fix: 'A write-behind cache accepts the writes, repeats them until the store is back, and reports what it could not write.',
  shows: `All writes are accepted and stored, at the price of writes that exist only in the memory of the process during the outage. Each pending
write is attempted every half second meanwhile, which makes the requests per call. A limit on them (\`maxPending\`) makes the risk explicit: the writes above it are rejected.`,
  async figure() {
    const accepted = new Map<string, { pending: number; written: number }>();
    const behind =
      (name: string, options: object) =>
      ({ clock, random, world }: Kit) => {
        const cache = writeBehind({
          write: (_key: string, _value: number) => world.store!.send(),
          backoff: constantBackoff('500ms'),
          maxAttempts: 100,
          concurrency: 20,
          clock,
          random,
          ...options,
        });
        const record = { pending: 0, written: 0 };
        accepted.set(name, record);
        return async ({ key = '', index }: Call) => {
          await cache.set(key, index);
          record.pending = Math.max(record.pending, cache.pending);
        };
      };
    const result = await compare({
      name: 'the store is down for ten seconds',
      world: { store: server({ workers: 20, service: exponential('20ms') }) },
      load: poisson({ perSecond: 100, keys: zipf({ count: 100_000, exponent: 0 }) }),
      faults: [down('store', { at: '10s', for: '10s' })],
      duration: '40s',
      candidates: {
        'write to the store': ({ clock }: Kit) => timeout({ duration: '500ms', clock }),
        writeBehind: behind('writeBehind', {}),
        '… with maxPending 500': behind('… with maxPending 500', { maxPending: 500, atLimit: 'reject' }),
      },
      seeds: 1,
    });
    const rows = [...accepted].map(([name, { pending }]) => [name, pending]);
    return `${result.table()}\n\n${columns([['', 'most pending writes'], ...rows])}`;
  },
};

export const caches: readonly Simulation[] = [thunderingHerd, stampede, coldCache, storeFailure];
