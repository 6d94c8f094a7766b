import { circuitBreaker, keyed } from 'breakwater';
import CircuitBreaker from 'opossum';
import { type Bench, bareOperation, operation, ours, peer, type Use } from './bench.js';
import { cockatiel, cockatielName } from './cockatiel.js';

const { ConsecutiveBreaker, handleAll, SamplingBreaker } = cockatiel;

const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i}`);

/** One key after the other. Each has been used once before, so that what is made for a new key is no part of it. */
async function inTurns(call: (key: string) => Promise<unknown>): Promise<Use> {
  for (const key of keys) await call(key);
  let next = 0;
  return () => {
    next = (next + 1) % keys.length;
    return call(keys[next]!);
  };
}

/** What one writes where there is no `keyed`. It has no bound, and forgets nothing. */
function inMap<P>(make: () => P, execute: (policy: P) => Promise<unknown>): Promise<Use> {
  const byKey = new Map<string, P>();
  return inTurns((key) => {
    let policy = byKey.get(key);
    if (policy === undefined) {
      policy = make();
      byKey.set(key, policy);
    }
    return execute(policy);
  });
}

/** Circuit breakers for a thousand keys, all in use. */
export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    'ours, time window': ours(() => {
      const breakers = keyed(() => circuitBreaker());
      return inTurns((key) => breakers.execute(operation, { key }));
    }),
    'ours, count window': ours(() => {
      const breakers = keyed(() => circuitBreaker({ window: { calls: 100 } }));
      return inTurns((key) => breakers.execute(operation, { key }));
    }),
    [`Map of ${cockatielName} sampling`]: peer(() =>
      inMap(
        () => {
          const breaker = new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 });
          return cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker });
        },
        (policy) => policy.execute(operation),
      ),
    ),
    [`Map of ${cockatielName} consecutive`]: peer(() =>
      inMap(
        () => cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(5) }),
        (policy) => policy.execute(operation),
      ),
    ),
    'Map of opossum, no timeout': peer(() =>
      inMap(
        () => new CircuitBreaker(operation, { timeout: false, rollingPercentilesEnabled: false }),
        (breaker) => breaker.fire(),
      ),
    ),
  },
  targets: { floor: 5.5 },
};
