import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Coordinates, haversine } from './great-circle.js';
import { checkIterable, checkShard, type ShardRouter } from './shard-router.js';

/** A shard and its location. */
export interface GeoSite {
  /** The name of the shard. */
  readonly shard: string;
  /** The latitude in degrees, from -90 to 90. */
  readonly latitude: number;
  /** The longitude in degrees, from -180 to 180. */
  readonly longitude: number;
  /** The regions that use this shard, wherever they are. A region can only belong to one shard. @defaultValue none */
  readonly regions?: Iterable<string> | undefined;
  /**
   * The shards to use if this one is down, in this order. After them, the nearest shards are used. @defaultValue none
   */
  readonly fallbacks?: Iterable<string> | undefined;
}

/** The options of `geoShards`. */
export interface GeoShardsOptions {
  /** The shards: at least one, each name once. */
  readonly shards: Iterable<GeoSite>;
  /** Returns whether a shard can be used now. Called for each lookup. @defaultValue all shards are up */
  readonly isUp?: ((shard: string) => boolean) | undefined;
}

/** The location of a user: a region, coordinates, or both. */
export interface GeoPlace {
  /** The name of the region. */
  readonly region?: string | undefined;
  /** The latitude in degrees, from -90 to 90. Requires `longitude`. */
  readonly latitude?: number | undefined;
  /** The longitude in degrees, from -180 to 180. Requires `latitude`. */
  readonly longitude?: number | undefined;
}

/** A router that picks shards by location. */
export interface GeoShards extends ShardRouter<GeoPlace> {
  /** Returns `count` different shards for a place, or all shards that are up if there are fewer, in fallback order. */
  getMany(place: GeoPlace, count: number): string[];
}

/**
 * Creates a router that returns the shard of a region, or otherwise the nearest shard. Use it to store the data of
 * users near them.
 *
 * If the region belongs to a shard, that shard is first. Otherwise, if the place has coordinates, the nearest shard by
 * great-circle distance is first. If neither applies, the result is undefined. After the first shard follow its
 * `fallbacks`, then all others by their distance from the place, or from the first shard if the place has no
 * coordinates. Shards at the same distance are sorted by name. Shards that are not up are skipped.
 *
 * O(n log n) per lookup for n shards, which is meant for a handful of regions.
 *
 * @throws InvalidOptionError if coordinates are out of range, a region or a shard occurs twice, or a fallback is not
 * the name of another shard.
 * @example
 * ```ts
 * const near = geoShards({
 *   shards: [
 *     { shard: 'frankfurt', latitude: 50.1, longitude: 8.7, regions: ['DE', 'FR'], fallbacks: ['dublin'] },
 *     { shard: 'dublin', latitude: 53.3, longitude: -6.3 },
 *     { shard: 'virginia', latitude: 38.9, longitude: -77.5, regions: ['US'] },
 *   ],
 * });
 * console.log(near.get({ region: 'FR' }), near.get({ latitude: 19.4, longitude: -99.1 })); // frankfurt virginia
 * console.log(near.getMany({ region: 'DE' }, 2)); // [ 'frankfurt', 'dublin' ]
 * ```
 */
export function geoShards(options: GeoShardsOptions): GeoShards {
  return new SiteTable(options);
}

interface Site extends Coordinates {
  readonly shard: string;
  readonly fallbacks: readonly string[];
}

class SiteTable implements GeoShards {
  /** Sorted by name. Sorting by distance is stable, so shards at the same distance stay in this order. */
  readonly #sites: readonly Site[];
  readonly #byRegion = new Map<string, Site>();
  readonly #isUp: (shard: string) => boolean;
  readonly shards: readonly string[];

  constructor(options: GeoShardsOptions) {
    const own = readOptions('geoShards', options, { shards: undefined, isUp: undefined });
    this.#isUp = checkOptionalFunction('geoShards', 'isUp', own.isUp) ?? (() => true);
    this.#sites = [...checkIterable('geoShards', 'shards', own.shards)]
      .map((site, i) => this.#read(site, `shards[${i}]`))
      .sort((a, b) => (a.shard < b.shard ? -1 : 1));
    this.shards = this.#sites.map(({ shard }) => shard);
    const [first] = this.shards;
    const twice = this.shards.find((shard, i) => shard === this.shards[i - 1]);
    if (first === undefined || twice !== undefined) {
      const rule = 'must contain at least one shard, and each shard only once';
      throw new InvalidOptionError('geoShards', 'shards', rule, twice ?? own.shards);
    }
    for (const { shard, fallbacks } of this.#sites) {
      const invalid = fallbacks.find((other) => other === shard || !this.shards.includes(other));
      if (invalid === undefined) continue;
      throw new InvalidOptionError('geoShards', `fallbacks of "${shard}"`, 'must be names of other shards', invalid);
    }
  }

  get(place: GeoPlace): string | undefined {
    return this.getMany(place, 1)[0];
  }

  getMany(place: GeoPlace, count: number): string[] {
    checkInteger('geoShards', 'count', count, { min: 0, orInfinity: true });
    const found: string[] = [];
    if (count === 0) return found;
    for (const shard of this.#inOrder(place)) {
      if (this.#isUp(shard) && found.push(shard) >= count) break;
    }
    return found;
  }

  #inOrder(place: GeoPlace): Iterable<string> {
    const { region, at } = readPlace(place);
    const home = region === undefined ? undefined : this.#byRegion.get(region);
    const center = at ?? home;
    if (center === undefined) return [];
    const nearest = this.#sites
      .map((site) => ({ site, distance: haversine(center, site) }))
      .sort((a, b) => a.distance - b.distance)
      .map(({ site }) => site);
    const first = home ?? (nearest[0] as Site);
    return new Set([first.shard, ...first.fallbacks, ...nearest.map(({ shard }) => shard)]);
  }

  #read(site: GeoSite, option: string): Site {
    const own = readOptions(
      'geoShards',
      site,
      { shard: undefined, latitude: undefined, longitude: undefined, regions: [], fallbacks: [] },
      option,
    );
    const read = {
      shard: checkShard('geoShards', `${option}.shard`, own.shard),
      ...checkCoordinates(`${option}.`, own.latitude, own.longitude),
      fallbacks: [...checkIterable('geoShards', `${option}.fallbacks`, own.fallbacks)],
    };
    for (const region of checkIterable('geoShards', `${option}.regions`, own.regions)) {
      if (typeof region !== 'string' || this.#byRegion.has(region)) {
        const rule = 'must be strings that belong to one shard only';
        throw new InvalidOptionError('geoShards', `${option}.regions`, rule, region);
      }
      this.#byRegion.set(region, read);
    }
    return read;
  }
}

function readPlace(place: GeoPlace): { region: string | undefined; at: Coordinates | undefined } {
  if (typeof place !== 'object' || place === null) {
    throw new InvalidOptionError('geoShards', 'place', 'must be an object', place);
  }
  const { region, latitude, longitude } = place;
  if (region !== undefined && typeof region !== 'string') {
    throw new InvalidOptionError('geoShards', 'region', 'must be a string', region);
  }
  const isKnown = latitude !== undefined || longitude !== undefined;
  return { region, at: isKnown ? checkCoordinates('', latitude, longitude) : undefined };
}

function checkCoordinates(path: string, latitude: unknown, longitude: unknown): Coordinates {
  return {
    latitude: checkNumber('geoShards', `${path}latitude`, latitude, { min: -90, max: 90 }),
    longitude: checkNumber('geoShards', `${path}longitude`, longitude, { min: -180, max: 180 }),
  };
}
