import { expect } from 'vitest';
import { Draw, STEPS } from './seeds.js';

/** The methods that a reference cache and a cache of the package share. */
interface ComparedCache {
  get(key: number): number | undefined;
  has(key: number): boolean;
  set(key: number, value: number): unknown;
  delete(key: number): boolean;
}

export interface CachePair {
  readonly reference: ComparedCache;
  readonly cache: ComparedCache;
}

/**
 * Runs the same random commands on a reference cache and on a cache of the package. After each command it compares the
 * result and which keys are present.
 *
 * @param make - returns the two caches. `advance` makes time pass, for caches that read a clock.
 */
export function compareCaches(
  seed: number,
  make: (capacity: number) => CachePair & { advance?: (ms: number) => void },
): void {
  const draw = new Draw(seed);
  const capacity = draw.integer(1, 12);
  const keys = Array.from({ length: 2 * capacity + 1 }, (_, key) => key);
  const { reference, cache, advance } = make(capacity);
  for (let step = 1; step <= STEPS; step++) {
    // The square of a random number prefers low keys: some keys are hot, as in real traffic.
    const key = Math.floor(draw.random() ** 2 * keys.length);
    const command = draw.from(['get', 'get', 'get', 'set', 'set', 'set', 'getOrSet', 'getOrSet', 'delete']);
    const run = (one: ComparedCache): unknown => {
      if (command === 'get') return one.get(key);
      if (command === 'delete') return one.delete(key);
      const found = command === 'getOrSet' ? one.get(key) : undefined;
      if (found === undefined) one.set(key, step);
      return found;
    };
    if (draw.chance(0.3)) advance?.(draw.integer(0, 4));
    const context = `step ${step}: ${command} ${key}, capacity ${capacity}`;
    expect(run(cache), context).toBe(run(reference));
    const present = (one: ComparedCache) => keys.filter((each) => one.has(each));
    expect(present(cache), context).toEqual(present(reference));
  }
}
