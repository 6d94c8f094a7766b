import { LruCache, loadingCache, memoize, tiered } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { MapStore } from '../tiered-cache/map-store.js';

interface User {
  name: string;
}

const load = async (): Promise<User> => ({ name: 'Ada' });

describe('The option clone', () => {
  it('a caller that changes its value does not change the value of other callers', async () => {
    const users = loadingCache<string, User>({ load, capacity: 9, clone: 'structured' });
    const [first, joined] = await Promise.all([users.get('a'), users.get('a')]);
    first.name = 'changed';
    expect(joined.name).toBe('Ada');
    const reads = [
      await users.get('a'),
      await users.get('a', {}),
      ...(await users.getMany(['a'])),
      users.getSync('a') as User,
      users.peek('a') as User,
    ];
    for (const user of reads) {
      expect(user.name).toBe('Ada');
      user.name = 'changed';
    }
    const refreshed = await users.refresh('a');
    refreshed.name = 'changed';
    expect((await users.get('a')).name).toBe('Ada');
  });

  it('a value that is changed after set does not change the cached one', async () => {
    const users = loadingCache<string, User>({ load, capacity: 9, clone: 'structured' });
    const user = { name: 'Grace' };
    users.set('a', user);
    user.name = 'changed';
    expect((await users.get('a')).name).toBe('Grace');
  });

  it('a function copies each value once for each read', async () => {
    let copies = 0;
    const clone = (user: User) => {
      copies++;
      return { ...user };
    };
    const users = loadingCache<string, User>({ load, capacity: 9, clone });
    await users.get('a');
    await users.get('a', {});
    await users.getMany(['a', 'a']);
    expect(copies).toBe(4);
  });

  it('without the option all callers share one value', async () => {
    const users = loadingCache<string, User>({ load, capacity: 9 });
    expect(await users.get('a')).toBe(await users.get('a'));
  });

  it('memoized functions and tiered caches copy values too', async () => {
    const memoized = memoize(load, { capacity: 9, clone: 'structured' });
    (await memoized()).name = 'changed';
    expect((await memoized()).name).toBe('Ada');
    const clock = new TestClock();
    const first = new LruCache<string, never>({ capacity: 9 });
    const users = tiered<User, string>(first, new MapStore(clock), { load, clone: 'structured', clock });
    (await users.get('a')).name = 'changed';
    expect((await users.get('a')).name).toBe('Ada');
  });

  it('a value that cannot be copied rejects the read', async () => {
    const functions = loadingCache({ load: async () => () => 1, capacity: 9, clone: 'structured' });
    await expect(functions.get('a')).rejects.toThrow('could not be cloned');
  });

  it.each(['deep', true, {}])('%s is rejected', (clone) => {
    const make = () => loadingCache({ load, capacity: 9, clone: clone as never });
    expect(make).toThrow(`loadingCache: "clone" must be 'structured' or a function`);
  });
});
