import { InvalidOptionError, LruCache, loadingCache, timeout } from 'breakwater';
import { describe, expect, it } from 'vitest';

const one = () => 1;
const good = { load: one, capacity: 10 };
const DURATIONS = ['5', '', -1, Number.NaN, null, {}, true, -Infinity];

const bad: [string, Record<string, readonly unknown[]>][] = [
  ['capacity', { capacity: [0, -1, 1.5, Number.NaN, '10', null, Infinity, 2 ** 24] }],
  ['load', { load: [null, 1, {}, 'load'] }],
  ['ttl', { ttl: [...DURATIONS, 0, '0ms'] }],
  ['ttlJitter', { ttlJitter: [-0.1, 1, 1.5, Number.NaN, '0.5', null, Infinity] }],
  ['staleWhileRevalidate', { staleWhileRevalidate: DURATIONS }],
  ['staleIfError', { staleIfError: DURATIONS }],
  ['negativeTtl', { negativeTtl: DURATIONS }],
  ['refreshAhead', { refreshAhead: [0, 1, -1, 1.5, Number.NaN, '0.5', null, {}] }],
  ['earlyExpiration', { earlyExpiration: [0, -1, Number.NaN, Infinity, '1', null] }],
  ['hardTimeout', { hardTimeout: [...DURATIONS, 0, Infinity] }],
  ['tags', { tags: [null, [], 'tag'] }],
  ['policy', { policy: [null, {}, () => {}, 'retry'] }],
  ['name', { name: ['', null, 1] }],
  ['clock', { clock: [null, {}, Date] }],
  ['random', { random: [null, 0.5, {}] }],
];

const make = (options: object) => () => loadingCache(options as never);

describe('loadingCache rejects', () => {
  for (const [option, { [option]: values = [] }] of bad) {
    it.each(values)(`loadingCache rejects %o as ${option}`, (value) => {
      expect(make({ ...good, [option]: value })).toThrow(InvalidOptionError);
      expect(make({ ...good, [option]: value })).toThrow(new RegExp(`^loadingCache: "${option}`));
    });
  }

  const pairs: [object, string][] = [
    [{ load: one }, 'capacity'],
    [{ ...good, cache: new Map() }, 'capacity'],
    [{ load: one, cache: {} }, 'cache'],
    [{ load: one, cache: null }, 'cache'],
    [{ capacity: 1 }, 'load'],
    [{ ...good, loadMany: () => [] }, 'load'],
    [{ capacity: 1, loadMany: 'x' }, 'loadMany'],
    [{ ...good, batch: {} }, 'batch'],
    [{ capacity: 1, loadMany: () => [], batch: { maxSize: 0 } }, 'batch.maxSize'],
    [{ capacity: 1, loadMany: () => [], batch: { maxWait: -1 } }, 'batch.maxWait'],
    [{ capacity: 1, loadMany: () => [], batch: { maxWait: Infinity } }, 'batch.maxWait'],
    [{ capacity: 1, loadMany: () => [], batch: { size: 1 } }, 'batch.size'],
    [{ ...good, staleIfError: '1h', softTimeout: '2s', hardTimeout: '2s' }, 'softTimeout'],
    [{ ...good, softTimeout: '2s' }, 'softTimeout'],
    [{ ...good, staleIfError: '1m', staleWhileRevalidate: '1m', softTimeout: '2s' }, 'softTimeout'],
    [{ ...good, staleIfError: '1m', softTimeout: 0 }, 'softTimeout'],
    [{ ...good, max: 10 }, 'max'],
  ];
  it.each(pairs)('loadingCache rejects the options %o', (options, option) => {
    expect(make(options)).toThrow(new RegExp(`^loadingCache: "${option}"`));
  });

  it.each([undefined, null, 'options', [], () => {}])('loadingCache rejects %o as options', (options) => {
    expect(make(options as never)).toThrow(/^loadingCache: "/);
  });

  it('loadingCache rejects a misspelt option and suggests the correct name', () => {
    expect(make({ ...good, swr: 1, staleIfErr: 1 })).toThrow(/"swr" is unknown/);
    expect(make({ ...good, staleIfErr: 1 })).toThrow(/did you mean "staleIfError"/);
  });
});

describe('loadingCache accepts', () => {
  it('loadingCache treats an undefined option as absent', () => {
    const names = bad.map(([option]) => option).filter((option) => option !== 'load' && option !== 'capacity');
    const undefineds = Object.fromEntries(names.map((option) => [option, undefined]));
    expect(
      make({ ...good, ...undefineds, softTimeout: undefined, loadMany: undefined, batch: undefined }),
    ).not.toThrow();
  });

  it.each([
    { ttl: Infinity },
    { ttl: '1.5h' },
    { staleWhileRevalidate: 0, staleIfError: Infinity, softTimeout: 1 },
    { staleWhileRevalidate: Infinity },
    { negativeTtl: 0 },
    { ttlJitter: 0 },
    { refreshAhead: 0.001 },
    { earlyExpiration: 3 },
    { policy: timeout('1s') },
  ])('loadingCache accepts the options %o', (options) => {
    expect(make({ ...good, ...options })).not.toThrow();
  });

  it('loadingCache copies its options and accepts a frozen object', async () => {
    const options = { load: (): number => 1, capacity: 10, ttl: Infinity };
    const cache = loadingCache<string, number>(options);
    options.load = () => 2;
    expect(await cache.get('k')).toBe(1);
    expect(() =>
      loadingCache(Object.freeze({ load: () => 1, cache: new LruCache<unknown, never>({ capacity: 1 }) })),
    ).not.toThrow();
  });

  it('A signal that is not an AbortSignal rejects get, refresh and getMany', async () => {
    const cache = loadingCache<string, number>(good);
    await expect(cache.get('k', { signal: {} as never })).rejects.toThrow(/"signal" must be an AbortSignal/);
    await expect(cache.get('k', null as never)).rejects.toThrow();
    await expect(cache.refresh('k', { signal: 1 as never })).rejects.toThrow(/"signal" must be an AbortSignal/);
    await expect(cache.getMany(['k'], { signal: 1 as never })).rejects.toThrow(/"signal" must be an AbortSignal/);
    expect(await cache.get('k', { signal: null })).toBe(1);
  });

  it('Tags that are not strings reject the load and make set throw', async () => {
    const cache = loadingCache<string, number>({ ...good, tags: () => [1] as never });
    await expect(cache.get('k')).rejects.toThrow(/"tags" must be an array of strings/);
    expect(() => cache.set('k', 1)).toThrow(/"tags" must be an array of strings/);
    expect(() => cache.set('k', 1, { tags: 't' as never })).toThrow(/"tags" must be an array of strings/);
  });
});
