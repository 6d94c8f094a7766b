/**
 * The checks that the installed package must pass on every runtime, without anything but web standards. `origin` is a
 * server of `origin.ts`.
 */
import * as b from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { digestOfSimulation, EXPECTED_DIGEST } from './simulation-digest.js';

export type Check = (origin: string) => Promise<void>;

export interface CheckResult {
  readonly name: string;
  /** Why the check failed; undefined if it passed. */
  readonly failure: string | undefined;
}

const SIMULATION = 'a simulation has the same result on every runtime';

/**
 * Runs all checks, one after the other: they share the clock of the machine.
 *
 * @param simulates - whether the simulator supports the runtime.
 */
export async function runChecks(origin: string, simulates = true): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const [name, check] of Object.entries(checks)) {
    if (name === SIMULATION && !simulates) continue;
    const failure = await inTime(check(origin)).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : `rejected with ${error}`),
    );
    results.push({ name, failure });
  }
  return results;
}

const inTime = <T>(promise: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('has not ended after 10 s')), 10_000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });

function equal(actual: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`expected ${other}, got ${one}`);
}

async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${value}`);
}

const codeOf = async (promise: PromiseLike<unknown>): Promise<unknown> =>
  ((await rejectionOf(promise)) as { readonly code?: unknown }).code;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const never = () => new Promise<never>(() => {});
const down = () => Promise.reject(new Error('down'));

/** Aborts after `ms` with the returned reason. */
function abortAfter(ms: number): { readonly signal: AbortSignal; readonly reason: Error } {
  const controller = new AbortController();
  const reason = new Error('the caller has left');
  setTimeout(() => controller.abort(reason), ms);
  return { signal: controller.signal, reason };
}

/** A store in memory, in place of Redis. */
function memoryStore(): b.CacheStore<string> {
  const entries = new Map<string, { readonly data: string; readonly until: number }>();
  return {
    async get(key) {
      const entry = entries.get(key);
      return entry && { data: entry.data, remainingMs: entry.until - Date.now() };
    },
    async set(key, data, { ttlMs }) {
      entries.set(key, { data, until: Date.now() + ttlMs });
    },
    async delete(key) {
      entries.delete(key);
    },
    async deleteMatching() {},
  };
}

const quick = { backoff: b.constantBackoff(1) };
/** A fetch without the state of other checks. */
const makeFetch = (options: b.ResilientFetchOptions = {}) => b.resilientFetch({ retry: quick, ...options });

/** A read that an abort of the caller ends while the body arrives. */
const aborted = (read: (response: Response) => Promise<unknown>, makeWith = makeFetch): Check => {
  return async (origin) => {
    const controller = new AbortController();
    const reason = new Error('the caller has left');
    const response = await makeWith()(`${origin}/endless`, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    equal((await rejectionOf(read(response))) === reason, true);
  };
};

const checks: Record<string, Check> = {
  'a retry repeats a failed call': async () => {
    const attempts: number[] = [];
    const value = await b.retry(quick).execute(({ attempt }) => {
      attempts.push(attempt);
      return attempt < 3 ? down() : 'up';
    });
    equal([value, attempts], ['up', [1, 2, 3]]);
  },
  'a retry rejects with the last error': async () => {
    equal(((await rejectionOf(b.retry(quick).execute(down))) as Error).message, 'down');
  },
  'an abort ends the wait of a retry with the reason of the caller': async () => {
    const { signal, reason } = abortAfter(20);
    const call = b.retry({ backoff: b.constantBackoff(60_000) }).execute(down, { signal });
    equal((await rejectionOf(call)) === reason, true);
  },
  'a sleep ends with the reason of the caller': async () => {
    const { signal, reason } = abortAfter(20);
    equal((await rejectionOf(b.sleep(60_000, { signal }))) === reason, true);
  },
  'a timeout rejects and aborts the signal of the operation': async () => {
    let signal: AbortSignal | undefined;
    const call = b.timeout(20).execute((context) => {
      signal = context.signal;
      return never();
    });
    equal(await codeOf(call), 'ERR_TIMEOUT');
    equal(signal?.aborted, true);
  },
  'a timeout does not touch a call that ends in time': async () => {
    equal(await b.timeout('5s').execute(async () => 'value'), 'value');
  },
  'an abort without a reason rejects with an AbortError': async () => {
    const controller = new AbortController();
    const call = b.timeout('1m').execute(never, { signal: controller.signal });
    controller.abort();
    equal(((await rejectionOf(call)) as Error).name, 'AbortError');
  },
  'a circuit breaker opens, rejects and recovers': async () => {
    const breaker = b.circuitBreaker({ consecutiveFailures: 1, openFor: 500 });
    await rejectionOf(breaker.execute(down));
    equal(await codeOf(breaker.execute(() => 1)), 'ERR_CIRCUIT_OPEN');
    await wait(600);
    equal([await breaker.execute(() => 1), breaker.state], [1, 'half-open']);
  },
  'a bulkhead limits the calls at once and queues the next ones': async () => {
    const bulkhead = b.bulkhead({ maxConcurrent: 2, maxQueue: 3 });
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await wait(5);
      running--;
    };
    const calls = Array.from({ length: 5 }, () => bulkhead.execute(work));
    equal(await codeOf(bulkhead.execute(work)), 'ERR_BULKHEAD_FULL');
    await Promise.all(calls);
    equal([most, bulkhead.active], [2, 0]);
  },
  'a fallback replaces a failure': async () => {
    equal(await b.fallback('instead').execute(down), 'instead');
  },
  'a keyed policy separates its keys': async () => {
    const policy = b.keyed(() => b.circuitBreaker({ consecutiveFailures: 1 }));
    await rejectionOf(policy.execute(down, { key: 'bad' }));
    equal(await codeOf(policy.execute(() => 1, { key: 'bad' })), 'ERR_CIRCUIT_OPEN');
    equal(await policy.execute(() => 1, { key: 'good' }), 1);
  },
  'concurrent calls of one key share one run': async () => {
    const policy = b.coalesce();
    let runs = 0;
    const work = async () => {
      await wait(5);
      return ++runs;
    };
    equal(await Promise.all([1, 2, 3].map(() => policy.execute(work, { key: 'k' }))), [1, 1, 1]);
  },
  'a pipeline runs its policies from the outside to the inside': async () => {
    const policy = b.pipeline(b.fallback('instead'), b.retry(quick), b.circuitBreaker(), b.timeout(20));
    let runs = 0;
    const work = () => {
      runs++;
      return never();
    };
    equal([await policy.execute(work), runs], ['instead', 3]);
  },
  'a policy of the user runs in a pipeline': async () => {
    const seen: string[] = [];
    const own = b.definePolicy({
      name: 'own',
      run: (next, context) => {
        seen.push('own');
        return next(context);
      },
    });
    equal([await b.pipeline(own, b.retry()).execute(() => 1), seen], [1, ['own']]);
  },
  'every limiter allows up to its limit and then refuses': async () => {
    const limiters: b.RateLimiter[] = [
      new b.TokenBucket({ capacity: 2, refill: 1, per: '1m' }),
      new b.FixedWindow({ limit: 2, per: '1h' }),
      new b.SlidingWindowLog({ limit: 2, per: '1h' }),
      new b.SlidingWindowCounter({ limit: 2, per: '1h' }),
    ];
    for (const limiter of limiters) {
      equal(
        [1, 2, 3].map(() => limiter.tryAcquire().allowed),
        [true, true, false],
      );
    }
  },
  'a limiter lets a call wait for its turn': async () => {
    const bucket = new b.TokenBucket({ capacity: 1, refill: 1, per: 20 });
    equal([(await bucket.acquire()).allowed, (await bucket.acquire()).allowed], [true, true]);
  },
  'a rate limit rejects with the time to wait': async () => {
    const limited = b.rateLimit(new b.FixedWindow({ limit: 1, per: '1h' }));
    await limited.execute(() => 1);
    equal(await codeOf(limited.execute(() => 1)), 'ERR_RATE_LIMITED');
  },
  'a keyed limiter separates its clients': async () => {
    const limiter = new b.KeyedRateLimiter(() => new b.TokenBucket({ capacity: 1, refill: 1, per: '1m' }));
    equal(
      ['a', 'a', 'b'].map((key) => limiter.tryAcquire(key).allowed),
      [true, false, true],
    );
  },
  'every cache keeps its capacity': async () => {
    const capacity = 2;
    const caches = [
      ...[new b.LruCache({ capacity }), new b.LfuCache({ capacity }), new b.FifoCache({ capacity })],
      ...[new b.ClockCache({ capacity }), new b.TinyLfuCache({ capacity }), new b.RandomCache({ capacity })],
    ];
    for (const cache of caches as b.Cache<string, number>[]) {
      for (const key of ['a', 'b', 'c', 'd']) cache.set(key, 1);
      equal(cache.size, 2);
    }
  },
  'an entry expires': async () => {
    const cache = new b.TtlCache<string, number>({ capacity: 2, ttl: 300 });
    cache.set('a', 1);
    equal(cache.get('a'), 1);
    await wait(400);
    equal(cache.has('a'), false);
  },
  'concurrent reads of a loading cache share one load': async () => {
    let loads = 0;
    const load = async (key: string) => {
      await wait(5);
      return `${key}${++loads}`;
    };
    const cache = b.loadingCache({ load, capacity: 10, ttl: '1m' });
    equal(await Promise.all([cache.get('a'), cache.get('a'), cache.get('b')]), ['a1', 'a1', 'b2']);
  },
  'reads of several keys become one batch': async () => {
    const batches: (readonly string[])[] = [];
    const loadMany = async (keys: readonly string[]) => {
      batches.push(keys);
      return keys.map((key) => key.toUpperCase());
    };
    const cache = b.loadingCache({ loadMany, capacity: 10 });
    equal([await Promise.all([cache.get('a'), cache.get('b')]), batches], [['A', 'B'], [['a', 'b']]]);
  },
  'a memoized function runs once per argument': async () => {
    let runs = 0;
    const square = b.memoize(async (n: number) => n * n + 0 * ++runs, { capacity: 10 });
    equal([await square(3), await square(3), runs], [9, 9, 1]);
  },
  'a tiered cache reads from its second tier': async () => {
    const store = memoryStore();
    let loads = 0;
    const make = () => b.tiered({ capacity: 10 }, store, { load: async () => ++loads, ttl: '1m' });
    await make().get('a');
    await wait(100);
    equal([await make().get('a'), loads], [1, 1]);
  },
  'write-behind writes what it has accepted': async () => {
    const written: unknown[] = [];
    const writer = b.writeBehind<string, number>({
      writeMany: async (writes) => {
        for (const write of writes) written.push(write.key);
      },
    });
    await writer.set('a', 1);
    await writer.set('b', 2);
    await writer.close();
    equal(written, ['a', 'b']);
  },
  'placement is the same on every runtime': async () => {
    const nodes = ['a', 'b', 'c'];
    const keys = ['1', '2', 'ключ', '鍵'];
    equal(
      [new b.HashRing(nodes), new b.KetamaRing(nodes), new b.Rendezvous(nodes)].map((ring) =>
        keys.map((k) => ring.get(k)),
      ),
      [
        ['c', 'b', 'b', 'c'],
        ['a', 'b', 'a', 'a'],
        ['b', 'c', 'c', 'a'],
      ],
    );
    equal(b.jumpHash('key', 100), 65);
  },
  'a load balancer spreads calls and avoids a failing node': async () => {
    using balancer = new b.LoadBalancer(['a', 'b'], { pick: b.roundRobin(), outlier: { consecutiveFailures: 1 } });
    const nodes: string[] = [];
    const work = ({ node }: b.NodeContext) => {
      nodes.push(node);
      return node === 'a' ? down() : 1;
    };
    for (let call = 0; call < 3; call++) await balancer.execute(work).catch(() => {});
    equal(nodes, ['a', 'b', 'b']);
  },
  'a test clock advances without waiting': async () => {
    const clock = new TestClock();
    const call = b.timeout({ duration: '1h', clock }).execute(never);
    const rejection = rejectionOf(call);
    await clock.advance(3_600_000);
    equal(((await rejection) as { code?: string }).code, 'ERR_TIMEOUT');
  },
  [SIMULATION]: async () => {
    equal(await digestOfSimulation(), EXPECTED_DIGEST);
  },

  'fetch reads JSON': async (origin) => {
    const response = await makeFetch()(`${origin}/json`);
    equal([response.status, response.ok, await response.json()], [200, true, { hello: 'world' }]);
  },
  'fetch repeats a 503': async (origin) => {
    const response = await makeFetch()(`${origin}/flaky?failures=2&id=${Math.random()}`);
    equal([response.status, await response.text()], [200, 'request 3']);
  },
  'fetch does not repeat a POST': async (origin) => {
    const url = `${origin}/flaky?failures=2&id=${Math.random()}`;
    const response = await makeFetch()(url, { method: 'POST', body: 'x' });
    equal([response.status, await response.text()], [503, 'request 1']);
  },
  'fetch repeats a PUT with its body': async (origin) => {
    const url = `${origin}/flaky-echo?id=${Math.random()}`;
    const response = await makeFetch()(url, { method: 'PUT', body: new Uint8Array([1, 2, 3]) });
    equal([...new Uint8Array(await response.arrayBuffer())], [1, 2, 3]);
  },
  'fetch repeats a Request with its headers': async (origin) => {
    const request = new Request(`${origin}/flaky-echo?id=${Math.random()}`, {
      method: 'PUT',
      body: 'text',
      headers: { 'x-echo': 'yes' },
    });
    const response = await makeFetch()(request);
    equal([await response.text(), response.headers.get('x-echo')], ['text', 'yes']);
  },
  'fetch waits as long as Retry-After says': async (origin) => {
    const start = Date.now();
    const response = await makeFetch()(`${origin}/retry-after?id=${Math.random()}`);
    equal([response.status, Date.now() - start >= 950], [200, true]);
    await response.text();
  },
  'fetch ends a request without an answer': async (origin) => {
    const fetch = makeFetch({ attemptTimeout: 50, retry: false });
    equal(await codeOf(fetch(`${origin}/hang`)), 'ERR_TIMEOUT');
  },
  'fetch rejects when nobody listens': async () => {
    // biome-ignore lint/suspicious/noExplicitAny: every runtime has an error of its own
    equal(typeof ((await rejectionOf(makeFetch()('http://127.0.0.1:9/'))) as any).message, 'string');
  },
  'the circuit of a failing server opens': async (origin) => {
    const fetch = makeFetch({ retry: false, circuitBreaker: { consecutiveFailures: 2 } });
    for (let call = 0; call < 2; call++) await (await fetch(`${origin}/status?code=500`)).text();
    equal(await codeOf(fetch(`${origin}/json`)), 'ERR_CIRCUIT_OPEN');
  },
  'an abort before the answer rejects with the reason of the caller': async (origin) => {
    const { signal, reason } = abortAfter(50);
    equal((await rejectionOf(makeFetch()(`${origin}/hang`, { signal }))) === reason, true);
  },
  'an abort rejects text() with the reason of the caller': aborted((response) => response.text()),
  'an abort rejects json() with the reason of the caller': aborted((response) => response.json()),
  'an abort rejects arrayBuffer() with the reason of the caller': aborted((response) => response.arrayBuffer()),
  'an abort rejects blob() with the reason of the caller': aborted((response) => response.blob()),
  'an abort rejects formData() with the reason of the caller': aborted((response) => response.formData()),
  'an abort rejects bytes() with the reason of the caller': aborted((response) => {
    const { bytes } = response as { bytes?: () => Promise<unknown> };
    return bytes === undefined ? response.arrayBuffer() : bytes.call(response);
  }),
  'an abort rejects the text() of a clone with the reason of the caller': aborted(async (response) => {
    const clone = response.clone();
    response.text().catch(() => {});
    return clone.text();
  }),
  'an abort rejects the reader of the stream with the reason of the caller': aborted(async (response) => {
    const reader = response.body!.getReader();
    while (!(await reader.read()).done);
  }),
  'an abort ends the iteration of the stream with the reason of the caller': aborted(async (response) => {
    const body = response.body as unknown as AsyncIterable<Uint8Array>;
    if (body[Symbol.asyncIterator] === undefined) await response.text();
    else for await (const _chunk of body);
  }),
  'a read that begins after the abort rejects with the reason of the caller': aborted(async (response) => {
    await wait(100);
    return response.text();
  }),
  'bodyTimeout rejects a body that takes too long': async (origin) => {
    const response = await makeFetch({ bodyTimeout: 100 })(`${origin}/endless`);
    equal(await codeOf(response.text()), 'ERR_TIMEOUT');
  },
  'a body that breaks off rejects': async (origin) => {
    const response = await makeFetch()(`${origin}/broken`);
    equal(typeof (await rejectionOf(response.text())), 'object');
  },
  'a long body arrives whole': async (origin) => {
    const body = await (await makeFetch()(`${origin}/long`)).arrayBuffer();
    equal([body.byteLength, new Uint8Array(body)[999_999]], [1_000_000, 999_999 % 251]);
  },
  'a compressed body arrives': async (origin) => {
    equal(await (await makeFetch()(`${origin}/gzip`)).text(), 'compressed '.repeat(1000));
  },
  'the body is a stream of bytes': async (origin) => {
    const reader = (await makeFetch()(`${origin}/json`)).body!.getReader();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += new TextDecoder().decode(read.value);
    }
    equal(JSON.parse(text), { hello: 'world' });
  },
  'a clone can be read besides its original': async (origin) => {
    const response = await makeFetch()(`${origin}/json`);
    const clone = response.clone();
    equal([await response.json(), await clone.json()], [{ hello: 'world' }, { hello: 'world' }]);
  },
  'a body can be read once': async (origin) => {
    const response = await makeFetch()(`${origin}/json`);
    await response.text();
    equal([response.bodyUsed, (await rejectionOf(response.text())) instanceof TypeError], [true, true]);
  },
  'a response keeps its URL, status and headers': async (origin) => {
    const response = await makeFetch()(`${origin}/redirect`);
    await response.text();
    const { url, redirected, status, statusText } = response;
    equal([url, redirected, status, statusText], [`${origin}/json`, true, 200, 'OK']);
    equal(response.headers.get('content-type'), 'application/json');
  },
  'an answer without a body has none': async (origin) => {
    const response = await makeFetch()(`${origin}/status?code=204`);
    equal([response.status, await response.text()], [204, '']);
  },
  'an abort rejects the text() of a fetch inside of another': aborted(
    (response) => response.text(),
    () => makeFetch({ fetch: makeFetch() }),
  ),

  'a cached response is served from memory': async (origin) => {
    const fetch = b.cachedFetch(makeFetch());
    const url = `${origin}/cacheable?id=${Math.random()}`;
    equal([await (await fetch(url)).text(), await (await fetch(url)).text()], ['request 1', 'request 1']);
  },
  'a stale response is revalidated': async (origin) => {
    const fetch = b.cachedFetch(makeFetch());
    const url = `${origin}/etag?id=${Math.random()}`;
    const bodies = [await (await fetch(url)).text()];
    const second = await fetch(url);
    equal([...bodies, await second.text()], ['etag body', 'etag body']);
    equal(/fwd=stale; fwd-status=304/.test(second.headers.get('cache-status') ?? ''), true);
  },
  'concurrent requests of one URL reach the server once': async (origin) => {
    const fetch = b.cachedFetch(makeFetch());
    const url = `${origin}/cacheable?id=${Math.random()}`;
    const bodies = await Promise.all([1, 2, 3].map(async () => (await fetch(url)).text()));
    equal(bodies, ['request 1', 'request 1', 'request 1']);
  },
  'an abort rejects the text() of a cached response': aborted(
    (response) => response.text(),
    () => b.cachedFetch(makeFetch()),
  ),
};
