import { ClockCache } from 'breakwater/cache';
import { it } from 'vitest';
import { ClockCache as Reference } from '../../reference/clock-cache.js';
import { compareCaches } from './cache-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('ClockCache agrees with its reference after each of 1,000 random commands (seed %i)', (seed) => {
  compareCaches(seed, (capacity) => ({
    reference: new Reference<number, number>(capacity),
    cache: new ClockCache<number, number>({ capacity }),
  }));
});
