import { LeakyBucket } from 'breakwater/rate-limit';
import { expect, it } from 'vitest';
import { LeakyBucketMeter, LeakyBucketQueue } from '../../reference/leaky-bucket.js';
import { compareLimiters } from './limiter-commands.js';
import { ManualClock } from './manual-clock.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

// Eighths of a second and powers of two per second are exact in binary: the reference then rounds nothing.
const LEAKS = [0.5, 1, 2, 4, 8] as const;

it.each(SEEDS)('LeakyBucket decides as the reference meter does in 1,000 random calls (seed %i)', (seed) => {
  compareLimiters(seed, (draw, clock) => {
    const capacity = draw.integer(1, 10);
    const leak = draw.from(LEAKS);
    const limiter = new LeakyBucket({ capacity, leak, per: '1s', clock });
    return { reference: new LeakyBucketMeter(capacity, leak, clock.now), limiter, limit: capacity, tickMs: 125 };
  });
});

it.each(SEEDS)(
  'LeakyBucket spaces reservations as the reference queue does in 1,000 random calls (seed %i)',
  (seed) => {
    const draw = new Draw(seed);
    const clock = new ManualClock();
    const leak = draw.from(LEAKS);
    const bucket = new LeakyBucket({ capacity: 4, leak, per: '1s', clock });
    const reference = new LeakyBucketQueue(leak, clock.now);
    for (let step = 1; step <= STEPS; step++) {
      if (draw.chance(0.7)) clock.ms += 125 * draw.integer(0, 24);
      const [cost, maxWait] = [draw.integer(1, 4), draw.from([0, 500, 5000, Infinity])];
      const { decision, delayMs } = bucket.reserve({ cost, maxWait });
      const context = `step ${step}: cost ${cost}, maxWait ${maxWait} at ${clock.ms} ms`;
      expect(decision.allowed ? delayMs : undefined, context).toBe(reference.reserve(cost, maxWait));
    }
  },
);
