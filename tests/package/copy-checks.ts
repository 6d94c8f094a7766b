/**
 * What two copies of the package in one process must do together, such as ESM beside CommonJS, or two versions in one
 * dependency tree. Only types are imported: `copies.test.ts` runs the checks on the sources, and
 * `installed/module-systems.test.ts` on the installed package.
 */
import assert from 'node:assert/strict';

/** The exports of one copy: of the root, the request context, and the test clock. */
export type Copy = typeof import('breakwater') &
  Pick<typeof import('breakwater/testing'), 'TestClock'> &
  typeof import('breakwater/request-context');

export type CopyCheck = (one: Copy, other: Copy) => void | Promise<void>;

/** One policy of each kind. */
const members: Record<string, (copy: Copy) => ReturnType<Copy['definePolicy']>> = {
  timeout: (copy) => copy.timeout(1000),
  retry: (copy) => copy.retry(),
  circuitBreaker: (copy) => copy.circuitBreaker(),
  bulkhead: (copy) => copy.bulkhead({ maxConcurrent: 1, maxQueue: 5 }),
  fallback: (copy) => copy.fallback('instead') as never,
  rateLimit: (copy) => copy.rateLimit(bucketOf(copy)),
  'rateLimit with keys': (copy) => copy.rateLimit(new copy.KeyedRateLimiter(() => bucketOf(copy)), { maxWait: '1s' }),
  coalesce: (copy) => copy.coalesce(),
  keyed: (copy) => copy.keyed(() => copy.circuitBreaker()),
  pipeline: (copy) => copy.pipeline(copy.retry(), copy.timeout(1000)),
  definePolicy: (copy) => copy.definePolicy({ name: 'own', run: (next, context) => next(context) }),
};

const bucketOf = (copy: Copy, capacity = 5) => new copy.TokenBucket({ capacity, refill: capacity, per: '1s' });

