import { FixedWindow } from 'breakwater/rate-limit';
import { it } from 'vitest';
import { FixedWindow as Reference } from '../../reference/fixed-window.js';
import { compareLimiters } from './limiter-commands.js';
import { SEEDS } from './seeds.js';

it.each(SEEDS)('FixedWindow decides as its reference does in 1,000 random calls (seed %i)', (seed) => {
  compareLimiters(seed, (draw, clock) => {
    const limit = draw.integer(1, 10);
    const windowMs = draw.integer(2, 40);
    const limiter = new FixedWindow({ limit, per: windowMs, clock });
    return { reference: new Reference(limit, windowMs, clock.now), limiter, limit, tickMs: 1 };
  });
});
