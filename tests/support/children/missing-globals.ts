/** Deletes the globals named by the arguments, then imports the package and uses its patterns. Prints what does not work. */
const { AbortController, Response, setTimeout } = globalThis; // before anything is gone that Node needs to load them

for (const path of process.argv.slice(2)) {
  const [owner, name] = path.split('.') as [string, string | undefined];
  const globals = globalThis as unknown as Record<string, Record<string, unknown>>;
  if (name === undefined) delete globals[owner];
  else delete globals[owner]?.[name];
}

export const b = await import('breakwater');
const patterns: Readonly<Record<string, () => Promise<unknown>>> = {
  retry: () =>
    b.retry({ backoff: b.constantBackoff(5) }).execute(({ attempt }) => {
      if (attempt < 2) throw new Error('down');
      return 'works';
    }),
  timeout: async () => {
    const call = b.timeout(20).execute(() => new Promise(() => {}));
    return call.catch((error) => (error.code === 'ERR_TIMEOUT' ? 'works' : error));
  },
  'abort of a sleep': () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort('works'), 5);
    return b.sleep(60_000, { signal: controller.signal }).catch((reason) => reason);
  },
  'abort without a reason': async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const policy = b.timeout(60_000);
    const call = policy.execute(({ signal }) => new Promise(() => signal.aborted), { signal: controller.signal });
    return call.catch((error) => (error.name === 'AbortError' ? 'works' : error));
  },
  breaker: async () => {
    const breaker = b.circuitBreaker({ consecutiveFailures: 1 });
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    return breaker.state === 'open' ? 'works' : breaker.state;
  },
  bulkhead: () => b.bulkhead({ maxConcurrent: 1, maxQueue: 1 }).execute(() => 'works'),
  limiter: async () => {
    const limiter = new b.TokenBucket({ capacity: 1, refill: 1, per: 20 });
    await limiter.acquire();
    return (await limiter.acquire()).allowed ? 'works' : 'no';
  },
  'cache with a timer': async () => {
    const cache = new b.LruCache<string, string>({ capacity: 2, ttl: 60_000, purgeEvery: 1000 });
    cache.set('a', 'works');
    const value = cache.get('a');
    cache[Symbol.dispose]();
    return value;
  },
  'loading cache': () => b.loadingCache({ load: async () => 'works', capacity: 2 }).get('a'),
  'loading cache with batches': () =>
    b.loadingCache({ loadMany: async (keys: readonly string[]) => keys.map(() => 'works'), capacity: 2 }).get('a'),
  'dump of a cache': async () => {
    const cache = new b.LruCache<string, string>({ capacity: 2 });
    cache.set('a', 'works');
    const other = new b.LruCache<string, string>({ capacity: 2 });
    other.restore(cache.dump());
    return other.get('a');
  },
  fetch: async () => {
    let sent = 0;
    const fetch = b.resilientFetch({
      retry: { backoff: b.constantBackoff(1) },
      bodyTimeout: 1000,
      fetch: async (_url: string) => new Response('works', { status: ++sent < 2 ? 503 : 200 }),
    });
    return (await fetch('http://x.test/')).text();
  },
  'http cache': async () => {
    const headers = { 'cache-control': 'max-age=9' };
    const fetch = b.cachedFetch(async (_url: string) => new Response('works', { headers }));
    await (await fetch('http://x.test/')).text();
    return (await fetch('http://x.test/')).text();
  },
  ring: async () => (new b.HashRing(['a', 'b']).get('k') === undefined ? 'no' : 'works'),
};

for (const [name, use] of Object.entries(patterns)) {
  const result = await Promise.resolve()
    .then(use)
    .catch((error: unknown) => error);
  if (result !== 'works') console.log(`${name}: ${result}`);
}
