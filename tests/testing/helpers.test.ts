import { circuitBreaker, fallback, isResilienceError, keyed, pipeline, retry, systemClock, timeout } from 'breakwater';
import { cacheStoreContract, type DefineTest, forceOpen, passThrough, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { MapStore } from '../tiered-cache/map-store.js';

describe('passThrough', () => {
  it('a passThrough policy returns values and errors unchanged', async () => {
    const policy = passThrough();
    expect(await policy.execute(() => 1)).toBe(1);
    const error = new Error('down');
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(policy.name).toBe('passThrough');
  });

  it('a passThrough policy is a member of a pipeline with any clock', async () => {
    const policy = pipeline(passThrough(), timeout({ duration: 1, clock: new TestClock() }));
    expect(await policy.execute(() => 1)).toBe(1);
  });
});

describe('forceOpen', () => {
  it('all breakers of nested pipelines reject until the result is disposed', async () => {
    const breaker = circuitBreaker();
    const policy = pipeline(fallback('cached'), pipeline(retry(), breaker));
    const outage = forceOpen(policy);
    expect(await policy.execute(() => 'fresh')).toBe('cached');
    expect(breaker.state).toBe('isolated');
    outage[Symbol.dispose]();
    outage[Symbol.dispose]();
    expect(await policy.execute(() => 'fresh')).toBe('fresh');
  });

  it('a breaker returns to the state that it had before', () => {
    const breaker = circuitBreaker();
    breaker.trip();
    forceOpen(breaker)[Symbol.dispose]();
    expect(breaker.state).toBe('open');
  });

  it('the existing members of a keyed family are forced open', async () => {
    const family = keyed(() => circuitBreaker());
    await family.execute(() => 1, { key: 'a' });
    using _outage = forceOpen(pipeline(family));
    const error = await family.execute(() => 1, { key: 'a' }).catch((reason: unknown) => reason);
    expect(isResilienceError(error, 'ERR_CIRCUIT_OPEN')).toBe(true);
  });

  it.each([retry(), null, {}])('a policy without a breaker is rejected', (policy) => {
    expect(() => forceOpen(policy as never)).toThrow('forceOpen: "policy" must contain a circuit breaker');
  });
});

/** A store with one mistake in one method. */
const broken = (mistake: Partial<MapStore> & ThisType<MapStore>) => (clock: TestClock) =>
  Object.assign(new MapStore(clock), mistake);

/** Runs the contract and returns the titles of the failed tests. */
async function failuresOf(store: () => MapStore, clock?: TestClock): Promise<string[]> {
  const tests: Parameters<DefineTest>[] = [];
  cacheStoreContract((...test) => tests.push(test), store, clock && { wait: (ms) => clock.advance(ms) });
  const failed: string[] = [];
  for (const [title, run] of tests) await run().catch(() => failed.push(title));
  return failed;
}

describe('cacheStoreContract', () => {
  cacheStoreContract(it, () => new MapStore(systemClock));

  it('a store with a test clock passes without waiting', async () => {
    const clock = new TestClock();
    expect(await failuresOf(() => new MapStore(clock), clock)).toEqual([]);
  });

  it.each<[string, (clock: TestClock) => MapStore, string]>([
    ['a store that loses data', broken({ set: async () => {} }), 'returns the data of a key as they were stored'],
    [
      'a store without expiration',
      broken({
        set(key, data, options, context) {
          return MapStore.prototype.set.call(this, key, data, { ...options, ttlMs: Infinity }, context);
        },
      }),
      'forgets the data when their time has passed',
    ],
    ['a store that never deletes', broken({ delete: async () => {} }), 'deletes a key, and nothing if there is none'],
    ['a store without invalidation', broken({ deleteMatching: async () => {} }), 'deletes all data with a tag'],
    [
      'a store whose getMany has another order',
      broken({
        async getMany(keys, context) {
          return (await MapStore.prototype.getMany.call(this, keys, context)).reverse();
        },
      }),
      'returns the data of many keys in the order of the keys, if it has getMany',
    ],
  ])('%s fails', async (_name, make, title) => {
    const clock = new TestClock();
    expect(await failuresOf(() => make(clock), clock)).toContain(`The store ${title}`);
  });
});
