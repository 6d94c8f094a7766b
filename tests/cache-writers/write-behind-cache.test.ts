import { LruCache, writeBehind } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp } from './write-behind-setup.js';

describe('writeBehind with a cache', () => {
  it('Changes of a key in a remote cache run one after the other, and set and delete wait for them', async () => {
    const changes: (Deferred<void> & { change: string })[] = [];
    const apply = (change: string) => {
      const deferred = { change, ...defer<void>() };
      changes.push(deferred);
      return deferred.promise;
    };
    const cache = { set: (_: string, value: string) => apply(value), delete: () => apply('delete') };
    const { writer } = setUp({ cache });
    const writes = [writer.set('a', '1'), writer.set('a', '2'), writer.set('b', '9')].map(watch);
    await settle();
    expect(changes.map(({ change }) => change)).toEqual(['1', '9']);
    changes[0]!.resolve();
    await settle();
    writes.push(watch(writer.delete('a')));
    expect(changes.map(({ change }) => change)).toEqual(['1', '9', '2']);
    for (let i = 1; i < 4; i++) {
      changes[i]!.resolve();
      await settle();
    }
    expect(changes.map(({ change }) => change)).toEqual(['1', '9', '2', 'delete']);
    expect(writes.map(({ state }) => state)).toEqual(Array(4).fill('fulfilled'));
  });

  it('A write of the key from within set of a remote cache is the one that the cache keeps', async () => {
    const held = new Map<string, string>();
    const writes: Promise<void>[] = [];
    const cache = {
      set: async (key: string, value: string) => {
        if (value === '1') writes.push(writer.set(key, '2'));
        await settle();
        held.set(key, value);
      },
      delete: () => {},
    };
    const writer = writeBehind<string, string>({ write: () => {}, cache, flushEvery: '1h' });
    await writer.set('a', '1');
    await Promise.all(writes);
    expect([held.get('a'), writer.peek('a')]).toEqual(['2', { type: 'set', key: 'a', value: '2' }]);
    await writer.close();
  });

  it('A write of the key from within set of a local cache is applied in the same turn', async () => {
    const held = new Map<string, string>();
    const writes: Promise<void>[] = [];
    const cache = {
      set: (key: string, value: string) => {
        if (key === 'a' && value < '4') writes.push(writer.set(key, `${Number(value) + 1}`), writer.set('b', value));
        held.set(key, value);
      },
      delete: () => {},
    };
    const { writer } = setUp({ cache });
    writes.push(writer.set('a', '1'));
    expect([...held]).toEqual([
      ['b', '3'],
      ['a', '4'],
    ]);
    await Promise.all(writes);
    writer.set('a', '5');
    expect(held.get('a')).toBe('5');
  });

  it('A write by a cacheError listener is applied after the key was deleted from the failing cache', async () => {
    const held = new Map<string, string>([['a', 'old']]);
    const cache = {
      set: (key: string, value: string) => {
        if (value === '1') throw new Error('no 1');
        held.set(key, value);
      },
      delete: (key: string) => held.delete(key),
    };
    const { writer } = setUp({ cache });
    writer.on('cacheError', ({ key }) => writer.set(key, '2'));
    writer.set('a', '1');
    expect([held.get('a'), writer.peek('a')]).toEqual(['2', { type: 'set', key: 'a', value: '2' }]);
  });

  it('A failing cache is reported by cacheError events and the write is accepted', async () => {
    using uncaught = catchUncaught();
    const cache = {
      set: () => Promise.reject(new Error('no set')),
      delete: () => {
        throw new Error('no delete');
      },
    };
    const { writer, events } = setUp({ cache });
    await writer.set('a', '1');
    await writer.delete('b');
    expect(events.map(([name, event]) => [name, (event as { error: Error }).error.message])).toEqual([
      ['cacheError', 'no set'],
      ['cacheError', 'no delete'],
      ['cacheError', 'no delete'],
    ]);
    expect([writer.pending, uncaught.rejections]).toEqual([2, []]);
  });

  it('The cache is optional', async () => {
    const { writer } = setUp({ cache: undefined });
    await writer.set('a', '1');
    expect(writer.peek('a')).toMatchObject({ value: '1' });
  });

  it('The cache may be an LruCache', async () => {
    const cache = new LruCache<string, string>({ capacity: 1 });
    const { writer } = setUp({ cache });
    await writer.set('a', '1');
    await writer.set('b', '1');
    expect([cache.has('a'), cache.has('b'), writer.pending]).toEqual([false, true, 2]);
  });
});
