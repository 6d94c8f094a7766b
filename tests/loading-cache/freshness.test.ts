import { circuitBreaker, constantBackoff, loadingCache, pipeline, retry, timeout } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp, setUpWith } from './setup.js';

describe('ttl', () => {
  it('A value is fresh until its TTL elapses, the last millisecond excluded', async () => {
    const { cache, clock, calls } = await setUpWith('a', { ttl: 100 });
    await clock.advance(99);
    expect([cache.peek('k'), cache.getSync('k')]).toEqual(['a', 'a']);
    await clock.advance(1);
    expect([cache.peek('k'), cache.getSync('k')]).toEqual([undefined, undefined]);
    watch(cache.get('k'));
    expect([calls.length, calls[0]!.context.previous]).toEqual([1, 'a']);
  });

  it('The TTL begins when the load settles, not when the load begins', async () => {
    const { cache, clock } = await setUpWith('a', { ttl: 100 }, 60);
    await clock.advance(99);
    expect(cache.peek('k')).toBe('a');
  });

  it('A function computes the TTL from value and key, and a TTL given to set replaces it', async () => {
    const { cache, clock } = setUp({ ttl: (value, key) => value.length * 10 + key.length });
    cache.set('k', 'abc');
    cache.set('l', 'abc', { ttl: '1s' });
    cache.set('m', 'abc', { ttl: Infinity });
    await clock.advance(30);
    expect(cache.peek('k')).toBe('abc');
    await clock.advance(1);
    expect([cache.peek('k'), cache.peek('l'), cache.peek('m')]).toEqual([undefined, 'abc', 'abc']);
    await clock.advance(1e15);
    expect([cache.peek('l'), cache.peek('m')]).toEqual([undefined, 'abc']);
  });

  it('A TTL of 0 keeps no value and removes the previous value', async () => {
    const { cache, calls } = setUp({ ttl: (value) => (value === 'no' ? 0 : Infinity) });
    cache.set('k', 'a');
    const read = cache.refresh('k');
    calls[0]!.resolve('no');
    expect([await read, cache.peek('k'), cache.delete('k')]).toEqual(['no', undefined, false]);
  });

  it('An invalid TTL rejects the load and makes set throw', async () => {
    const { cache, calls } = setUp({ ttl: () => 'soon' as never });
    const read = watch(cache.get('k'));
    calls[0]!.resolve('a');
    await read.done;
    expect(read.error).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'ttl' });
    expect(() => cache.set('k', 'a')).toThrow(/"ttl" must be milliseconds/);
    expect(() => cache.set('k', 'a', { ttl: -1 })).toThrow(/"ttl" must be milliseconds/);
    expect(cache.peek('k')).toBe(undefined);
  });

  it('Jitter shortens a TTL by a random share of at most ttlJitter, and never lengthens it', async () => {
    const random = seededRandom(1);
    const { cache, clock } = setUp({ ttl: 1000, ttlJitter: 0.2, random, capacity: 1000 });
    const keys = Array.from({ length: 1000 }, (_, i) => `${i}`);
    for (const key of keys) cache.set(key, 'x');
    const alive = () => keys.filter((key) => cache.peek(key) !== undefined).length;
    await clock.advance(800);
    expect(alive()).toBe(1000);
    await clock.advance(100);
    expect(alive()).toBeGreaterThan(430);
    expect(alive()).toBeLessThan(570);
    await clock.advance(100);
    expect(alive()).toBe(0);
  });
});

