import type { Bench } from './bench.js';
import { clockRead, DECISIONS, everyLimiter } from './rate-limiters.js';

/** Decisions that all refuse. */
export const bench: Bench = {
  unit: 'decision that refuses',
  perUse: DECISIONS,
  candidates: { 'performance.now()': clockRead, ...everyLimiter(1) },
  targets: { floor: 2, peers: { 'rate-limiter-flexible': 0.08 } },
  yardstick: 'rate-limiter-flexible',
};
