import { TokenBucket } from 'breakwater/rate-limit';
import { it } from 'vitest';
import { TokenBucket as Reference } from '../../reference/token-bucket.js';
import { compareLimiters } from './limiter-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('TokenBucket decides as its reference does in 1,000 random calls (seed %i)', (seed) => {
  compareLimiters(seed, (draw, clock) => {
    const capacity = draw.integer(1, 10);
    // Eighths of a second and powers of two per second are exact in binary: the reference then rounds nothing.
    const refill = draw.from([0.5, 1, 2, 4, 8]);
    const limiter = new TokenBucket({ capacity, refill, per: '1s', clock });
    return { reference: new Reference(capacity, refill, clock.now), limiter, limit: capacity, tickMs: 125 };
  });
});
