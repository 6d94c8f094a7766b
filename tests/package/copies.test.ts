import * as a from 'breakwater';
import { beforeAll, describe, expect, it, vi } from 'vitest';

/** A second copy of the package in the same process, as two versions in one dependency tree are. */
let b: typeof a;
beforeAll(async () => {
  vi.resetModules();
  b = await import('breakwater');
});

const members: [string, (copy: typeof a) => a.Policy<unknown>][] = [
  ['timeout', (copy) => copy.timeout(1000)],
  ['retry', (copy) => copy.retry()],
  ['circuitBreaker', (copy) => copy.circuitBreaker()],
  ['bulkhead', (copy) => copy.bulkhead({ maxConcurrent: 1, maxQueue: 5 })],
  ['fallback', (copy) => copy.fallback('instead')],
  ['rateLimit', (copy) => copy.rateLimit(new copy.TokenBucket({ capacity: 5, refill: 5, per: '1s' }))],
  ['coalesce', (copy) => copy.coalesce()],
  ['keyed', (copy) => copy.keyed(() => copy.circuitBreaker())],
  ['pipeline', (copy) => copy.pipeline(copy.retry(), copy.timeout(1000))],
  ['definePolicy', (copy) => copy.definePolicy({ name: 'own', run: (next, context) => next(context) })],
];

describe('Two copies of the package in one process', () => {
  it('the two copies are different modules', () => {
    expect(b.retry).not.toBe(a.retry);
  });

  it.each(members)('a pipeline runs a %s of the other copy on the system clock', async (_name, make) => {
    const policy = a.pipeline(a.timeout(5000), make(b), a.retry(), a.fallback('instead'));
    expect(await policy.execute(async () => 'value', { key: 'k' })).toBe('value');
    const controller = new AbortController();
    const left = policy.execute(() => new Promise(() => {}), { key: 'k', signal: controller.signal });
    controller.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
  });

  it('a call can wait in the queue of the other copy', async () => {
    const slots = b.bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const permit = slots.tryAcquire();
    const call = a.pipeline(a.retry(), slots).execute(() => 'value');
    permit?.release();
    expect(await call).toBe('value');
    expect([slots.active, slots.queued]).toEqual([0, 0]);
  });

  it('each copy recognizes and classifies the errors of the other copy', async () => {
    const open = b.circuitBreaker({ initialState: 'open' });
    const error = await a
      .retry()
      .execute(() => open.execute(() => 1))
      .catch((error: unknown) => error);
    expect(a.isResilienceError(error, 'ERR_CIRCUIT_OPEN')).toBe(true);
    expect(a.defaultClassify({ ok: false, error })).toBe('ignore');
    expect(error).toBeInstanceOf(a.ResilienceError);
  });

  it('a policy can use caches, limiters and budgets of the other copy', async () => {
    const budget = new b.RetryBudget();
    expect(await a.retry({ budget }).execute(() => 'value')).toBe('value');
    const bucket = () => new b.TokenBucket({ capacity: 5, refill: 5, per: '1s' });
    expect(await a.rateLimit(bucket()).execute(() => 'value')).toBe('value');
    expect(new a.KeyedRateLimiter(bucket).tryAcquire('k').allowed).toBe(true);
    const cache = a.loadingCache({
      load: async (key: string) => key,
      cache: new b.LruCache<string, never>({ capacity: 3 }),
      ttl: 1000,
    });
    expect(await cache.get('x')).toBe('x');
    const fetch = a.resilientFetch({ policy: b.retry(), fetch: async (_url: string) => new Response('x') });
    expect((await fetch('https://a.test/')).status).toBe(200);
  });
});
