import {
  bulkhead,
  type CacheStore,
  circuitBreaker,
  coalesce,
  constantBackoff,
  FifoCache,
  HashRing,
  KetamaRing,
  keyed,
  LfuCache,
  LoadBalancer,
  LruCache,
  leastConnections,
  leastResponseTime,
  loadingCache,
  MaglevTable,
  type PickerFactory,
  powerOfTwoChoices,
  RandomCache,
  Rendezvous,
  randomPick,
  rangeShards,
  rebalancePlan,
  retry,
  roundRobin,
  TinyLfuCache,
  TtlCache,
  tiered,
  timeout,
  weightedRoundRobin,
  writeBehind,
} from 'breakwater';
import { ClockCache } from 'breakwater/cache';
import { consistentHash } from 'breakwater/load-balancer';
import {
  allOf,
  FixedWindow,
  KeyedRateLimiter,
  LeakyBucket,
  type RateLimiter,
  SlidingWindowCounter,
  SlidingWindowLog,
  TokenBucket,
} from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import type { Row } from './run.js';

const keys = (n: number) => Array.from({ length: n }, (_, i) => `key-${i}`);
const never = () => new Promise<never>(() => {});

/** A use by each index. */
const times =
  (n: number, use: (index: number) => unknown): (() => void) =>
  () => {
    for (let index = 0; index < n; index++) use(index);
  };

/** Waits for all uses, which begin together. */
const together =
  (n: number, use: (index: number) => unknown): (() => Promise<unknown>) =>
  () =>
    Promise.allSettled(Array.from({ length: n }, (_, index) => use(index)));

const caches = { LruCache, ClockCache, TinyLfuCache, FifoCache, LfuCache, RandomCache, TtlCache };

function cacheRows(): Record<string, Row> {
  const all: Record<string, Row> = {};
  for (const [name, Kind] of Object.entries(caches)) {
    const filled = (n: number, options?: object) => {
      const cache = new Kind<string, number>({ capacity: n, ttl: '1h', ...options });
      const all = keys(n);
      for (const key of all) cache.set(key, 1);
      return { cache, all };
    };
    all[`cache: ${name}.get`] = {
      bound: 'memory',
      make: (n) => {
        const { cache, all } = filled(n);
        return times(n, (i) => cache.get(all[i]!));
      },
    };
    all[`cache: ${name}.set of new keys into a full cache`] = {
      bound: 'memory',
      make: (n) => {
        const { cache } = filled(n);
        const others = Array.from({ length: n }, (_, i) => `other-${i}`);
        return times(n, (i) => cache.set(others[i]!, i));
      },
    };
    all[`cache: ${name}.set with mixed ttls and weights`] = {
      bound: 'memory',
      make: (n) => {
        const cache = new Kind<string, number>({
          capacity: n,
          maxWeight: 2 * n,
          weigh: ({ value }: { value: number }) => 1 + (value % 3),
          ttl: '1h',
        });
        const all = keys(n);
        return times(n, (i) => cache.set(all[i]!, i, { ttl: 1_000 + ((i * 7919) % 100_000) }));
      },
    };
    all[`cache: ${name}.delete`] = {
      bound: 'memory',
      make: (n) => {
        const { cache, all } = filled(n);
        return times(n, (i) => cache.delete(all[(i * 7919) % n]!));
      },
    };
    all[`cache: ${name}, the first key of an iterator`] = {
      bound: 'memory',
      make: (n) => {
        const { cache } = filled(n);
        return times(n, () => cache.keys().next());
      },
    };
  }
  return all;
}