describe('staleWhileRevalidate', () => {
  it('A stale value is served at once while one refresh runs for all readers', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(100);
    expect([cache.peek('k'), calls.length]).toEqual(['old', 0]);
    expect([await cache.get('k'), cache.getSync('k'), await cache.get('k')]).toEqual(['old', 'old', 'old']);
    expect([calls.length, calls[0]!.context.previous]).toEqual([1, 'old']);
    calls[0]!.resolve('new');
    await settle();
    expect([await cache.get('k'), calls.length]).toEqual(['new', 1]);
    expect(cache.stats).toMatchObject({ staleHits: 3, refreshes: 1, hits: 1 });
  });

  it('A reader waits for the load once the staleWhileRevalidate time has elapsed', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(149);
    expect(cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect(cache.peek('k')).toBe(undefined);
    const read = watch(cache.get('k'));
    await settle();
    expect(read.state).toBe('pending');
    calls[0]!.resolve('new');
    await settle();
    expect(read.value).toBe('new');
  });

  it('A failed refresh raises no error, and the next read starts another refresh', async () => {
    using uncaught = catchUncaught();
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(100);
    expect(await cache.get('k')).toBe('old');
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([await cache.get('k'), calls.length, uncaught.rejections]).toEqual(['old', 2, []]);
  });

  it('A reader that must wait joins the refresh in flight', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(149);
    await cache.get('k');
    await clock.advance(1);
    const read = cache.get('k');
    calls[0]!.resolve('new');
    expect([await read, calls.length]).toEqual(['new', 1]);
  });

  it('A refresh continues when the readers that joined it abort', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(149);
    await cache.get('k');
    await clock.advance(1);
    const controller = new AbortController();
    const read = watch(cache.get('k', { signal: controller.signal }));
    controller.abort();
    await read.done;
    expect(calls[0]!.context.signal.aborted).toBe(false);
    calls[0]!.resolve('new');
    await settle();
    expect(cache.peek('k')).toBe('new');
  });

  it.each(['set', 'delete', 'clear'] as const)('A refresh in flight is aborted by %s', async (verb) => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(100);
    await cache.get('k');
    const { signal } = calls[0]!.context;
    if (verb === 'set') cache.set('k', 'x');
    else cache[verb]('k');
    expect([signal.aborted, cache.loading]).toEqual([true, 0]);
    calls[0]!.resolve('new');
    await settle();
    expect(cache.peek('k')).toBe(verb === 'set' ? 'x' : undefined);
  });

  it('A value deleted by tag is not served stale', async () => {
    const { cache, clock, calls } = await setUpWith('old', {
      ttl: 100,
      staleWhileRevalidate: 1000,
      staleIfError: 2000,
      tags: () => ['t'],
    });
    await clock.advance(100);
    cache.deleteMatching({ tag: 't' });
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await read.done;
    expect([read.error, cache.peek('k')]).toEqual([new Error('down'), undefined]);
  });

  it('An entry expired by key is served stale for the staleWhileRevalidate time from then on', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(10);
    expect(cache.expire('k')).toBe(true);
    expect([await cache.get('k'), calls.length]).toEqual(['old', 1]);
    await clock.advance(49);
    expect(cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect([cache.peek('k'), cache.expire('k')]).toEqual([undefined, false]);
  });

  it('The staleWhileRevalidate time of an entry expired by tag begins at the expiration, not at the next read', async () => {
    const { cache, clock } = await setUpWith('old', { ttl: 1000, staleWhileRevalidate: 50, tags: () => ['t'] });
    cache.expireMatching({ tag: 't' });
    await clock.advance(49);
    expect(cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect(cache.peek('k')).toBe(undefined);
  });

  it('An expired entry is gone if no stale time is configured', async () => {
    const { cache } = await setUpWith('old', { ttl: 100 });
    expect([cache.expire('k'), cache.peek('k'), cache.expire('k'), cache.expire('other')]).toEqual([
      false,
      undefined,
      false,
      false,
    ]);
  });
});

describe('staleIfError', () => {
  const options = { ttl: 100, staleIfError: 50 } as const;

  it('A stale value is served only after the load has failed', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(149);
    expect([cache.peek('k'), cache.getSync('k')]).toEqual([undefined, undefined]);
    const read = watch(cache.get('k'));
    await settle();
    expect(read.state).toBe('pending');
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([read.value, cache.stats.staleHits, cache.stats.loadFailures]).toEqual(['old', 1, 1]);
    const again = watch(cache.get('k'));
    calls[1]!.resolve('new');
    await settle();
    expect(again.value).toBe('new');
  });

  it('A reader that has waited past the staleIfError time receives the load error', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(149);
    const read = watch(cache.get('k'));
    await clock.advance(1);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(read.error).toEqual(new Error('down'));
  });

  it('A failed load falls back to an entry expired during the load, but not to a deleted one', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    cache.expire('k');
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(read.value).toBe('old');
    const other = watch(cache.get('k'));
    cache.delete('k');
    calls[1]!.reject(new Error('down'));
    await settle();
    expect(other.error).toEqual(new Error('down'));
  });

  it('A failed refresh call rejects although a stale value exists', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const reads = [cache.refresh('k'), cache.get('k')].map(watch);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([reads[0]!.error, reads[1]!.value]).toEqual([new Error('down'), 'old']);
  });
});

