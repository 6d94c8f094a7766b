import { bulkhead } from 'breakwater';
import { adaptiveLimit } from 'breakwater/overload';
import { type Bench, bareOperation, operation, ours } from './bench.js';

/** A slot is free, as nearly always: what the measurement of each call adds to a bulkhead. */
export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    ours: ours(() => {
      const limit = adaptiveLimit({ initialLimit: 100 });
      return () => limit.execute(operation);
    }),
    bulkhead: ours(() => {
      const slots = bulkhead({ maxConcurrent: 100 });
      return () => slots.execute(operation);
    }),
  },
  targets: { floor: 8 },
};