const limiters: Record<string, (clock: TestClock) => RateLimiter> = {
  TokenBucket: (clock) => new TokenBucket({ capacity: 10, refill: 10, per: '1s', clock }),
  LeakyBucket: (clock) => new LeakyBucket({ capacity: 10, leak: 10, per: '1s', clock }),
  FixedWindow: (clock) => new FixedWindow({ limit: 10, per: '1s', clock }),
  SlidingWindowCounter: (clock) => new SlidingWindowCounter({ limit: 10, per: '1s', clock }),
  SlidingWindowLog: (clock) => new SlidingWindowLog({ limit: 10, per: '1s', clock }),
  allOf: (clock) =>
    allOf(
      new TokenBucket({ capacity: 10, refill: 10, per: '1s', clock }),
      new FixedWindow({ limit: 10, per: '1s', clock }),
    ),
};

function limiterRows(): Record<string, Row> {
  const all: Record<string, Row> = {};
  for (const [name, make] of Object.entries(limiters)) {
    all[`rate-limit: ${name}.acquire, n waiters`] = {
      make: (n) => {
        const limiter = make(new TestClock());
        return times(n, () => void limiter.acquire());
      },
    };
    all[`rate-limit: ${name}, n waiters that abort together`] = {
      make: (n) => {
        const limiter = make(new TestClock());
        const { signal, abort } = controller();
        const all = Array.from({ length: n }, () => limiter.acquire({ signal }));
        return () => {
          abort();
          return Promise.allSettled(all);
        };
      },
    };
  }
  all['rate-limit: SlidingWindowLog.tryAcquire, a limit of n'] = {
    make: (n) => {
      const limiter = new SlidingWindowLog({ limit: n, per: '1s' });
      return times(n, () => limiter.tryAcquire());
    },
  };
  all['rate-limit: KeyedRateLimiter.tryAcquire, n keys'] = {
    bound: 'memory',
    make: (n) => {
      const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 10, refill: 10, per: '1s' }), {
        maxKeys: n,
      });
      const all = keys(n);
      return times(n, (i) => limiter.tryAcquire(all[i]!));
    },
  };
  all['rate-limit: KeyedRateLimiter.tryAcquire, n keys where n / 2 are kept'] = {
    bound: 'memory',
    make: (n) => {
      const clock = new TestClock();
      const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 10, refill: 10, per: '1s', clock }), {
        maxKeys: n / 2,
        clock,
      });
      const all = keys(n);
      return times(n, (i) => limiter.tryAcquire(all[i]!));
    },
  };
  return all;
}

function controller() {
  const made = new AbortController();
  return { signal: made.signal, abort: () => made.abort() };
}

const policyRows: Record<string, Row> = {
  'timeout: n calls in flight': {
    make: (n) => {
      const policy = timeout({ duration: '10s', clock: new TestClock() });
      return times(n, () => void policy.execute(never));
    },
  },
  'timeout: n calls in flight that one signal aborts': {
    make: (n) => {
      const policy = timeout({ duration: '10s', clock: new TestClock() });
      const { signal, abort } = controller();
      const all = Array.from({ length: n }, () => policy.execute(never, { signal }));
      return () => {
        abort();
        return Promise.allSettled(all);
      };
    },
  },
  'retry: n calls that wait for their next attempt, and abort': {
    bound: 'memory',
    make: (n) => {
      const policy = retry({ backoff: constantBackoff('1h'), clock: new TestClock() });
      const { signal, abort } = controller();
      const fail = async () => {
        throw new Error('down');
      };
      const all = Array.from({ length: n }, () => policy.execute(fail, { signal }));
      return async () => {
        await new Promise(setImmediate);
        abort();
        return Promise.allSettled(all);
      };
    },
  },
  'circuit-breaker: a window of n calls': {
    make: (n) => {
      const policy = circuitBreaker({ window: { calls: n } });
      return together(n, () => policy.execute(async () => 1));
    },
  },
  'circuit-breaker: n listeners of one event, added and removed': {
    bound: 'memory',
    make: (n) => {
      const policy = circuitBreaker();
      return () => {
        const offs = Array.from({ length: n }, () => policy.on('stateChange', () => {}));
        for (const off of offs) off();
      };
    },
  },
  'bulkhead: n waiters of one priority': {
    make: (n) => {
      const policy = bulkhead({ maxConcurrent: 1, maxQueue: n });
      return together(n, () => policy.execute(async () => 1));
    },
  },
  'bulkhead: n waiters of n priorities': {
    bound: 'memory',
    make: (n) => {
      const policy = bulkhead({ maxConcurrent: 1, maxQueue: n });
      return together(n, (i) => policy.execute(async () => 1, { priority: (i * 7919) % n }));
    },
  },
  'bulkhead: n waiters of n priorities that abort one by one': {
    bound: 'memory',
    make: (n) => {
      const policy = bulkhead({ maxConcurrent: 1, maxQueue: n });
      void policy.execute(never);
      const controllers = Array.from({ length: n }, controller);
      const all = controllers.map(({ signal }, i) => policy.execute(never, { signal, priority: (i * 7919) % n }));
      return () => {
        for (const { abort } of controllers) abort();
        return Promise.allSettled(all);
      };
    },
  },
  'keyed: n keys, each called twice': {
    bound: 'memory',
    make: (n) => {
      const breakers = keyed(() => circuitBreaker(), { maxKeys: n });
      const all = keys(n);
      return together(2 * n, (i) => breakers.execute(async () => 1, { key: all[i % n]! }));
    },
  },
  'keyed: n keys where n / 2 are kept': {
    bound: 'memory',
    make: (n) => {
      const breakers = keyed(() => circuitBreaker(), { maxKeys: n / 2 });
      const all = keys(n);
      return async () => {
        for (const key of all) await breakers.execute(async () => 1, { key });
      };
    },
  },
  'coalesce: n callers of one load': {
    make: (n) => {
      const policy = coalesce();
      return together(n, () => policy.execute(async () => 1, { key: 'key' }));
    },
  },
};

