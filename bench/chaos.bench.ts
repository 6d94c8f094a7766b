import { definePolicy } from 'breakwater';
import { chaosControl } from 'breakwater/chaos';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';

/** Calls into which nothing is injected, beside a policy that only calls `next`. */
export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    off: ours(() => {
      const policy = chaosControl().fault({ rate: 1 });
      return () => policy.execute(operation);
    }),
    ended: ours(() => {
      const control = chaosControl({ enabled: true });
      control.stop();
      const policy = control.fault({ rate: 1 });
      return () => policy.execute(operation);
    }),
    'enabled, with a rate of 0': ours(() => {
      const policy = chaosControl({ enabled: true, maxDuration: '1d' }).fault({ rate: 0 });
      return () => policy.execute(operation);
    }),
    'an empty policy, for comparison': peer(() => {
      const policy = definePolicy({ name: 'empty', run: (next, context) => next(context) });
      return () => policy.execute(operation);
    }),
  },
  targets: { peers: { 'an empty policy, for comparison': 1.5 } },
};
