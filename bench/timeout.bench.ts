import { timeout } from 'breakwater';
import { timeout as cockatielTimeout, TimeoutStrategy } from 'cockatiel';
import { bareOperation, type Candidates, operation, ours, peer } from './bench.js';

export const candidates: Candidates = {
  'await operation()': bareOperation,
  ours: ours(() => {
    const policy = timeout('10s');
    return () => policy.execute(operation);
  }),
  'cockatiel, abortOnReturn off': peer(() => {
    const policy = cockatielTimeout(10_000, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false });
    return () => policy.execute(operation);
  }),
  'cockatiel, as it comes': peer(() => {
    const policy = cockatielTimeout(10_000, TimeoutStrategy.Aggressive);
    return () => policy.execute(operation);
  }),
};
