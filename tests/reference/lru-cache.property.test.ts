import { LruCache } from 'breakwater/cache';
import { it } from 'vitest';
import { LruCache as Reference } from '../../reference/lru-cache.js';
import { compareCaches } from './cache-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('LruCache agrees with its reference after each of 1,000 random commands (seed %i)', (seed) => {
  compareCaches(seed, (capacity) => ({
    reference: new Reference<number, number>(capacity),
    cache: new LruCache<number, number>({ capacity }),
  }));
});
