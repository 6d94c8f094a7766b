import { hedge, keyed, type Policy } from 'breakwater';
import { adaptiveLimit } from 'breakwater/overload';
import { type Bench, operation, ours } from './bench.js';

/** Each key's string is part of the price, and each has seen a call. */
const ofKeys = (make: () => Policy) => async (count: number) => {
  const family = keyed(make, { maxKeys: count, idleFor: Infinity });
  for (let i = 0; i < count; i++) await family.execute(operation, { key: `key-${i}` });
  return family;
};

export const bench: Bench = {
  measured: 'memory',
  unit: 'key',
  count: 20_000,
  candidates: {
    'adaptive limit': { ...ours(ofKeys(() => adaptiveLimit())), targets: { bytes: 2500 } },
    // The difference to the next one is the histogram of the latencies, which may take 1.1 kB.
    'hedge after p95': { ...ours(ofKeys(() => hedge())), targets: { bytes: 2800 } },
    'hedge after a fixed delay': { ...ours(ofKeys(() => hedge({ delay: '1s' }))), targets: { bytes: 1700 } },
  },
};