describe('negativeTtl', () => {
  it('A cached failure rejects reads without a load until negativeTtl elapses', async () => {
    const { cache, clock, calls } = setUp({ negativeTtl: 100 });
    const error = new Error('down');
    const first = watch(cache.get('k'));
    calls[0]!.reject(error);
    await settle();
    await clock.advance(99);
    await expect(cache.get('k')).rejects.toBe(error);
    expect([first.error, calls.length, cache.stats.hits]).toEqual([error, 1, 1]);
    await clock.advance(1);
    const read = cache.get('k');
    calls[1]!.resolve('a');
    expect(await read).toBe('a');
  });

  it('A cached failure replaces a value that has expired', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, negativeTtl: 50 });
    await clock.advance(100);
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await read.done;
    await expect(cache.get('k')).rejects.toThrow('down');
    expect(calls.length).toBe(1);
  });

  it('A function decides by error and key how long a failure is cached', async () => {
    const { cache, calls } = setUp({ negativeTtl: (error, key) => (error === 404 && key === 'k' ? '1m' : 0) });
    watch(cache.get('k'));
    calls[0]!.reject(404);
    watch(cache.get('l'));
    calls[1]!.reject(500);
    await settle();
    await expect(cache.get('k')).rejects.toBe(404);
    watch(cache.get('l'));
    expect(calls.length).toBe(3);
  });

  it('An error thrown by the negativeTtl function rejects the read', async () => {
    const { cache, calls } = setUp({
      negativeTtl: () => {
        throw new Error('mistake');
      },
    });
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([read.error, cache.loading]).toEqual([new Error('mistake'), 0]);
  });

  it('A failing origin is called once per negativeTtl while a stale value is served', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleIfError: 1000, negativeTtl: 50 });
    await clock.advance(100);
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(read.value).toBe('old');
    await clock.advance(49);
    expect([await cache.get('k'), cache.getSync('k'), calls.length]).toEqual(['old', 'old', 1]);
    await clock.advance(1);
    watch(cache.get('k'));
    expect(calls.length).toBe(2);
  });

  it('A failing origin is refreshed once per negativeTtl', async () => {
    const { cache, clock, calls } = await setUpWith('old', {
      ttl: 100,
      refreshAhead: 0.5,
      staleWhileRevalidate: 100,
      negativeTtl: 20,
    });
    for (const [at, loads] of [
      [50, 1],
      [19, 1],
      [1, 2],
      [35, 3],
      [19, 3],
      [1, 4],
    ] as const) {
      await clock.advance(at);
      expect(await cache.get('k')).toBe('old');
      expect(calls.length).toBe(loads);
      calls.at(-1)!.reject(new Error('down'));
      await settle();
    }
  });

  it('A cached failure ends when a value is set or the key is deleted or expired', async () => {
    const { cache, calls } = setUp({ negativeTtl: '1h', staleIfError: '1h' });
    const fail = async () => {
      watch(cache.get('k'));
      calls.at(-1)!.reject(new Error('down'));
      await settle();
      await expect(cache.get('k')).rejects.toThrow('down');
    };
    await fail();
    cache.set('k', 'a');
    expect(await cache.get('k')).toBe('a');
    for (const end of [() => cache.delete('k'), () => cache.expire('k'), () => cache.expireMatching({ prefix: 'k' })]) {
      cache.delete('k');
      await fail();
      const before = calls.length;
      end();
      watch(cache.get('k'));
      expect(calls.length).toBe(before + 1);
      calls.at(-1)!.reject(new Error('down'));
      await settle();
    }
  });
});

