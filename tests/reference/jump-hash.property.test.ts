import { jumpHash } from 'breakwater/hash-ring';
import { expect, it } from 'vitest';
import { jumpHash as reference } from '../../reference/jump-hash.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

it.each(SEEDS)('jumpHash returns the bucket that its reference returns for 1,000 random keys (seed %i)', (seed) => {
  const draw = new Draw(seed);
  for (let step = 1; step <= STEPS; step++) {
    const half = () => BigInt(draw.integer(0, 2 ** 32 - 1));
    const key = draw.chance(0.1) ? BigInt(draw.integer(0, 9)) : (half() << 32n) | half();
    const buckets = draw.chance(0.1) ? draw.integer(1, 2 ** 31 - 1) : draw.integer(1, 1000);
    expect(jumpHash(key, buckets), `step ${step}: ${key} in ${buckets}`).toBe(reference(key, buckets));
  }
});