const pickers: Record<string, () => PickerFactory> = {
  roundRobin,
  weightedRoundRobin,
  leastConnections,
  powerOfTwoChoices,
  leastResponseTime,
  randomPick,
  consistentHash,
};

function balancerRows(): Record<string, Row> {
  const all: Record<string, Row> = {};
  const nodes = (n: number) => keys(n).map((node, i) => ({ node, weight: 1 + (i % 5) }));
  for (const [name, pick] of Object.entries(pickers)) {
    for (const slowStart of [false, true]) {
      const when = slowStart ? ' in slow start' : '';
      all[`balancer: ${name}, leases among n nodes${when}`] = {
        bound: 'memory',
        make: (n) => {
          const clock = new TestClock();
          const balancer = new LoadBalancer(nodes(n), { pick: pick(), clock, ...(slowStart && { slowStart: '30s' }) });
          if (slowStart) balancer.setNodes([...nodes(n), { node: 'new' }]);
          return times(n, (i) => {
            const lease = balancer.acquire({ key: `${i}` });
            if (i % 2 === 0) lease.release({ ok: true, value: undefined });
          });
        },
      };
    }
  }
  all['balancer: failed calls among n nodes, with outlier ejection'] = {
    bound: 'O(n)',
    make: (n) => {
      const balancer = new LoadBalancer(nodes(n), { clock: new TestClock(), outlier: { consecutiveFailures: 2 } });
      return times(n, () => balancer.acquire().release({ ok: false, error: new Error('down') }));
    },
  };
  return all;
}

