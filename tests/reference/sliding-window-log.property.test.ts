import { SlidingWindowLog } from 'breakwater/rate-limit';
import { it } from 'vitest';
import { SlidingWindowLog as Reference } from '../../reference/sliding-window-log.js';
import { compareLimiters } from './limiter-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('SlidingWindowLog decides as its reference does in 1,000 random calls (seed %i)', (seed) => {
  compareLimiters(seed, (draw, clock) => {
    const limit = draw.integer(1, 10);
    const windowMs = draw.integer(2, 40);
    const limiter = new SlidingWindowLog({ limit, per: windowMs, clock });
    return { reference: new Reference(limit, windowMs, clock.now), limiter, limit, tickMs: 1 };
  });
});
