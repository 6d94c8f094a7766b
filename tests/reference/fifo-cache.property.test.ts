import { FifoCache } from 'breakwater/cache';
import { it } from 'vitest';
import { FifoCache as Reference } from '../../reference/fifo-cache.js';
import { compareCaches } from './cache-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('FifoCache agrees with its reference after each of 1,000 random commands (seed %i)', (seed) => {
  compareCaches(seed, (capacity) => ({
    reference: new Reference<number, number>(capacity),
    cache: new FifoCache<number, number>({ capacity }),
  }));
});
