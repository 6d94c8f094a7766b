import { LfuCache } from 'breakwater/cache';
import { it } from 'vitest';
import { LfuCache as Reference } from '../../reference/lfu-cache.js';
import { compareCaches } from './cache-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('LfuCache agrees with its reference after each of 1,000 random commands (seed %i)', (seed) => {
  compareCaches(seed, (capacity) => ({
    reference: new Reference<number, number>(capacity),
    cache: new LfuCache<number, number>({ capacity }),
  }));
});