const checks: Record<string, CopyCheck> = {
  'the two copies are different modules': (one, other) => {
    assert.notEqual(one.retry, other.retry);
  },

  'a call waits in the queue of the other copy': async (one, other) => {
    const slots = other.bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const permit = slots.tryAcquire();
    const call = one.pipeline(one.retry(), slots).execute(() => 'value');
    permit?.release();
    assert.equal(await call, 'value');
    assert.deepEqual([slots.active, slots.queued], [0, 0]);
  },

  'each copy recognizes and classifies the errors of the other copy': async (one, other) => {
    const open = other.circuitBreaker({ initialState: 'open' });
    const error = await rejection(one.retry().execute(() => open.execute(() => 1)));
    assert.equal(one.isResilienceError(error, 'ERR_CIRCUIT_OPEN'), true);
    assert.equal(one.defaultClassify({ ok: false, error }), 'ignore');
    assert.ok(error instanceof one.ResilienceError);
  },

  'a retry of one copy does not repeat a mistake that the fetch of the other copy has found': async (one, other) => {
    let calls = 0;
    const fetch = other.resilientFetch({
      policy: other.timeout(1000),
      fetch: (_url: string): Promise<Response> => {
        calls++;
        return Promise.reject(Object.assign(new Error('redirect count exceeded'), { type: 'max-redirect' }));
      },
    });
    await rejection(one.retry({ backoff: one.constantBackoff(1) }).execute(() => fetch('https://a.test/')));
    assert.equal(calls, 1);
  },

  'a retry of one copy repeats a network error that the fetch of the other copy has found': async (one, other) => {
    let calls = 0;
    const fetch = other.resilientFetch({
      policy: other.timeout(1000),
      fetch: (_url: string): Promise<Response> => {
        calls++;
        return Promise.reject(new TypeError('le réseau est en panne'));
      },
    });
    await rejection(one.retry({ backoff: one.constantBackoff(1) }).execute(() => fetch('https://a.test/')));
    assert.equal(calls, 3);
  },

  'policies of both copies use one test clock': async (one, other) => {
    const clock = new one.TestClock();
    const policy = one.pipeline(
      one.timeout({ duration: '1m', clock }),
      other.retry({ clock }),
      other.timeout({ duration: '10s', clock }),
    );
    const call = rejection(policy.execute(() => new Promise(() => {})));
    await clock.advance(60_000);
    assert.equal(one.isResilienceError(await call, 'ERR_TIMEOUT'), true);
  },

  'the system clock of one copy is that of the other copy': async (one, other) => {
    const clock = other.systemClock;
    const policy = one.pipeline(one.timeout({ duration: 1000, clock }), one.retry(), other.timeout(500));
    assert.equal(await policy.execute(() => 'value'), 'value');
    const limiters = [new one.TokenBucket({ capacity: 5, refill: 5, per: '1s', clock }), bucketOf(one)];
    assert.equal(one.allOf(...limiters).tryAcquire().allowed, true);
    assert.equal(new one.KeyedRateLimiter(() => bucketOf(one), { clock }).tryAcquire('k').allowed, true);
    assert.equal(await one.keyed(() => one.timeout({ duration: 100, clock })).execute(() => 1, { key: 'k' }), 1);
  },

  'limiters of one copy work in policies and keyed limiters of the other copy': async (one, other) => {
    const clock = new one.TestClock();
    const bucket = () => new other.TokenBucket({ capacity: 1, refill: 1, per: '1s', clock });
    const combined = () => other.allOf(bucket(), new other.FixedWindow({ limit: 10, per: '1m', clock }));
    for (const make of [bucket, combined]) {
      const keyed = new one.KeyedRateLimiter(make);
      assert.equal(keyed.clock, clock);
      for (const limiter of [make(), keyed]) {
        const limit = one.rateLimit(limiter, { maxWait: '5s' });
        const policy = other.pipeline(other.timeout({ duration: '1m', clock }), limit);
        const order: number[] = [];
        const calls = [1, 2, 3].map((n) => policy.execute(() => order.push(n), { key: 'k' }));
        const controller = new AbortController();
        const left = rejection(policy.execute(() => order.push(4), { key: 'k', signal: controller.signal }));
        controller.abort(new Error('left'));
        assert.equal(((await left) as Error).message, 'left');
        await clock.advance(1000);
        assert.deepEqual(order, [1, 2]);
        await clock.advance(1000);
        await Promise.all(calls);
        assert.deepEqual(order, [1, 2, 3]);
      }
    }
  },

  'allOf names the reason why it rejects a limiter of the other copy': (one, other) => {
    assert.throws(() => one.allOf(bucketOf(one), bucketOf(other)), /of the same copy of it as allOf/);
  },

  'a retry uses the budget of the other copy': async (one, other) => {
    const budget = new other.RetryBudget();
    assert.equal(await one.retry({ budget }).execute(() => 'value'), 'value');
  },

  'hash rings of the two copies can be compared': (one, other) => {
    const names = ['a', 'b', 'c'];
    const more = [...names, 'd'];
    const same = new one.HashRing(names).diff(new one.HashRing(more));
    assert.ok(same.share > 0);
    assert.deepEqual(new one.HashRing(names).diff(new other.HashRing(more)), same);
    for (const hash of ['fnv1a', 'xxh32', 'murmur3'] as const) {
      const ring = new one.HashRing(names, { hash: one[hash], seed: 7 });
      assert.deepEqual(ring.diff(new other.HashRing(names, { hash: other[hash], seed: 7 })), { share: 0, moves: [] });
    }
    assert.deepEqual(new one.KetamaRing(names).diff(new other.KetamaRing(names)), { share: 0, moves: [] });
    for (const different of [new other.HashRing(names, { seed: 1 }), new other.KetamaRing(names)]) {
      assert.throws(() => new one.HashRing(names).diff(different), /must be a ring that hashes keys in the same way/);
    }
  },

  'plans compare the shards of the two copies': (one, other) => {
    const ranges = [
      { to: 'n', shard: 'a' },
      { from: 'n', shard: 'b' },
    ] as const;
    const after = other.rangeShards(ranges).split('g', 'c');
    const { moves } = one.rebalancePlan(one.rangeShards(ranges), after);
    assert.deepEqual(moves, [{ from: 'a', to: 'c', range: { from: 'g', to: 'n' } }]);
    const [few, many] = [new one.HashRing(['a', 'b']), new other.HashRing(['a', 'b', 'c'])];
    const plan = one.rebalancePlan(few, many);
    assert.ok(plan.share > 0);
    assert.deepEqual(one.rebalancePlan(one.hashShards(few), other.hashShards(many)), plan);
    assert.deepEqual(one.rebalancePlan(other.hashShards(few), one.hashShards(many)), plan);
    const keyPlan = one.rebalancePlan(one.hashShards(few), other.hashShards(many), ['x', 'y', 'z']);
    assert.equal(keyPlan.total, 3);
  },

  'sessions pass between the routers of the two copies as tokens': (one, other) => {
    const options = { primary: 'db-1', replicas: ['db-2'] };
    const [router, others] = [one.replicaRouter(options), other.replicaRouter(options)];
    const session = others.session();
    assert.throws(
      () => router.forRead({ consistency: 'read-your-writes', session }),
      /"session" must be a session of this router/,
    );
    const restored = router.session(session.toJSON());
    assert.equal(router.forRead({ consistency: 'read-your-writes', session: restored }).node.startsWith('db-'), true);
  },

  'a loading cache loads through caches, policies and loaders of the other copy': async (one, other) => {
    let loads = 0;
    const inner = other.loadingCache({ load: async (key: string) => `${key}${++loads}`, capacity: 10, ttl: '1m' });
    const cache = one.loadingCache({
      load: (key: string) => inner.get(key),
      cache: new other.LruCache<string, never>({ capacity: 3 }),
      policy: other.pipeline(other.retry(), other.timeout('5s')),
      ttl: 1000,
    });
    assert.deepEqual(await Promise.all([cache.get('x'), cache.get('x')]), ['x1', 'x1']);
  },

  'a tiered cache works over caches and loaders of the other copy': async (one, other) => {
    const store = memoryStore();
    const options = { ttl: '1m', prefix: 'p:' } as const;
    const inner = other.tiered({ capacity: 10 }, store, { ...options, load: async (key: string) => `${key}1` });
    const outer = one.tiered(new other.LruCache<string, never>({ capacity: 10 }), store, {
      ...options,
      load: (key: string) => inner.get(key),
      policy: other.timeout('5s'),
    });
    assert.equal(await outer.get('x'), 'x1');
    assert.equal(await outer.get('x'), 'x1');
  },

  'an invalidation in one copy reaches the caches of the other copy': async (one, other) => {
    const listeners = new Set<{ onMessage(message: string): void }>();
    const bus = {
      publish(message: string): void {
        for (const listener of listeners) listener.onMessage(message);
      },
      subscribe: (listener: { onMessage(message: string): void }) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    let version = 1;
    const load = async (_key: string) => version;
    const mine = one.loadingCache({ load, capacity: 10, ttl: '1m' });
    const theirs = other.loadingCache({ load, capacity: 10, ttl: '1m' });
    const shared = [
      one.shareInvalidations(mine, bus, { topic: 't' }),
      other.shareInvalidations(theirs, bus, { topic: 't' }),
    ];
    assert.deepEqual([await mine.get('k'), await theirs.get('k')], [1, 1]);
    version = 2;
    mine.delete('k');
    assert.deepEqual([await mine.get('k'), await theirs.get('k')], [2, 2]);
    for (const sharing of shared) sharing.stop();
  },

  'the writers of one copy update the caches of the other copy': async (one, other) => {
    const rows = new Map<string, string>();
    const cache = other.loadingCache({ load: async (key: string) => rows.get(key) ?? 'none', capacity: 10, ttl: '1m' });
    assert.equal(await cache.get('a'), 'none');
    const write = async (key: string, value: string) => void rows.set(key, value);
    await one.writeThrough({ cache, write, policy: other.retry() }).set('a', 'through');
    assert.equal(await cache.get('a'), 'through');
    await one.writeAround({ cache, write }).set('a', 'around');
    assert.equal(await cache.get('a'), 'around');
    const clock = new one.TestClock();
    const behind = one.writeBehind<string, string>({
      clock,
      policy: other.timeout({ duration: '5s', clock }),
      write,
    });
    const reading = other.loadingCache({
      load: behind.readYourWrites(async (key: string) => rows.get(key) ?? 'none'),
      capacity: 10,
      ttl: '1m',
    });
    await behind.set('b', 'behind');
    assert.equal(await reading.get('b'), 'behind');
    const flushed = behind.flush();
    await clock.advance(10_000);
    await flushed;
    assert.equal(rows.get('b'), 'behind');
  },

  'a fetch of one copy uses policies and the fetch of the other copy': async (one, other) => {
    let requests = 0;
    const origin = async (_url: string) =>
      new Response('x', { status: ++requests === 1 ? 503 : 200, headers: { 'cache-control': 'max-age=60' } });
    const inner = other.resilientFetch({ fetch: origin, retry: false });
    const policy = other.retry({ backoff: other.constantBackoff(1), classify: other.classifyResponse });
    const fetch = one.cachedFetch(one.resilientFetch({ policy, fetch: inner }));
    assert.equal(await (await fetch('https://a.test/')).text(), 'x');
    assert.equal(await (await fetch('https://a.test/')).text(), 'x');
    assert.equal(requests, 2);
  },

  'a request passes once through the fetches of both copies, although each calls the global fetch': async (
    one,
    other,
  ) => {
    const { fetch } = globalThis;
    let [requests, passes] = [0, 0];
    // The policy defers each attempt, so that the instances cannot see on the stack that a call has come back.
    const deferred = (copy: Copy) =>
      copy.definePolicy({
        name: 'deferred',
        async run(next, context) {
          assert.ok(++passes < 20, 'the call goes round in a circle');
          await context.sleep(1);
          return next(context);
        },
      });
    try {
      globalThis.fetch = async () => new Response('x', { status: ++requests === 1 ? 503 : 200 });
      globalThis.fetch = other.resilientFetch({ policy: deferred(other) });
      globalThis.fetch = one.resilientFetch({ policy: deferred(one) });
      assert.equal((await globalThis.fetch('https://a.test/')).status, 503);
      assert.equal((await globalThis.fetch('https://a.test/')).status, 200);
      assert.equal(requests, 2);
    } finally {
      globalThis.fetch = fetch;
    }
  },

  'a balancer of one copy balances the calls of the other copy': async (one, other) => {
    const policy = one.pipeline(one.timeout('5s'), other.retry());
    using nodes = new other.LoadBalancer(['a', 'b'], { pick: one.consistentHash() });
    const seen = new Set<string>();
    for (const key of ['k', 'k', 'k']) {
      await policy.execute(() => nodes.execute(async ({ node }) => seen.add(node), { key }));
    }
    assert.equal(seen.size, 1);
    using origins = new other.LoadBalancer(['https://a.test']);
    const fetch = async (url: URL | string) => new Response(new URL(url).host);
    const routed = one.resilientFetch({ route: origins.route(), circuitBreaker: false, fetch });
    assert.equal(await (await routed('https://service.test/')).text(), 'a.test');
  },

  'calls of both copies share one coalesced call': async (one, other) => {
    let runs = 0;
    const shared = other.coalesce();
    const policies = [one.pipeline(shared, one.timeout('5s')), other.pipeline(other.timeout('5s'), shared)];
    const operation = async () => ++runs;
    assert.deepEqual(await Promise.all(policies.map((policy) => policy.execute(operation, { key: 'k' }))), [1, 1]);
  },

  'a call of either copy is bound by a request context of the other copy': async (one, other) => {
    const clock = new one.TestClock();
    const client = new AbortController();
    const call = () => rejection(one.retry({ clock }).execute(() => new Promise(() => {})));
    const [late, left] = other.runInContext({ priority: 1, signal: client.signal }, () => [
      one.runInContext({ deadline: 100, clock }, () => {
        assert.equal(other.currentContext()?.priority, 1);
        assert.equal(other.currentContext()?.remainingMs, 100);
        return call();
      }),
      call(),
    ]);
    await clock.advance(100);
    assert.equal(one.isResilienceError(await late, 'ERR_TIMEOUT'), true);
    client.abort(new Error('left'));
    assert.equal(((await left) as Error).message, 'left');
  },

  'an explanation describes the policies of the other copy': (one, other) => {
    const policy = one.pipeline(other.retry({ maxAttempts: 5 }), other.pipeline(other.timeout('2s')));
    assert.equal(one.explain(policy).maxAttempts, 5);
  },
};

for (const [name, make] of Object.entries(members)) {
  checks[`a pipeline runs a ${name} of the other copy`] = async (one, other) => {
    const policy = one.pipeline(one.timeout(5000), make(other), one.retry(), one.fallback('instead'));
    assert.equal(await policy.execute(async () => 'value', { key: 'k' }), 'value');
    const controller = new AbortController();
    const left = rejection(policy.execute(() => new Promise(() => {}), { key: 'k', signal: controller.signal }));
    controller.abort(new Error('left'));
    assert.equal(((await left) as Error).message, 'left');
  };
}

/** The checks by their names, which are sentences. */
export const copyChecks: Readonly<Record<string, CopyCheck>> = checks;

/** A second tier in memory. */
function memoryStore(): import('breakwater').CacheStore {
  const entries = new Map<string, string>();
  return {
    async get(key) {
      const data = entries.get(key);
      return data === undefined ? undefined : { data, remainingMs: 60_000 };
    },
    async set(key, data) {
      entries.set(key, data);
    },
    async delete(key) {
      entries.delete(key);
    },
    async deleteMatching() {},
  };
}

async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}
