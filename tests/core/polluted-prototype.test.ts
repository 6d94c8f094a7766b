import {
  bulkhead,
  circuitBreaker,
  coalesce,
  definePolicy,
  fallback,
  HashRing,
  KeyedRateLimiter,
  keyed,
  LruCache,
  loadingCache,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
  sleep,
  TokenBucket,
  timeout,
} from 'breakwater';
import { LoadBalancer } from 'breakwater/load-balancer';
import { directoryShards } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../src/testing/index.js';

const aborted = AbortSignal.abort(new Error('polluted'));
/** Values whose use would be visible at once. All others are `NaN`, which no option may be. */
const POLLUTION: Readonly<Record<string, unknown>> = {
  signal: aborted,
  timeout: 1,
  classify: () => 'permanent',
  priority: Number.NaN,
  key: 'polluted',
  exclude: ['a', 'b'],
  policy: definePolicy({ name: 'polluted', run: () => Promise.reject(new Error('polluted')) }),
  ttl: 1,
  weight: 0,
  tags: ['polluted'],
  cost: 5,
  maxWait: 1,
  zoneOf: () => undefined,
  hash: () => 0,
  concurrency: Number.NaN,
  attempt: 7,
  deadline: 0,
  clock: 1,
  name: '',
  random: 1,
  maxAttempts: 1,
  max: 0,
  min: 1e12,
  above: 1e12,
  budget: { recordRequest() {}, tryRetry: () => false },
  backoff: 1,
  keepsAlive: false,
  compensatesStalls: false,
  orInfinity: 1,
};

type Entry = (options: <T extends object>(given: T) => T) => unknown;
const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value));
const OK = { ok: true, value: undefined } as const;
/** Public functions that take the options of a call, and some factories. Each returns a result that a polluted option would change. */
const entries: Readonly<Record<string, Entry>> = {
  'policy.execute': (options) => retry({ backoff: () => 0 }).execute(() => later('ok'), options({})),
  'policy.execute with a key': (options) =>
    timeout('1m').execute(
      async ({ key, priority, deadline }) => later([key, priority, deadline > 0]),
      options({ key: 'k' }),
    ),
  'policy.execute that fails': async (options) => {
    const seen: number[] = [];
    const policy = retry({ backoff: () => 0 });
    await policy
      .execute(({ attempt }) => {
        seen.push(attempt);
        return Promise.reject(new Error('down'));
      }, options({}))
      .catch(() => {});
    return seen;
  },
  'context.derive': (options) => {
    const derived = definePolicy({
      name: 'derived',
      async run(next, context) {
        const child = context.derive(options({}));
        expect([child.attempt, child.deadline]).toEqual([1, Infinity]);
        return next(child);
      },
    });
    return derived.execute(() => later('ok'));
  },
  'keyed.execute': async (options) => {
    const family = keyed(() => bulkhead({ maxConcurrent: 1 }));
    return family.execute(() => later('ok'), options({})).catch((error) => error.option);
  },
  'pipeline.execute': (options) => pipeline(timeout('1m'), retry()).execute(() => later('ok'), options({})),
  'fallback.execute': (options) => fallback('instead').execute(() => later('ok'), options({})),
  'circuitBreaker.execute': async (options) => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 });
    await breaker.execute(() => Promise.reject(new TypeError('mine')), options({})).catch(() => {});
    return breaker.state;
  },
  'coalesce.execute': (options) => coalesce().execute(() => later('ok'), options({ key: 'k' })),
  'bulkhead.acquire': async (options) => {
    const slots = bulkhead({ maxConcurrent: 1 });
    (await slots.acquire(options({}))).release();
    return slots.active;
  },
  sleep: (options) => sleep(1, options({})).then(() => 'slept'),
  'loadingCache.get': (options) =>
    loadingCache({ load: (key: string) => later(key), capacity: 2 }).get('a', options({})),
  'loadingCache.getMany': (options) =>
    loadingCache({ load: (key: string) => later(key), capacity: 2 }).getMany(['a'], options({})),
  'loadingCache.refresh': (options) =>
    loadingCache({ load: (key: string) => later(key), capacity: 2 }).refresh('a', options({})),
  'loadingCache.set': async (options) => {
    const clock = new TestClock();
    const cache = loadingCache({ load: () => later('loaded'), capacity: 2, ttl: 1000, clock });
    cache.set('a', 'set', options({}));
    await clock.advance(500);
    cache.deleteMatching({ tag: 'polluted' });
    return cache.get('a');
  },
  'loadingCache.warmUp': (options) =>
    loadingCache({ load: (key: string) => later(key), capacity: 2 }).warmUp(['a'], options({})),
  'cache.set': async (options) => {
    const clock = new TestClock();
    const cache = new LruCache<string, number>({ capacity: 2, maxWeight: 5, weigh: () => 1, clock });
    cache.set('a', 1, options({}));
    await clock.advance(500);
    return [cache.get('a'), cache.weight];
  },
  'balancer.acquire': (options) => {
    const balancer = new LoadBalancer(['a']);
    const lease = balancer.acquire(options({}));
    lease.release(OK);
    return [lease.node, balancer.peek(options({}))];
  },
  'balancer.execute': (options) => new LoadBalancer(['a']).execute(({ node }) => later(node), options({})),
  'directoryShards.get': (options) => directoryShards({ load: () => later('shard') }).get('a', options({})),
  'limiter.acquire': (options) => new TokenBucket({ capacity: 1, refill: 1, per: 10 }).acquire(options({})),
  'limiter.reserve': (options) =>
    new TokenBucket({ capacity: 1, refill: 1, per: 10 }).reserve(options({})).decision.allowed,
  'keyedLimiter.acquire': (options) =>
    new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: 10 })).acquire('k', options({})),
  'ring.add': (options) => new HashRing(['a']).add('b', options({})).toJSON(),
  'ring.getMany': (options) => new HashRing(['a', 'b']).getMany('k', 2, options({})),
  'HashRing.fromJSON': (options) => HashRing.fromJSON(new HashRing(['a', 'b']).toJSON(), options({})).get('k'),
  'new RetryBudget': (options) => new RetryBudget(options({})).stats.available,
  'resilientFetch and a call of it': async (options) => {
    const fetch = resilientFetch(options({ fetch: async (_url: string) => new Response('ok') }));
    return (await fetch('http://x.test/')).text();
  },
};

