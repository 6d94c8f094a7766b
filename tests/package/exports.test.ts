import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** All names that a caller can import, by entry point. Adding a name is a decision, and removing one is a breaking change. */
const publicNames: Record<string, string[]> = {
  core: [
    'BulkheadFullError',
    'ChaosError',
    'CircuitOpenError',
    'ClosedError',
    'DeadlineExceededError',
    'LostWritesError',
    'InvalidOptionError',
    'NoHealthyNodeError',
    'QueueTimeoutError',
    'RateLimitedError',
    'ResilienceError',
    'ShedError',
    'TimeoutError',
    'defaultClassify',
    'definePolicy',
    'isNetworkError',
    'isResilienceError',
    'seededRandom',
    'sleep',
    'systemClock',
  ],
  pipeline: ['assertNoWarnings', 'explain', 'pipeline'],
  retry: [
    'RetryBudget',
    'RetryTokens',
    'constantBackoff',
    'decorrelatedJitterBackoff',
    'exponentialBackoff',
    'linearBackoff',
    'retry',
  ],
  timeout: ['timeout'],
  'circuit-breaker': ['circuitBreaker'],
  bulkhead: ['bulkhead'],
  overload: ['adaptiveLimit', 'aimdLimit', 'codelQueue', 'deadlineHeader', 'priorityGate', 'readDeadline'],
  fallback: ['fallback'],
  keyed: ['keyed'],
  cache: ['ClockCache', 'FifoCache', 'LfuCache', 'LruCache', 'RandomCache', 'TinyLfuCache', 'TtlCache'],
  coalesce: ['coalesce'],
  dedupe: ['dedupe'],
  guard: ['guard', 'guarded'],
  hedge: ['hedge'],
  classify: [
    'awsErrors',
    'firstOf',
    'grpcErrors',
    'mongoErrors',
    'nodeErrors',
    'prismaErrors',
    'redisErrors',
    'sqlErrors',
  ],
  'loading-cache': ['batch', 'loadingCache', 'memoize', 'shareInvalidations'],
  'tiered-cache': ['tiered'],
  'cache-writers': ['writeAround', 'writeBehind', 'writeThrough'],
  'http-cache': ['cachedFetch'],
  'rate-limit': [
    'FixedWindow',
    'KeyedRateLimiter',
    'LeakyBucket',
    'SlidingWindowCounter',
    'SlidingWindowLog',
    'TokenBucket',
    'allOf',
    'rateLimit',
  ],
  'load-balancer': [
    'LoadBalancer',
    'clientSubset',
    'consistentHash',
    'customCheck',
    'httpCheck',
    'ipHash',
    'leastConnections',
    'powerOfTwoChoices',
    'leastResponseTime',
    'randomPick',
    'resourceBased',
    'roundRobin',
    'weightedLeastConnections',
    'weightedRoundRobin',
  ],
  'load-balancer/dns': ['dnsNodes'],
  'load-balancer/tcp': ['tcpCheck'],
  'http-server': [
    'admissionHandler',
    'admissionMiddleware',
    'clientKey',
    'deadlineHandler',
    'deadlineMiddleware',
    'parseRateLimit',
    'rateLimitHandler',
    'rateLimitHeaders',
    'rateLimitMiddleware',
    'readPriority',
    'toProblem',
  ],
  'request-context': ['currentContext', 'runInContext', 'runOutsideContext'],
  'hash-ring': [
    'HashRing',
    'KetamaRing',
    'MaglevTable',
    'Rendezvous',
    'fnv1a',
    'jumpHash',
    'murmur3',
    'sipHash13',
    'xxh32',
  ],
  sharding: [
    'compositeShards',
    'directoryShards',
    'geoShards',
    'hashShards',
    'rangeShards',
    'rebalancePlan',
    'replicaRouter',
  ],
  fetch: ['classifyResponse', 'isIdempotent', 'parseRateLimit', 'parseRetryAfter', 'resilientFetch'],
  chaos: ['chaosControl', 'chaosFetch', 'down', 'drop', 'error', 'flush', 'hang', 'partition', 'slow', 'stall'],
  simulator: [
    'SimulatedError',
    'SimulationError',
    'burst',
    'closed',
    'compare',
    'constant',
    'constantRate',
    'diurnal',
    'down',
    'drop',
    'empirical',
    'error',
    'exponential',
    'flush',
    'hang',
    'logNormal',
    'partition',
    'poisson',
    'ramp',
    'replay',
    'server',
    'simulate',
    'simulatedFetch',
    'slow',
    'stall',
    'sweep',
    'trace',
    'uniform',
    'zipf',
  ],
  undici: ['resilient'],
  testing: [
    'SimClock',
    'TestClock',
    'cacheStoreContract',
    'forceOpen',
    'journalContract',
    'passThrough',
    'seededRandom',
  ],
};

/** Entry points that the root does not re-export, because they do not run in every runtime or are not needed by every program. */
const notInRoot = [
  'load-balancer/dns',
  'load-balancer/tcp',
  'http-server',
  'request-context',
  'chaos',
  'simulator',
  'undici',
  'testing',
];

const root = new URL('../../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, string | Record<string, Record<string, string>>>;
  typesVersions: { readonly '*': Record<string, string[]> };
};
const folders = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' }).filter((name) =>
  existsSync(new URL(`src/${name}/index.ts`, root)),
);

const namesOf = async (specifier: string) => Object.keys(await import(/* @vite-ignore */ specifier)).sort();

describe('The exports of package.json', () => {
  it('the exports are the root and every folder of src with an index.ts, for both module systems, with types first', () => {
    const files = (name: string) => {
      const esm = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
      return {
        import: esm,
        'module-sync': esm,
        default: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
      };
    };
    expect(manifest.exports).toEqual({
      '.': files('index'),
      ...Object.fromEntries(folders.map((folder) => [`./${folder}`, files(folder)])),
      './package.json': './package.json',
    });
    for (const conditions of Object.values(manifest.exports)) {
      if (typeof conditions === 'string') continue;
      // A resolver takes the first condition that it knows: `default` matches always.
      expect(Object.keys(conditions)).toEqual(['import', 'module-sync', 'default']);
      for (const files of Object.values(conditions)) expect(Object.keys(files)).toEqual(['types', 'default']);
    }
  });

  it('typesVersions has the declarations of every subpath, for resolvers that do not read exports', () => {
    expect(manifest.typesVersions['*']).toEqual(
      Object.fromEntries(folders.map((folder) => [folder, [`./dist/${folder}.d.cts`]])),
    );
  });
});

describe('Public names', () => {
  it('this test lists every entry point', () => {
    expect(Object.keys(publicNames).sort()).toEqual(folders.sort());
  });

  it.each(Object.entries(publicNames))('breakwater/%s exports exactly its listed names', async (folder, names) => {
    expect(await namesOf(`breakwater/${folder}`)).toEqual([...names].sort());
  });

  it('the root exports the names of all universal entry points', async () => {
    const universal = Object.entries(publicNames).filter(([folder]) => !notInRoot.includes(folder));
    const expected = new Set(universal.flatMap(([, names]) => names));
    expect(await namesOf('breakwater')).toEqual([...expected].sort());
  });
});
