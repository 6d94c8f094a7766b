/** No call and no request of a simulation is lost or counted twice, whatever the scenario. */
import { bulkhead, circuitBreaker, fallback, pipeline, retry, timeout } from 'breakwater';
import {
  type CandidateKit,
  closed,
  exponential,
  type FaultPlan,
  poisson,
  type SimulationResult,
  server,
  simulate,
} from 'breakwater/simulator';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const serverOptions = fc.record({
  workers: fc.constantFrom(1, 2, 5, Infinity),
  queue: fc.record({ limit: fc.constantFrom(0, 3, Infinity), order: fc.constantFrom('fifo', 'lifo', 'codel') }),
  onAbandon: fc.constantFrom('continue', 'stop'),
  network: fc.constantFrom(undefined, { latency: exponential('5ms') }, { loss: 0.1 }, { latency: '2ms', loss: 0.05 }),
  rejectCost: fc.constantFrom(0, '2ms'),
  collapse: fc.constantFrom(undefined, { knee: 3, factor: 2, power: 2 }),
  startCost: fc.constantFrom(undefined, { requests: 5, by: 4 }),
}) as fc.Arbitrary<object>;

const fault = fc.record({
  kind: fc.constantFrom('slow', 'down', 'error', 'hang', 'drop', 'partition', 'flush', 'stall'),
  share: fc.constantFrom(0.2, 1),
});

/** Faults one after the other, of a second each. */
const plans = fc.array(fault, { maxLength: 4 }).map((faults) =>
  faults.map(({ kind, share }, index) => ({
    kind,
    at: 500 + index * 1000,
    ...(kind === 'flush' ? {} : { for: 800 }),
    ...(['error', 'hang', 'drop', 'partition'].includes(kind) ? { share } : {}),
  })),
) as fc.Arbitrary<FaultPlan>;

type Kit = CandidateKit<{ api: ReturnType<typeof server> }>;

const candidates = {
  bare:
    ({ world }: Kit) =>
    () =>
      world.api.send(),
  timeout: ({ clock }: Kit) => timeout({ duration: '100ms', clock }),
  all: ({ clock, random }: Kit) =>
    pipeline(
      fallback(0),
      timeout({ duration: '1s', clock }),
      retry({ clock, random }),
      circuitBreaker({ clock, random, openFor: '300ms' }),
      bulkhead({ clock, maxConcurrent: 4, maxQueue: 4, queueTimeout: '50ms' }),
      timeout({ duration: '100ms', clock }),
    ),
  twice:
    ({ world }: Kit) =>
    async (call: object) => {
      await world.api.send(call);
      return world.api.send(call);
    },
};

const scenario = fc.record({
  options: serverOptions,
  faults: plans,
  load: fc.constantFrom(
    poisson({ perSecond: 80, tenant: 'a' }),
    [poisson({ perSecond: 40, tenant: 'a' }), poisson({ perSecond: 100, tenant: 'b' })],
    closed({ users: 8, thinkTime: exponential('20ms'), tenant: 'c' }),
  ),
  candidate: fc.constantFrom(...Object.values(candidates)),
  clients: fc.constantFrom(1, 3),
  seed: fc.integer({ min: 0, max: 2 ** 21 - 1 }),
});

const options = ({ options: serverFields, ...rest }: typeof scenario extends fc.Arbitrary<infer T> ? T : never) => ({
  ...rest,
  world: { api: server({ service: exponential('15ms'), ...serverFields }) },
  duration: '5s' as const,
});

/** The sum of a field of several objects. */
const total = <K extends string>(rows: Iterable<Readonly<Record<K, number>>>, field: K): number =>
  [...rows].reduce((sum, row) => sum + row[field], 0);

function expectConserved(result: SimulationResult): void {
  const { offered, good, bad, refused, pending, series, tenants, attempts, servers } = result;
  expect(good + bad + refused + pending).toBe(offered);
  for (const row of series) expect(row.good + row.bad + row.refused + row.pending).toBe(row.offered);
  for (const field of ['offered', 'good', 'bad', 'refused'] as const) {
    expect(total(series, field)).toBe(result[field]);
    expect(total(Object.values(tenants), field)).toBe(result[field]);
  }
  const { api } = servers;
  const ends = [
    'lost',
    'refused',
    'reset',
    'rejected',
    'served',
    'failed',
    'hung',
    'dropped',
    'queued',
    'running',
  ] as const;
  expect(ends.reduce((sum, field) => sum + api![field], 0)).toBe(api!.sent);
  expect(api!.sent).toBe(attempts);
  expect(api!.wastedMs).toBeLessThanOrEqual(api!.busyMs + 1e-6);
}

it('every call and every request is in exactly one count, and the same seed has the same result', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (drawn) => {
      const result = await simulate(options(drawn));
      expectConserved(result);
      expect(JSON.stringify(await simulate(options(drawn)))).toBe(JSON.stringify(result));
    }),
    { numRuns: runs(60) },
  );
});
