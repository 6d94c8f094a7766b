/**
 * A run that uses every part of the simulator, and a digest of its result: all bits of all numbers. The same constant is
 * expected on every runtime.
 */
import * as b from 'breakwater';
import * as s from 'breakwater/simulator';

/** The digest on every engine. */
export const EXPECTED_DIGEST = '222b0cd1af837416';

export async function digestOfSimulation(): Promise<string> {
  const result = await s.simulate({
    world: {
      api: s.server({
        workers: 2,
        service: s.logNormal({ median: '8ms', p99: '60ms' }),
        queue: { limit: 200, order: 'codel' },
        collapse: { knee: 20, factor: 0.5, power: 2 },
        startCost: { requests: 20, by: 2 },
        network: {
          latency: s.empirical([
            ['1ms', 5],
            ['5ms', 1],
          ]),
          loss: 0.002,
        },
      }),
      store: s.server({ workers: 8, service: s.exponential('5ms'), onAbandon: 'stop' }),
    },
    load: [
      s.poisson({
        perSecond: s.diurnal({ low: 20, high: 120, period: '10s' }),
        keys: s.zipf({ count: 100, exponent: 0.9 }),
      }),
      s.closed({ users: 2, thinkTime: s.uniform('10ms', '50ms'), tenant: 'worker' }),
    ],
    faults: [
      s.slow('api', 3, { at: '4s', for: '2s' }),
      s.error('store', 0.2, { at: '7s', for: '1s' }),
      s.stall({ at: '9s', for: '300ms' }),
      s.down('api', { at: '11s', for: '1s' }),
    ],
    duration: '15s',
    clients: 3,
    seed: 12,
    candidate: ({ clock, random, world }) => {
      const policy = b.pipeline(
        b.retry({ clock, random, budget: new b.RetryBudget({ clock }) }),
        b.circuitBreaker({ clock, random }),
        b.bulkhead({ clock, maxConcurrent: 20, maxQueue: 20, queueTimeout: '100ms' }),
        b.timeout({ duration: '150ms', clock }),
      );
      const load = (key: string) => world.store.send().then(() => key);
      const cache = b.loadingCache({ load, capacity: 50, ttl: '2s', ttlJitter: 0.3, clock, random });
      return async ({ key = '' }) => {
        await policy.execute((context) => world.api.send(context));
        return cache.get(key);
      };
    },
  });
  return digest(JSON.stringify(result));
}

/** FNV-1a in two 32-bit halves with different offsets. */
function digest(text: string): string {
  let [one, other] = [0x811c9dc5, 0x050c5d1f];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    one = Math.imul(one ^ code, 0x01000193);
    other = Math.imul(other ^ code, 0x01000193) + index;
  }
  return [one, other].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
