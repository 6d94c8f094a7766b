import { circuitBreaker, constantBackoff, loadingCache, pipeline, retry, timeout } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp, setUpWith } from './setup.js';

describe('ttl', () => {
  it('is how long a value is fresh, its end not included', async () => {
    const { cache, clock, calls } = await setUpWith('a', { ttl: 100 });
    await clock.advance(99);
    expect([cache.peek('k'), cache.getSync('k')]).toEqual(['a', 'a']);
    await clock.advance(1);
    expect([cache.peek('k'), cache.getSync('k')]).toEqual([undefined, undefined]);
    watch(cache.get('k'));
    expect([calls.length, calls[0]!.context.previous]).toEqual([1, 'a']);
  });

  it('begins when the value is there, not when its load begins', async () => {
    const { cache, clock } = await setUpWith('a', { ttl: 100 }, 60);
    await clock.advance(99);
    expect(cache.peek('k')).toBe('a');
  });

  it('may come from the value and the key, and from set', async () => {
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

  it('of 0 keeps nothing, the older value included', async () => {
    const { cache, calls } = setUp({ ttl: (value) => (value === 'no' ? 0 : Infinity) });
    cache.set('k', 'a');
    const read = cache.refresh('k');
    calls[0]!.resolve('no');
    expect([await read, cache.peek('k'), cache.delete('k')]).toEqual(['no', undefined, false]);
  });

  it('that is none is the failure of the load, and of set', async () => {
    const { cache, calls } = setUp({ ttl: () => 'soon' as never });
    const read = watch(cache.get('k'));
    calls[0]!.resolve('a');
    await read.done;
    expect(read.error).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'ttl' });
    expect(() => cache.set('k', 'a')).toThrow(/"ttl" must be milliseconds/);
    expect(() => cache.set('k', 'a', { ttl: -1 })).toThrow(/"ttl" must be milliseconds/);
    expect(cache.peek('k')).toBe(undefined);
  });

  it('loses a share at random to jitter, and never gains', async () => {
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
  it('serves the old value at once and loads it anew, once for all', async () => {
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

  it('ends with its time: then a reader waits', async () => {
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

  it('lets nobody hear of a refresh that fails, and tries again at the next read', async () => {
    using uncaught = catchUncaught();
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(100);
    expect(await cache.get('k')).toBe('old');
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([await cache.get('k'), calls.length, uncaught.rejections]).toEqual(['old', 2, []]);
  });

  it('joins a reader who must wait to the refresh that is under way', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(149);
    await cache.get('k');
    await clock.advance(1);
    const read = cache.get('k');
    calls[0]!.resolve('new');
    expect([await read, calls.length]).toEqual(['new', 1]);
  });

  it('goes on with its refresh when the readers who joined it leave', async () => {
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

  it.each(['set', 'delete', 'clear'] as const)('aborts a refresh that %s has made useless', async (verb) => {
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

  it('never serves what was deleted', async () => {
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

  it('serves what was expired, from then on for its time', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleWhileRevalidate: 50 });
    await clock.advance(10);
    expect(cache.expire('k')).toBe(true);
    expect([await cache.get('k'), calls.length]).toEqual(['old', 1]);
    await clock.advance(49);
    expect(cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect([cache.peek('k'), cache.expire('k')]).toEqual([undefined, false]);
  });

  it('of what is expired by tag begins when it is expired, whenever that is noticed', async () => {
    const { cache, clock } = await setUpWith('old', { ttl: 1000, staleWhileRevalidate: 50, tags: () => ['t'] });
    cache.expireMatching({ tag: 't' });
    await clock.advance(49);
    expect(cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect(cache.peek('k')).toBe(undefined);
  });

  it('without it, what is expired is gone', async () => {
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

  it('serves the old value when the load fails, and only then', async () => {
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

  it('ends with its time, also for one who has waited for longer', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(149);
    const read = watch(cache.get('k'));
    await clock.advance(1);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(read.error).toEqual(new Error('down'));
  });

  it('is not for what is deleted while the load is under way, but for what is expired', async () => {
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

  it('is not for refresh, which asked for a new one', async () => {
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const reads = [cache.refresh('k'), cache.get('k')].map(watch);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([reads[0]!.error, reads[1]!.value]).toEqual([new Error('down'), 'old']);
  });
});

describe('negativeTtl', () => {
  it('keeps a failure so long, and loads nothing meanwhile', async () => {
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

  it('keeps a failure in the place of a value that is over', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, negativeTtl: 50 });
    await clock.advance(100);
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await read.done;
    await expect(cache.get('k')).rejects.toThrow('down');
    expect(calls.length).toBe(1);
  });

  it('may be told by the error which failures to keep', async () => {
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

  it('whose function throws makes that the failure', async () => {
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

  it('spares a failing source where an old value can be served: one load in that time', async () => {
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

  it('spares it refreshes, too', async () => {
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

  it('is over when a value is set, or the key deleted or expired', async () => {
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
  it('loads a value anew that is read near its end, and nothing that nobody reads', async () => {
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

  it('never does so for a value that does not expire', async () => {
    const { cache, clock, calls } = await setUpWith('old', { refreshAhead: 0.8 });
    await clock.advance(1e12);
    expect([await cache.get('k'), calls.length]).toEqual(['old', 0]);
  });
});

describe('earlyExpiration', () => {
  /** How many of a thousand reads, each of a value of its own so long before its end, start a load. */
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

  it('starts a load the more likely the nearer the end is, and the longer a load takes', async () => {
    // By the paper with probability exp(-gap / (beta × load)).
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

  it('never does where a load takes no time, nor so early that no draw could mean it', async () => {
    expect(await loadsStarted(1, 1, 0)).toBe(0);
    expect(await loadsStarted(900, 1, 20)).toBe(0);
  });

  it('does at every distance a draw can reach', async () => {
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

  it('soft: whoever waits while there is an old value has it by then, and the load goes on', async () => {
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

  it('soft: a failure of the load that goes on is nobody’s', async () => {
    using uncaught = catchUncaught();
    const { cache, clock, calls } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    await clock.advance(50);
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([read.value, uncaught.rejections]).toEqual(['old', []]);
  });

  it('soft: one who has no old value to fall back on waits on', async () => {
    const { cache, clock, calls } = setUp(options);
    const read = watch(cache.get('k'));
    await clock.advance(199);
    expect(read.state).toBe('pending');
    calls[0]!.resolve('a');
    await settle();
    expect(read.value).toBe('a');
  });

  it('soft: nobody has what was deleted meanwhile', async () => {
    const { cache, clock } = await setUpWith('old', options);
    await clock.advance(100);
    const read = watch(cache.get('k'));
    cache.delete('k');
    await clock.advance(50);
    expect(read.state).toBe('pending');
  });

  it('hard: ends the wait with a TimeoutError, and the load with the last who waited', async () => {
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

  it('hard: gives the old value where there is one, and then the load goes on', async () => {
    const { cache, clock, calls } = await setUpWith('old', { ttl: 100, staleIfError: 1000, hardTimeout: 200 });
    await clock.advance(100);
    const reads = [cache.get('k'), cache.refresh('k')].map(watch);
    await clock.advance(200);
    expect([reads[0]!.value, reads[1]!.error]).toEqual(['old', expect.objectContaining({ code: 'ERR_TIMEOUT' })]);
    calls[0]!.resolve('new');
    await settle();
    expect(cache.peek('k')).toBe('new');
  });

  it('let a load that was deleted under them be aborted when they have left', async () => {
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
  it('guards each load: a retry tries again, with the signal of the load', async () => {
    let tries = 0;
    const clock = new TestClock();
    const keys: unknown[] = [];
    const cache = loadingCache<string, string>({
      load: async (key, { signal }) => {
        keys.push(signal.aborted);
        if (++tries < 3) throw new Error('hiccup');
        return `${key} at last`;
      },
      capacity: 10,
      policy: retry({ backoff: constantBackoff(1), clock }),
      clock,
    });
    const read = cache.get('k');
    await clock.advance(10);
    expect([await read, tries, keys]).toEqual(['k at last', 3, [false, false, false]]);
    expect(cache.stats.loads).toBe(1);
  });

  it('refuses loads, and what is stale is served', async () => {
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

  it('lets a value win that was there before the abort', async () => {
    const { cache, calls } = setUp({ policy: pipeline(retry(), timeout('1s')) });
    const controller = new AbortController();
    const read = cache.get('k', { signal: controller.signal });
    calls[0]!.resolve('a');
    controller.abort();
    expect(await read).toBe('a');
  });

  it('waits no longer when nobody does', async () => {
    const clock = new TestClock();
    let tries = 0;
    const cache = loadingCache<string, string>({
      load: async () => {
        tries++;
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
    expect([read.state, tries, clock.pendingTimers]).toEqual(['rejected', 1, 0]);
  });
});
