import { hedge, timeout } from 'breakwater';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';

/** Calls that are answered before a hedge starts, beside a timeout: both have a timer and an abort scope. */
export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    'after p95': ours(() => {
      const policy = hedge();
      return () => policy.execute(operation);
    }),
    'after a fixed delay': ours(() => {
      const policy = hedge({ delay: '1s' });
      return () => policy.execute(operation);
    }),
    'timeout, for comparison': peer(() => {
      const policy = timeout('10s');
      return () => policy.execute(operation);
    }),
  },
  targets: { peers: { 'timeout, for comparison': 1.5 } },
};
