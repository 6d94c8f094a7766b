import { TtlCache } from 'breakwater/cache';
import { expect, it } from 'vitest';
import { TtlCache as Reference } from '../../reference/ttl-cache.js';
import { compareCaches } from './cache-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('TtlCache agrees with its reference after each of 1,000 random commands (seed %i)', (seed) => {
  let time = 0;
  const now = () => time;
  compareCaches(seed, (capacity) => {
    const reference = new Reference<number, number>(capacity, 10, now);
    const cache = new TtlCache<number, number>({
      capacity,
      ttl: 10,
      clock: { now, setTimeout: () => 0, clearTimeout: () => {} },
    });
    const advance = (ms: number) => {
      time += ms;
      if (ms === 0) expect(cache.size).toBe(reference.size);
    };
    return { reference, cache, advance };
  });
});
