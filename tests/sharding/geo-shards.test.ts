import { geoShards } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';
import { haversine } from '../../src/sharding/great-circle.js';

const frankfurt = { shard: 'frankfurt', latitude: 50.11, longitude: 8.68 };
const dublin = { shard: 'dublin', latitude: 53.35, longitude: -6.26 };
const virginia = { shard: 'virginia', latitude: 38.95, longitude: -77.45 };
const tokyo = { shard: 'tokyo', latitude: 35.68, longitude: 139.77 };
const near = geoShards({
  shards: [
    { ...frankfurt, regions: ['DE', 'FR'], fallbacks: ['virginia'] },
    { ...dublin, regions: ['IE'] },
    { ...virginia, regions: ['US'] },
    tokyo,
  ],
});
const paris = { latitude: 48.86, longitude: 2.35 };
const seoul = { latitude: 37.57, longitude: 126.98 };

/** The distance in kilometres on a sphere of the mean radius. */
const kilometres = (...places: Parameters<typeof haversine>) =>
  2 * 6371.0088 * Math.asin(Math.sqrt(haversine(...places)));

describe('get', () => {
  it('a mapped region determines the shard, even if another shard is nearer', () => {
    expect([near.get({ region: 'IE' }), near.get({ region: 'US', ...paris })]).toEqual(['dublin', 'virginia']);
  });

  it('the nearest shard is returned if the region is unknown or not mapped', () => {
    expect([near.get(paris), near.get({ region: 'KR', ...seoul })]).toEqual(['frankfurt', 'tokyo']);
  });

  it('undefined is returned without a mapped region and without coordinates', () => {
    expect([near.get({}), near.get({ region: 'KR' }), near.getMany({ region: '' }, 3)]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });

  it('shards that are down are skipped, and isUp is called each time', () => {
    const down = new Set(['frankfurt']);
    const shards = [{ ...frankfurt, regions: ['DE'] }, dublin, tokyo];
    const router = geoShards({ shards, isUp: (shard) => !down.has(shard) });
    expect([router.get({ region: 'DE' }), router.get(paris)]).toEqual(['dublin', 'dublin']);
    down.clear();
    expect(router.get({ region: 'DE' })).toBe('frankfurt');
    for (const { shard } of shards) down.add(shard);
    expect([router.get({ region: 'DE' }), router.getMany(paris, 2)]).toEqual([undefined, []]);
  });

  it('isUp is called only for the required shards', () => {
    const asked: string[] = [];
    const isUp = (shard: string) => asked.push(shard) > 0;
    geoShards({ shards: [frankfurt, dublin, tokyo], isUp }).get(paris);
    expect(asked).toEqual(['frankfurt']);
  });
});

describe('getMany', () => {
  it('getMany returns the shard of the region, its fallbacks, then the nearest shards', () => {
    expect(near.getMany({ region: 'DE' }, 9)).toEqual(['frankfurt', 'virginia', 'dublin', 'tokyo']);
    expect(near.getMany({ region: 'IE' }, 9)).toEqual(['dublin', 'frankfurt', 'virginia', 'tokyo']);
    expect(near.getMany({ region: 'IE', ...seoul }, 9)).toEqual(['dublin', 'tokyo', 'frankfurt', 'virginia']);
    expect(near.getMany(paris, Infinity)).toEqual(['frankfurt', 'virginia', 'dublin', 'tokyo']);
  });

  it('getMany returns the requested number of shards, and a shorter list is a prefix of a longer list', () => {
    const all = near.getMany(seoul, Infinity);
    for (const count of [0, 1, 2, 4]) expect(near.getMany(seoul, count)).toEqual(all.slice(0, count));
    expect(near.shards).toEqual(['dublin', 'frankfurt', 'tokyo', 'virginia']);
  });
});

describe('Distance', () => {
  it('the distance is the great-circle distance', () => {
    // Nashville to Los Angeles: 2887.2599506 on a sphere of 6372.8, the example of Rosetta Code.
    const [bna, lax] = [
      { latitude: 36.12, longitude: -86.67 },
      { latitude: 33.94, longitude: -118.4 },
    ];
    expect((kilometres(bna, lax) * 6372.8) / 6371.0088).toBeCloseTo(2887.2599506, 6);
    expect(kilometres({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 90 })).toBeCloseTo(10_007.557, 2);
    expect(kilometres({ latitude: 50, longitude: 5 }, { latitude: 50, longitude: 5 })).toBe(0);
    expect(kilometres({ latitude: 0, longitude: 0 }, { latitude: 1e-7, longitude: 0 })).toBeCloseTo(1.112e-5, 8);
  });

  it('the distance crosses the antimeridian', () => {
    const fiji = geoShards({
      shards: [
        { shard: 'east', latitude: -17, longitude: 178 },
        { shard: 'west', latitude: -17, longitude: 170 },
      ],
    });
    expect([fiji.get({ latitude: -17, longitude: -179 }), fiji.get({ latitude: -17, longitude: 173 })]).toEqual([
      'east',
      'west',
    ]);
    expect(haversine({ latitude: 10, longitude: 180 }, { latitude: 10, longitude: -180 })).toBe(0);
  });

  it('the distance does not depend on the longitude at a pole', () => {
    const pole = { latitude: 90, longitude: 0 };
    for (const longitude of [-180, -77, 0, 123.456]) {
      expect(haversine(pole, { latitude: 90, longitude })).toBe(0);
      expect(haversine(pole, { latitude: 40, longitude })).toBe(haversine(pole, { latitude: 40, longitude: 5 }));
    }
  });

  it('the distance between antipodes is half the circumference and never NaN', () => {
    for (const latitude of [-90, -33.3, 0, 12.345678, 89.9999]) {
      for (const longitude of [-180, -0.1, 0, 77.7]) {
        const other = { latitude: -latitude, longitude: longitude > 0 ? longitude - 180 : longitude + 180 };
        expect(kilometres({ latitude, longitude }, other)).toBeCloseTo(20_015.1, 0);
        expect(haversine({ latitude, longitude }, other)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('equal distances are ordered by name, also if they differ only by rounding', () => {
    const at = (shard: string, latitude: number, longitude: number) => ({ shard, latitude, longitude });
    const get = (place: { latitude: number; longitude: number }, ...shards: ReturnType<typeof at>[]) =>
      [shards, shards.reverse()].map((list) => geoShards({ shards: list }).getMany(place, 2).join());
    expect(get({ latitude: 0, longitude: 180 }, at('b', 5, 179), at('a', 5, -179))).toEqual(['a,b', 'a,b']);
    expect(get({ latitude: 90, longitude: 0 }, at('b', 50, 0), at('a', 50, 77))).toEqual(['a,b', 'a,b']);
    expect(get({ latitude: 0, longitude: 0 }, at('b', 10, 0), at('a', -10, 0))).toEqual(['a,b', 'a,b']);
    expect(get({ latitude: 10, longitude: 10 }, at('b', 20, 20), at('a', 20, 20))).toEqual(['a,b', 'a,b']);
  });
});

describe('Construction', () => {
  it('invalid shards are rejected', () => {
    const make =
      (...shards: object[]) =>
      () =>
        geoShards({ shards: shards as never });
    expect(make()).toThrow('geoShards: "shards" must contain at least one shard, and each shard only once');
    expect(make(tokyo, { ...dublin, shard: 'tokyo' })).toThrow(
      '"shards" must contain at least one shard, and each shard only once, got "tokyo"',
    );
    expect(make({ ...tokyo, latitude: 91 })).toThrow(
      '"shards[0].latitude" must be a finite number ≥ -90 and at most 90',
    );
    expect(make({ ...tokyo, longitude: Number.NaN })).toThrow('"shards[0].longitude"');
    expect(make({ ...tokyo, longitude: 181 })).toThrow('"shards[0].longitude"');
    expect(make({ ...tokyo, shard: '' })).toThrow('"shards[0].shard"');
    expect(make({ ...tokyo, lat: 5 })).toThrow('"shards[0].lat" is unknown (did you mean "latitude"?)');
    expect(make({ ...tokyo, regions: ['JP'] }, { ...dublin, regions: ['JP'] })).toThrow(
      '"shards[1].regions" must be strings that belong to one shard only, got "JP"',
    );
    expect(make({ ...tokyo, regions: 'JP' })).toThrow('"shards[0].regions" must be a list');
    expect(make({ ...tokyo, fallbacks: ['nowhere'] })).toThrow('"fallbacks of "tokyo"" must be names of other shards');
    expect(make({ ...tokyo, fallbacks: ['tokyo'] })).toThrow('must be names of other shards');
    expect(() => geoShards({ shards: [tokyo], isUp: true as never })).toThrow('"isUp" must be a function');
    expect(() => geoShards({ shards: 'ab' as never })).toThrow('"shards" must be a list');
    expect(() => geoShards({ sites: [] } as never)).toThrow('"sites" is unknown');
  });

  it('invalid places are rejected', () => {
    expect(() => near.get({ latitude: 5 })).toThrow('"longitude" must be a finite number');
    expect(() => near.get({ region: 'DE', longitude: 5 })).toThrow('"latitude" must be a finite number');
    expect(() => near.get({ latitude: -90.1, longitude: 0 })).toThrow('"latitude"');
    expect(() => near.get({ region: 5 as never })).toThrow('"region" must be a string');
    expect(() => near.get(null as never)).toThrow('"place" must be an object');
    expect(() => near.getMany({ region: 'DE' }, -1)).toThrow('"count" must be an integer ≥ 0');
  });

  it('the options are copied', () => {
    const site = { ...tokyo, regions: ['JP'], fallbacks: ['dublin'] };
    const router = geoShards({ shards: [site, dublin, frankfurt] });
    site.regions.push('KR');
    site.fallbacks[0] = 'frankfurt';
    site.latitude = 0;
    expect([router.get({ region: 'KR' }), router.getMany({ region: 'JP' }, 2)]).toEqual([
      undefined,
      ['tokyo', 'dublin'],
    ]);
  });
});