async function resultOf(entry: Entry, options: <T extends object>(given: T) => T): Promise<unknown> {
  try {
    return await entry(options);
  } catch (error) {
    return error;
  }
}

describe.each(Object.entries(entries))('%s', (_, entry) => {
  it.each(Object.keys(POLLUTION))('the call ignores %s on a polluted Object.prototype', async (name) => {
    const expected = await resultOf(entry, (given) => given);
    expect(expected).not.toBeInstanceOf(Error);
    Object.defineProperty(Object.prototype, name, { value: POLLUTION[name], configurable: true, writable: true });
    let result: unknown;
    try {
      result = await resultOf(entry, (given) => given);
    } finally {
      Reflect.deleteProperty(Object.prototype, name);
    }
    expect(result).toEqual(expected);
  });
});

describe('Options inherited from a class', () => {
  const controller = new AbortController();
  controller.abort(new Error('left'));

  it.each<[string, (options: AbortController) => unknown]>([
    ['policy.execute', (options) => retry().execute(() => 1, options)],
    ['loadingCache.get', (options) => loadingCache({ load: later, capacity: 2 }).get(1, options)],
    ['directoryShards.get', (options) => directoryShards({ load: () => later('shard') }).get('a', options)],
  ])('a getter of a class is an option of %s, also with a polluted Object.prototype', async (_, call) => {
    await expect(call(controller)).rejects.toThrow('left');
    Object.defineProperty(Object.prototype, 'signal', { value: aborted, configurable: true });
    try {
      await expect(call(controller)).rejects.toThrow('left');
    } finally {
      Reflect.deleteProperty(Object.prototype, 'signal');
    }
  });
});
