import { sleep } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { advanceAndAwait, holdCalls, isOperation, type Options, setUp, turns } from './setup.js';

describe('lifetime of a value', () => {
  it('A value expires from the first tier no later than from the second tier', async () => {
    const { clock, store, process, loads } = setUp();
    await process().get('a');
    await turns();
    await clock.advance(45_000);
    const two = process();
    await two.get('a');
    await clock.advance(14_999);
    expect(two.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(two.peek('a')).toBeUndefined();
    expect([await two.get('a'), loads.length]).toEqual(['a1', 2]);
    expect(store.operations.filter((operation) => operation === 'get a')).toHaveLength(3);
  });

  it('The lifetime of a value from the second tier includes the duration of the read', async () => {
    const { clock, store, process } = setUp();
    await process().get('a');
    await turns();
    const two = process({ l2Timeout: '10s' });
    const { release } = holdCalls(store, 'after', isOperation('get'));
    const read = watch(two.get('a'));
    await turns();
    await clock.advance(5000); // the store returned 60 s remaining, 5 s ago
    await release();
    expect(read.value).toBe('a1');
    await clock.advance(54_999);
    expect(two.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(two.peek('a')).toBeUndefined();
  });

  it('A value is read again from the second tier after l1Ttl', async () => {
    const { clock, store, loads, process } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.get('a');
    await turns();
    await clock.advance(999);
    expect(one.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(one.peek('a')).toBeUndefined();
    expect(await one.get('a')).toBe('a1');
    expect([store.operations, loads]).toEqual([['get a', 'set a', 'get a'], ['a']]);
    await one.set('b', 'x');
    await clock.advance(1000);
    expect(one.peek('b')).toBeUndefined();
    expect(await one.get('b')).toBe('x');
  });

  it('A function computes the TTL from the value, and a TTL given to set replaces it', async () => {
    const { clock, store, process } = setUp();
    const one = process({ ttl: (value) => (value === 'a1' ? 0 : 5000) });
    await one.get('a');
    await one.get('b');
    await one.set('c', 'x', { ttl: '7s' });
    await turns();
    expect([...store.kept].map(([key, { endsAt }]) => [key, endsAt - clock.now()])).toEqual([
      ['b', 5000],
      ['c', 7000],
    ]);
    expect(one.peek('a')).toBeUndefined();
  });

  it('A loaded value with a TTL of 0 removes the previous value from both tiers', async () => {
    const { store, process, world } = setUp();
    const one = process({ ttl: (value) => (value === 'a1' ? 5000 : 0) });
    await one.get('a');
    world.version = 2;
    await one.refresh('a');
    await turns();
    expect([store.kept.size, one.peek('a')]).toEqual([0, undefined]);
  });

  it('ttlJitter shortens the lifetime in both tiers equally', async () => {
    const { clock, store, process } = setUp();
    const one = process({ ttlJitter: 0.5, random: () => 0.5 });
    await one.get('a');
    await turns();
    expect(store.kept.get('a')!.endsAt).toBe(45_000);
    await clock.advance(44_999);
    expect(one.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(one.peek('a')).toBeUndefined();
  });

  it('A value with an infinite TTL does not expire', async () => {
    const { clock, store, process } = setUp();
    await process({ ttl: Infinity }).get('a');
    await turns();
    expect(store.kept.get('a')!.endsAt).toBe(Infinity);
    await clock.advance(1e9);
    const two = process({ ttl: Infinity });
    expect(await two.get('a')).toBe('a1');
    await clock.advance(1e9);
    expect(two.peek('a')).toBe('a1');
  });
});

describe('stale values', () => {
  it('A stale value from the second tier is served by another process when the origin fails', async () => {
    const { clock, process, world } = setUp();
    await process({ staleIfError: '1h' }).get('a');
    await turns();
    await clock.advance(120_000);
    world.isDown = true;
    const two = process({ staleIfError: '1h' });
    expect(await two.get('a')).toBe('a1');
    expect(two.stats.l2).toMatchObject({ hits: 0, staleHits: 1 });
    world.isDown = false;
    world.version = 2;
    expect(await two.get('a')).toBe('a2');
    await clock.advance(3_700_000);
    world.isDown = true;
    await expect(process({ staleIfError: '1h' }).get('a')).rejects.toThrow('the origin is down');
  });

  it('A stale value from the second tier is served at once while one refresh loads a new value', async () => {
    const { clock, store, process, world, loads } = setUp();
    await process({ staleWhileRevalidate: '1h' }).get('a');
    await turns();
    await clock.advance(60_000);
    world.version = 2;
    const two = process({ staleWhileRevalidate: '1h' });
    const answers = await Promise.all([two.get('a'), two.get('a')]);
    await turns();
    expect([answers, loads.length, two.peek('a')]).toEqual([['a1', 'a1'], 2, 'a2']);
    expect(store.operations.filter((operation) => operation === 'set a')).toHaveLength(2);
  });

  it('The loader receives a stale value from the second tier as previous value', async () => {
    const { clock, process } = setUp();
    await process({ staleIfError: '1h' }).get('a');
    await turns();
    await clock.advance(60_000);
    const seen: unknown[] = [];
    const load = (key: string, { previous }: { previous: string | undefined }) => {
      seen.push(previous);
      return `${key}!`;
    };
    expect(await process({ staleIfError: '1h', load }).get('a')).toBe('a!');
    expect(seen).toEqual(['a1']);
  });

  it.each(['set', 'deleted'])(
    'A stale value from the second tier is discarded if the key was %s during the read',
    async (how) => {
      const { clock, store, process, world } = setUp();
      const options: Options = { staleIfError: '1h' };
      await process(options).get('a');
      await turns();
      await clock.advance(60_000);
      world.isDown = true;
      const two = process(options);
      const { release } = holdCalls(store, 'after', isOperation('get'));
      const read = watch(two.get('a'));
      await turns();
      if (how === 'set') two.set('a', 'new');
      else two.delete('a');
      await release();
      const outcome = how === 'set' ? { value: 'new' } : { error: new Error('the origin is down') };
      expect(read).toMatchObject(outcome);
      if (how === 'set') expect(await two.get('a')).toBe('new');
      else await expect(two.get('a')).rejects.toThrow('the origin is down');
    },
  );

  it('A stale value from the second tier does not replace a newer one in the first tier', async () => {
    const { clock, store, process, world } = setUp();
    const one = process({ staleIfError: '1h' });
    await one.get('a');
    await turns();
    const older = store.kept.get('a')!;
    world.version = 2;
    await clock.advance(30_000);
    await one.refresh('a');
    await turns();
    store.kept.set('a', older); // written late by another process
    await clock.advance(60_000);
    world.isDown = true;
    expect(await one.get('a')).toBe('a2');
    expect(one.stats.l2.staleHits).toBe(1);
  });

  it('A load that an invalidation matched does not fall back to a stale value', async () => {
    const { clock, store, process, world } = setUp();
    const options: Options = { staleIfError: '1h', tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    await clock.advance(60_000);
    world.isDown = true;
    const two = process(options);
    const { release } = holdCalls(store, 'after', isOperation('get'));
    const read = watch(two.get('a'));
    await turns();
    two.applyInvalidation({ kind: 'deleteMatching', match: { tag: 't' } });
    await release();
    expect(read).toMatchObject({ state: 'rejected', error: new Error('the origin is down') });
    expect(two.peek('a')).toBeUndefined();
  });
});

describe('refreshing a value', () => {
  it('earlyExpiration uses the load time of the origin even if another process loaded the value', async () => {
    const { clock, process, loads } = setUp();
    const slow = async (key: string) => {
      loads.push(key);
      await sleep(1000, { clock });
      return `${key}${loads.length}`;
    };
    const options = { load: slow, earlyExpiration: 1, random: () => 0.5 }; // expires 693 ms early
    await advanceAndAwait(clock, 1000, process(options).get('a'));
    const two = process(options);
    await two.get('a');
    await clock.advance(59_306);
    await two.get('a');
    await turns();
    expect(loads).toHaveLength(1);
    await clock.advance(1);
    await two.get('a');
    await turns();
    expect(loads).toHaveLength(2);
  });

  it('refresh loads from the origin although the second tier has the value', async () => {
    const { store, process, world } = setUp();
    const one = process();
    await one.get('a');
    world.version = 2;
    expect(await one.refresh('a')).toBe('a2');
    await turns();
    expect(await process().get('a')).toBe('a2');
    expect(store.operations.slice(0, 4)).toEqual(['get a', 'set a', 'set a', 'get a']);
  });

  it('refreshAhead loads from the origin unless another process has refreshed the value', async () => {
    const { clock, process, world, loads } = setUp();
    const [one, two] = [process({ refreshAhead: 0.5 }), process({ refreshAhead: 0.5 })];
    await one.get('a');
    await turns();
    await two.get('a');
    await clock.advance(30_000);
    world.version = 2;
    expect(await one.get('a')).toBe('a1');
    await turns();
    expect([one.peek('a'), loads.length]).toEqual(['a2', 2]);
    expect(await two.get('a')).toBe('a1');
    await turns();
    expect([two.peek('a'), loads.length]).toEqual(['a2', 2]);
  });

  it('A refresh of a stale value takes the value that another process has loaded', async () => {
    const { clock, process, world, loads } = setUp();
    const options: Options = { staleWhileRevalidate: '1h' };
    const [one, two] = [process(options), process(options)];
    await one.get('a');
    await turns();
    await two.get('a');
    await clock.advance(60_000);
    world.version = 2;
    await one.get('a');
    await turns();
    expect(await two.get('a')).toBe('a1');
    await turns();
    expect([two.peek('a'), loads.length]).toEqual(['a2', 2]);
  });
});
