import { bulkhead } from 'breakwater';
import { admissionMiddleware } from 'breakwater/http-server';
import { adaptiveLimit } from 'breakwater/overload';
import { type Bench, floor, operation, ours, type Use } from './bench.js';
import { exchange } from './exchange.js';

const error = new Error('made before');

/** All slots are taken, for ever. */
function full(policy: { tryAcquire(): unknown; execute(operation: Use): Promise<unknown> }): Use {
  while (policy.tryAcquire() !== undefined);
  return () => policy.execute(operation);
}

/** A rejection must cost less than the work it saves, or rejecting is an overload of its own. */
export const bench: Bench = {
  unit: 'rejection',
  rejects: true,
  candidates: {
    'await Promise.reject(error)': floor(() => () => Promise.reject(error)),
    bulkhead: ours(() => full(bulkhead({ maxConcurrent: 10 }))),
    'adaptive limit': ours(() => full(adaptiveLimit())),
    'admission, too late': ours(() => {
      const middleware = admissionMiddleware({ deadline: { margin: '50ms' } });
      return () => exchange(middleware, { 'x-envoy-expected-rq-timeout-ms': '20' });
    }),
    'admission, no permit': ours(() => {
      const middleware = admissionMiddleware({ limit: { tryAcquire: () => undefined } });
      return () => exchange(middleware, {});
    }),
  },
  targets: { ns: 600 },
};