describe('refreshAhead', () => {
  it('A value read near the end of its TTL is refreshed once, and an unread value is not', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, refreshAhead: 0.8 });
    cache.set('unread', 'x');
    await clock.advance(79);
    expect([await cache.get('k'), calls.length]).toEqual(['old', 0]);
    await clock.advance(1);
    expect([await cache.get('k'), await cache.get('k'), calls.length]).toEqual(['old', 'old', 1]);
    expect(cache.peek('unread')).toBe('x');
    calls[0]!.resolve('new');
    await settle();
    expect([cache.getSync('k'), calls.length]).toEqual(['new', 1]);
    await clock.advance(79);
    expect([await cache.get('k'), calls.length, cache.stats]).toEqual([
      'new',
      1,
      expect.objectContaining({ refreshes: 1, hits: 5, staleHits: 0 }),
    ]);
  });

  it('A value without expiration is not refreshed', async () => {
    const { cache, clock, calls } = await setUpWith('old', { refreshAhead: 0.8 });
    await clock.advance(1e12);
    expect([await cache.get('k'), calls.length]).toEqual(['old', 0]);
  });
});

describe('earlyExpiration', () => {
  /** The number of loads that 1,000 reads start, each of a separate key `beforeEndMs` before its expiration. */
  async function loadsStarted(beforeEndMs: number, beta: number, loadMs: number): Promise<number> {
    const clock = new TestClock();
    let loads = 0;
    const cache = loadingCache<number, string>({
      load: async () => {
        loads++;
        await new Promise<void>((resolve) => clock.setTimeout(resolve, loadMs));
        return 'value';
      },
      capacity: 1000,
      ttl: 1000,
      earlyExpiration: beta,
      random: seededRandom(3),
      clock,
    });
    const all = cache.getMany(Array.from({ length: 1000 }, (_, i) => i));
    await clock.advance(loadMs);
    await all;
    await clock.advance(1000 - beforeEndMs);
    loads = 0;
    for (let i = 0; i < 1000; i++) expect(cache.getSync(i)).toBe('value');
    return loads;
  }

  it('The probability of an early load grows with the load time and towards the expiration', async () => {
    // XFetch (Vattani et al.): the probability is exp(-gap / (beta × load)).
    const expected = (gap: number, beta: number, load: number) => 1000 * Math.exp(-gap / (beta * load));
    for (const [gap, beta, load] of [
      [100, 1, 100],
      [50, 1, 100],
      [200, 1, 100],
      [100, 2, 100],
      [100, 1, 50],
    ] as const) {
      const tolerance = 4 * Math.sqrt(expected(gap, beta, load));
      expect(Math.abs((await loadsStarted(gap, beta, load)) - expected(gap, beta, load))).toBeLessThan(tolerance);
    }
  });

  it('No early load starts if loads take no time or the expiration is out of reach of the random draw', async () => {
    expect(await loadsStarted(1, 1, 0)).toBe(0);
    expect(await loadsStarted(900, 1, 20)).toBe(0);
  });

  it('The largest random draw starts an early load at its computed distance from the expiration', async () => {
    const { cache, clock, calls } = await setUpWith(
      'a',
      { ttl: 1000, earlyExpiration: 1, random: () => 1 - 2 ** -53 },
      10,
    );
    await clock.advance(1000 - Math.ceil(10 * 53 * Math.LN2));
    cache.getSync('k');
    expect(calls.length).toBe(0);
    await clock.advance(1);
    cache.getSync('k');
    expect(calls.length).toBe(1);
  });
});

