import {
  bulkhead,
  HashRing,
  keyed,
  LoadBalancer,
  LruCache,
  pipeline,
  retry,
  TokenBucket,
  TtlCache,
  timeout,
} from 'breakwater';
import { describe, expect, it } from 'vitest';

const operation = () => 1;
const bucket = () => new TokenBucket({ capacity: 1, refill: 1, per: 1 });

describe('An unknown option of one call', () => {
  it.each<[string, (options: never) => unknown]>([
    ['execute of a policy', (options) => retry().execute(operation, options)],
    ['execute of a pipeline', (options) => pipeline(retry(), timeout(9)).execute(operation, options)],
    ['execute of a keyed family', (options) => keyed(() => retry()).execute(operation, options)],
    ['execute of a load balancer', (options) => new LoadBalancer(['a']).execute(operation, options)],
    ['acquire of a load balancer', (options) => new LoadBalancer(['a']).acquire(options)],
    ['peek of a load balancer', (options) => new LoadBalancer(['a']).peek(options)],
    ['acquire of a bulkhead', (options) => bulkhead({ maxConcurrent: 1 }).acquire(options)],
    ['acquire of a limiter', (options) => bucket().acquire(options)],
    ['reserve of a limiter', (options) => bucket().reserve(options)],
    ['set of a cache', (options) => new LruCache({ capacity: 1 }).set('a', 1, options)],
    ['set of a cache with a TTL', (options) => new TtlCache({ capacity: 1, ttl: 1 }).set('a', 1, options)],
    ['add of a ring', (options) => new HashRing(['a']).add('b', options)],
  ])('%s is rejected', async (_name, call) => {
    await expect((async () => call({ signl: 1 } as never))()).rejects.toThrow('"signl" is unknown');
  });

  it('attempt returns the error as an outcome, with a suggestion', async () => {
    const outcome = await retry().attempt(operation, { signl: 1 } as never);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'ERR_INVALID_OPTION' } });
    expect(String(outcome.ok || outcome.error)).toContain('did you mean "signal"?');
  });

  it('an AbortController, the context of another call and inherited properties are no unknown options', async () => {
    await expect(retry().execute(operation, new AbortController())).resolves.toBe(1);
    await expect(retry().execute((context) => timeout(9).execute(operation, context))).resolves.toBe(1);
    await expect(retry().execute(operation, Object.create({ inherited: 1 }))).resolves.toBe(1);
  });
});
