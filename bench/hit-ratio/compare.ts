import { optimalHits } from './optimum.js';
import { type CacheName, caches, hitsOf, lruCachePackage, YARDSTICK } from './replay.js';
import type { Trace } from './trace.js';

/** One log at one capacity. */
export interface Point {
  readonly trace: string;
  readonly capacity: number;
  /** By cache, and `OPTIMUM`: of a hundred requests, how many were hits. */
  readonly percents: ReadonlyMap<string, number>;
  /** Whether the lru-cache package has as many hits as our `LruCache`. */
  readonly agrees: boolean;
}

export const OPTIMUM = 'optimum';

/** A whole number is one of entries, anything below 1 a part of the keys. */
export function capacityFor(asked: number, { keys }: Trace): number {
  return asked < 1 ? Math.max(1, Math.round(asked * keys.length)) : asked;
}

export function compare(trace: Trace, capacity: number, names: Iterable<CacheName>): Point {
  const asked = new Set<CacheName>([YARDSTICK, ...names]);
  const hits = new Map<string, number>();
  for (const name of asked) hits.set(name, hitsOf(caches[name](capacity), trace));
  hits.set(OPTIMUM, optimalHits(trace.requests, capacity));
  const percents = new Map([...hits].map(([name, count]) => [name, (100 * count) / trace.requests.length]));
  const agrees = hitsOf(lruCachePackage(capacity), trace) === hits.get(YARDSTICK);
  return { trace: trace.name, capacity, percents, agrees };
}

/** How one cache did against LRU over many points; in points of a hundred. */
export interface Summary {
  readonly mean: number;
  readonly worst: Difference;
  /** Likewise, with room for 500 entries or more; undefined where there was no such point. */
  readonly worstOfLarge: Difference | undefined;
  /** How often it was better, or worse, by more than half a point. */
  readonly wins: number;
  readonly losses: number;
}

interface Difference {
  readonly difference: number;
  readonly point: Point;
}

const LARGE = 500;
const NOTICEABLE = 0.5;

export function summarise(name: string, points: readonly Point[]): Summary {
  const all = points.map((point) => ({ point, difference: percentOf(name, point) - percentOf(YARDSTICK, point) }));
  const worstFirst = all.toSorted((a, b) => a.difference - b.difference);
  return {
    mean: all.reduce((sum, { difference }) => sum + difference, 0) / all.length,
    worst: worstFirst[0]!,
    worstOfLarge: worstFirst.find(({ point }) => point.capacity >= LARGE),
    wins: all.filter(({ difference }) => difference > NOTICEABLE).length,
    losses: all.filter(({ difference }) => difference < -NOTICEABLE).length,
  };
}

export function percentOf(name: string, { percents }: Point): number {
  return percents.get(name)!;
}