describe('softTimeout and hardTimeout', () => {
  const options = { ttl: 100, staleIfError: 10_000, softTimeout: 50, hardTimeout: 200 } as const;

  it('softTimeout serves the stale value to a waiter while the load continues', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    await clock.advance(49);
    expect(read.state).toBe('pending');
    await clock.advance(1);
    expect([read.value, calls[0]!.context.signal.aborted, clock.pendingTimers]).toEqual(['old', false, 0]);
    const late = watch(cache.get('k'));
    calls[0]!.resolve('new');
    await settle();
    expect([late.value, cache.peek('k'), calls.length, clock.pendingTimers]).toEqual(['new', 'new', 1, 0]);
  });

  it('After softTimeout a failure of the continuing load raises no unhandled rejection', async () => {
    using uncaught = catchUncaught();
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    await clock.advance(50);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([read.value, uncaught.rejections]).toEqual(['old', []]);
  });

  it('softTimeout does not end the wait of a reader without a stale value', async () => {
    const { cache, clock, calls } = setUp(options);
    const read = watch(cache.get('k'));
    await clock.advance(199);
    expect(read.state).toBe('pending');
    calls[0]!.resolve('a');
    await settle();
    expect(read.value).toBe('a');
  });

  it('softTimeout does not serve a value deleted during the wait', async () => {
    const { cache, clock } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    cache.delete('k');
    await clock.advance(50);
    expect(read.state).toBe('pending');
  });

  it('hardTimeout rejects each waiter with TimeoutError and aborts the load with the last waiter', async () => {
    const { cache, clock, calls } = setUp({ hardTimeout: 200, name: 'users' });
    const first = watch(cache.get('k'));
    await clock.advance(100);
    const second = watch(cache.get('k'));
    await clock.advance(100);
    expect(first.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 200, policy: 'users' });
    expect([second.state, calls[0]!.context.signal.aborted]).toEqual(['pending', false]);
    await clock.advance(100);
    expect(second.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect([calls[0]!.context.signal.reason, cache.loading, clock.pendingTimers]).toEqual([second.error, 0, 0]);
  });

  it('hardTimeout serves the stale value if one exists, and the load continues', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleIfError: 1000, hardTimeout: 200 });
    await clock.advance(100);
    const reads = [cache.get('k'), cache.refresh('k')].map(watch);
    await clock.advance(200);
    expect([reads[0]!.value, reads[1]!.error]).toEqual(['old', expect.objectContaining({ code: 'ERR_TIMEOUT' })]);
    calls[0]!.resolve('new');
    await settle();
    expect(cache.peek('k')).toBe('new');
  });

  it('A load invalidated by delete is aborted when softTimeout ends its last wait', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    cache.delete('k');
    cache.set('k', 'stale', { ttl: 0 });
    await clock.advance(50);
    expect([read.value, calls[0]!.context.signal.aborted]).toEqual(['stale', true]);
  });
});

describe('policy', () => {
  it('A retry policy repeats the loader within one load and with a live signal', async () => {
    let attempts = 0;
    const clock = new TestClock();
    const aborted: boolean[] = [];
    const cache = loadingCache<string, string>({
      load: async (key, { signal }) => {
        aborted.push(signal.aborted);
        if (++attempts < 3) throw new Error('hiccup');
        return `${key} at last`;
      },
      capacity: 10,
      policy: retry({ backoff: constantBackoff(1), clock }),
      clock,
    });
    const read = cache.get('k');
    await clock.advance(10);
    expect([await read, attempts, aborted]).toEqual(['k at last', 3, [false, false, false]]);
    expect(cache.stats.loads).toBe(1);
  });

  it('A stale value is served while an open circuit breaker rejects loads', async () => {
    const clock = new TestClock();
    let loads = 0;
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const cache = loadingCache<string, string>({
      load: async () => {
        if (++loads > 1) throw new Error('down');
        return 'old';
      },
      capacity: 10,
      ttl: 100,
      staleIfError: '1h',
      policy: breaker,
      clock,
    });
    await cache.get('k');
    await clock.advance(100);
    for (let i = 0; i < 3; i++) expect(await cache.get('k')).toBe('old');
    expect([loads, breaker.state]).toEqual([2, 'open']);
    await expect(cache.get('l')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });

  it('A value that settled before the abort is returned through the policy', async () => {
    const { cache, calls } = setUp({ policy: pipeline(retry(), timeout('1s')) });
    const controller = new AbortController();
    const read = cache.get('k', { signal: controller.signal });
    calls[0]!.resolve('a');
    controller.abort();
    expect(await read).toBe('a');
  });

  it('A retry delay ends when the last waiter aborts', async () => {
    const clock = new TestClock();
    let attempts = 0;
    const cache = loadingCache<string, string>({
      load: async () => {
        attempts++;
        throw new Error('hiccup');
      },
      capacity: 10,
      policy: retry({ backoff: constantBackoff('1m'), maxAttempts: 10, clock }),
      clock,
    });
    const controller = new AbortController();
    const read = watch(cache.get('k', { signal: controller.signal }));
    await clock.advance(1);
    controller.abort();
    await settle();
    expect([read.state, attempts, clock.pendingTimers]).toEqual(['rejected', 1, 0]);
  });
});
