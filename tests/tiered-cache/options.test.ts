import v8 from 'node:v8';
import { decode, encode } from '@msgpack/msgpack';
import { type CachedEntry, circuitBreaker, LruCache, type Serializer, tiered } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { MapStore } from './map-store.js';
import { setUp, turns } from './setup.js';

describe('tiers, serializers and options', () => {
  it('The first tier may be a Map, an lru-cache or an LruCache', async () => {
    const { clock, store } = setUp();
    type Entry = CachedEntry<string>;
    for (const l1 of [
      new Map<string, Entry>(),
      new LRUCache<string, Entry>({ max: 2 }),
      new LruCache<string, Entry>({ capacity: 2 }),
    ]) {
      const one = tiered(l1, store, { load: async (key: string) => `${key}!`, clock });
      expect([await one.get('a'), one.getSync('a'), l1.get('a')!.value]).toEqual(['a!', 'a!', 'a!']);
    }
  });

  const messagePack: Serializer<Uint8Array> = { serialize: encode, deserialize: (data) => decode(data) };
  it.each([
    ['node:v8', v8],
    ['MessagePack', messagePack],
  ])('A serializer of %s stores values as bytes', async (_, serializer) => {
    const clock = new TestClock();
    const store = new MapStore<Uint8Array>(clock);
    const options = { load: async () => ({ at: new Date(7), bytes: Uint8Array.of(1, 2) }), serializer, clock };
    await tiered({ capacity: 10 }, store, options).get('a');
    await turns();
    const unused = async (): Promise<never> => Promise.reject(new Error('not needed'));
    const { at, bytes } = await tiered({ capacity: 10 }, store, {
      ...options,
      load: unused as typeof options.load,
    }).get('a');
    expect([at, [...bytes]]).toEqual([new Date(7), [1, 2]]);
  });

  it('loadMany loads the keys that the second tier lacks', async () => {
    const { clock, store } = setUp();
    const loads: string[][] = [];
    const loadMany = async (keys: readonly string[]) => {
      loads.push([...keys]);
      return new Map(keys.map((key) => [key, key.toUpperCase()]));
    };
    const one = tiered({ capacity: 10 }, store, { loadMany, clock });
    expect(await one.getMany(['a', 'b'])).toEqual(['A', 'B']);
    await turns();
    expect([loads, store.operations]).toEqual([[['a', 'b']], ['getMany a,b', 'set a', 'set b']]);
    expect(await one.warmUp(['a', 'c'])).toEqual({ loaded: 2, failed: 0 });
  });

  it('A cache without a loader returns stored values, and undefined for other keys', async () => {
    const { clock, store } = setUp();
    const make = () => tiered<string>({ capacity: 10 }, store, { ttl: '1m', clock });
    const one = make();
    expect(await one.get('a')).toBeUndefined();
    await turns();
    expect(store.kept.size).toBe(0);
    expect(await one.get('a')).toBeUndefined();
    expect(store.operations).toEqual(['get a', 'get a']);
    await one.set('a', 'x');
    expect([await one.get('a'), await make().get('a'), await one.refresh('b')]).toEqual(['x', 'x', undefined]);
    // The second tier is the only source of the refresh.
    expect([await one.refresh('a'), one.peek('a')]).toEqual(['x', 'x']);
    expect(await one.delete('a')).toBe(true);
    expect(await make().get('a')).toBeUndefined();
  });

  it.each([
    [{ load: undefined, staleIfError: '1m' }, '"staleIfError" needs "load" or "loadMany"'],
    [{ load: undefined, policy: circuitBreaker() }, '"policy" needs "load" or "loadMany"'],
    [{ l1Ttl: 0 }, '"l1Ttl" must be'],
    [{ l2Timeout: Infinity }, '"l2Timeout" must be'],
    [{ l2Policy: {} }, '"l2Policy" must be an object with'],
    [{ prefix: 7 }, '"prefix" must be a string'],
    [{ serializer: {} }, '"serializer" must be an object with serialize, deserialize'],
    [{ capacity: 7 }, '"capacity" is unknown'],
    [{ ttl: -1 }, '"ttl" must be'],
  ])('tiered rejects the options %o', (options, message) => {
    expect(() => setUp().process(options as never)).toThrow(message);
  });

  it.each([
    [undefined, { capacity: 0 }, '"capacity" must be'],
    [undefined, {}, '"capacity" or "cache" is required'],
    [undefined, { size: 7 }, '"l1.size" is unknown'],
    [undefined, { get: 7 }, '"l1" must be an object with get, set, delete'],
    [undefined, null, '"l1" must be an object with get, set, delete'],
    [{ get: () => {} }, { capacity: 7 }, '"l2" must be an object with get, set, delete, deleteMatching'],
  ])('tiered rejects %o as second tier or %o as first tier', (l2, l1, message) => {
    const { store, clock } = setUp();
    expect(() => tiered(l1 as never, (l2 ?? store) as never, { load: async () => 1, clock })).toThrow(message);
  });
});
