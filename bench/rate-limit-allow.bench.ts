import type { Bench } from './bench.js';
import { clockRead, DECISIONS, everyLimiter, waiting } from './rate-limiters.js';

/** Decisions that all let pass. */
export const bench: Bench = {
  unit: 'decision that allows',
  perUse: DECISIONS,
  candidates: { 'performance.now()': clockRead, ...everyLimiter(1_000_000_000), ...waiting },
  targets: { floor: 2, peers: { 'rate-limiter-flexible': 0.4 } },
  yardstick: 'rate-limiter-flexible',
};
