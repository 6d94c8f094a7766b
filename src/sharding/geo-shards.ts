import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Coordinates, haversine } from './great-circle.js';
import { checkIterable, checkShard, type ShardRouter } from './shard-router.js';

/** A shard and where it is. */
export interface GeoSite {
  readonly shard: string;
  /** In degrees: from -90 to 90. */
  readonly latitude: number;
  /** In degrees: from -180 to 180. */
  readonly longitude: number;
  /** The regions that belong to it, wherever they are; each to one shard only. @defaultValue none */
  readonly regions?: Iterable<string> | undefined;
  /** The shards that stand in for it, in this order, before those that are nearest. @defaultValue none */
  readonly fallbacks?: Iterable<string> | undefined;
}

export interface GeoShardsOptions {
  /** At least one; each shard once. */
  readonly shards: Iterable<GeoSite>;
  /** Whether a shard can be used just now; asked at each lookup. @defaultValue always */
  readonly isUp?: ((shard: string) => boolean) | undefined;
}

/** Where somebody is: a region, or coordinates, or both. */
export interface GeoPlace {
  readonly region?: string | undefined;
  /** In degrees: from -90 to 90. Together with `longitude`. */
  readonly latitude?: number | undefined;
  /** In degrees: from -180 to 180. */
  readonly longitude?: number | undefined;
}

export interface GeoShards extends ShardRouter<GeoPlace> {
  /** The shards for a place, `count` different ones or all that are up, in the order in which they stand in for each other. */
  getMany(place: GeoPlace, count: number): string[];
}

/**
 * Sends everybody to the shard of their region, or else to the nearest one.
 *
 * A region that is mapped decides by itself; for any other the nearest shard does, along the great circle, if the place
 * has coordinates. Where neither says anything the answer is undefined. After that first shard come its `fallbacks`, then
 * all others by their distance from the place, or from the first shard when the place has no coordinates; of equally
 * near ones the first by name. Those that are not up are left out.
 *
 * O(n log n) a lookup, for the handful of regions there are.
 *
 * @throws InvalidOptionError for coordinates outside the globe, a region or a shard that is there twice, and a fallback
 * that is no other shard.
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
  /** Sorted by name, which sorting by distance keeps for equal ones. */
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
      throw new InvalidOptionError('geoShards', 'shards', 'must be one or more, each once', twice ?? own.shards);
    }
    for (const { shard, fallbacks } of this.#sites) {
      const stranger = fallbacks.find((other) => other === shard || !this.shards.includes(other));
      if (stranger === undefined) continue;
      throw new InvalidOptionError('geoShards', `fallbacks of "${shard}"`, 'must be other shards', stranger);
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
        throw new InvalidOptionError('geoShards', `${option}.regions`, 'must be strings, each of one shard', region);
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
