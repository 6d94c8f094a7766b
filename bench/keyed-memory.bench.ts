import { type CircuitBreakerOptions, circuitBreaker, keyed } from 'breakwater';
import CircuitBreaker from 'opossum';
import { type Bench, floor, operation, ours, peer } from './bench.js';
import { cockatiel, cockatielName } from './cockatiel.js';

const { ConsecutiveBreaker, handleAll } = cockatiel;
const consecutive = `Map of ${cockatielName} consecutive`;

/** Each key's string is part of the price, and each has seen a call. */
const keyOf = (i: number) => `key-${i}`;

const ourFamily = (options?: CircuitBreakerOptions) => async (count: number) => {
  const breakers = keyed(() => circuitBreaker(options), { maxKeys: count, idleFor: Infinity });
  for (let i = 0; i < count; i++) await breakers.execute(operation, { key: keyOf(i) });
  return breakers;
};

const mapOf =
  <P>(make: () => P, execute: (policy: P) => unknown) =>
  async (count: number) => {
    const byKey = new Map<string, P>();
    for (let i = 0; i < count; i++) {
      const policy = make();
      byKey.set(keyOf(i), policy);
      await execute(policy);
    }
    return byKey;
  };

export const bench: Bench = {
  measured: 'memory',
  unit: 'key',
  count: 1_000_000,
  candidates: {
    'Map of nothing': floor(
      mapOf(
        () => undefined,
        () => {},
      ),
    ),
    'ours, last 20 calls': { ...ours(ourFamily({ window: { calls: 20 } })), targets: { bytes: 600 } },
    'ours, time window': { ...ours(ourFamily()), targets: { bytes: 1000 } },
    [consecutive]: peer(
      mapOf(
        () => cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(5) }),
        (policy) => policy.execute(operation),
      ),
    ),
    'Map of opossum': {
      ...peer(
        mapOf(
          () => new CircuitBreaker(operation, { timeout: false, rollingPercentilesEnabled: false }),
          (breaker) => breaker.fire(),
        ),
      ),
      count: 10_000, // of a million, each would want its interval timer
    },
  },
  targets: { peers: { [consecutive]: 0.6 } },
};