const ringRows: Record<string, Row> = {
  'hash-ring: HashRing.get': {
    make: (n) => {
      const ring = new HashRing(keys(n / 200));
      return times(n, (i) => ring.get(`user-${i}`));
    },
  },
  'hash-ring: a HashRing of n nodes, made': { n: 100, make: (n) => () => new HashRing(keys(n)) },
  'hash-ring: HashRing.addAll of n nodes to n others': {
    n: 100,
    make: (n) => {
      const ring = new HashRing(keys(n));
      return () => ring.addAll(keys(n).map((key) => `more-${key}`));
    },
  },
  'hash-ring: a KetamaRing of n nodes, made': { n: 100, make: (n) => () => new KetamaRing(keys(n)) },
  'hash-ring: a MaglevTable, made': { n: 20, make: (n) => () => new MaglevTable(keys(n), { size: 65_537 }) },
  'hash-ring: Rendezvous.get': {
    n: 100,
    bound: 'O(n)',
    make: (n) => {
      const ring = new Rendezvous(keys(n));
      return times(n, (i) => ring.get(`user-${i}`));
    },
  },
  'sharding: rangeShards.get': {
    make: (n) => {
      const shards = rangesOf(n);
      return times(n, (i) => shards.get(padded((i * 7919) % n)));
    },
  },
  'sharding: rangeShards.getRange over two shards': {
    make: (n) => {
      const shards = rangesOf(n);
      return times(n, () => shards.getRange(padded(1), padded(2)));
    },
  },
  'sharding: rebalancePlan of n ranges': {
    bound: 'memory',
    make: (n) => {
      const [before, after] = [rangesOf(n), rangesOf(n, 1)];
      return () => rebalancePlan(before, after);
    },
  },
};

/** A second tier that has every key. */
class MapStore implements CacheStore {
  async get(key: string) {
    return { data: JSON.stringify({ value: key }), remainingMs: 60_000 };
  }

  async getMany(keys: readonly string[]) {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set() {}
  async delete() {}
  async deleteMatching() {}
}

const padded = (index: number) => String(index).padStart(9, '0');

function rangesOf(n: number, shift = 0) {
  const bound = (i: number) => (i === 0 || i === n ? undefined : padded(i));
  return rangeShards(
    Array.from({ length: n }, (_, i) => ({ from: bound(i), to: bound(i + 1), shard: `shard-${(i + shift) % 7}` })),
  );
}

const loadingRows: Record<string, Row> = {
  'caching: loadingCache.get, n keys loaded together': {
    bound: 'memory',
    make: (n) => {
      const cache = loadingCache({ load: async (key: string) => key, capacity: n });
      const all = keys(n);
      return together(n, (i) => cache.get(all[i]!));
    },
  },
  'caching: loadingCache.get, n callers of one load': {
    make: (n) => {
      const cache = loadingCache({ load: async (key: string) => key, capacity: n });
      return together(n, () => cache.get('key'));
    },
  },
  'caching: deleteMatching of n prefixes in turn': {
    make: (n) => {
      const cache = loadingCache({ load: async (key: string) => key, capacity: n });
      return times(n, (i) => cache.deleteMatching({ prefix: `user-${i}:` }));
    },
  },
  'caching: writeBehind, n keys pending and flushed': {
    make: (n) => {
      const clock = new TestClock();
      const writer = writeBehind<string, number>({ writeMany: async () => {}, maxPending: 2 * n, clock });
      return async () => {
        for (const key of keys(n)) await writer.set(key, 1);
        await writer.flush();
      };
    },
  },
  'caching: tiered, n keys found in the second tier': {
    make: (n) => {
      const store = new MapStore();
      const cache = tiered({ capacity: n }, store, { load: async (key: string) => key });
      const all = keys(n);
      return together(n, (i) => cache.get(all[i]!));
    },
  },
  'caching: deleteMatching of n tags in turn': {
    bound: 'memory',
    make: (n) => {
      const cache = loadingCache({ load: async (key: string) => key, capacity: n });
      return times(n, (i) => cache.deleteMatching({ tag: `tag-${i}` }));
    },
  },
};

const clockRows: Record<string, Row> = {
  'testing: TestClock, n timers set and cleared': {
    make: (n) => {
      const clock = new TestClock();
      return () => {
        const handles = Array.from({ length: n }, (_, i) => clock.setTimeout(() => {}, (i * 7919) % n));
        for (const handle of handles) clock.clearTimeout(handle);
      };
    },
  },
};

export const rows: Readonly<Record<string, Row>> = {
  ...policyRows,
  ...limiterRows(),
  ...cacheRows(),
  ...balancerRows(),
  ...ringRows,
  ...loadingRows,
  ...clockRows,
};
