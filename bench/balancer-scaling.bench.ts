import {
  consistentHash,
  LoadBalancer,
  leastConnections,
  leastResponseTime,
  type PickerFactory,
  powerOfTwoChoices,
  randomPick,
  resourceBased,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater';
import { type Bench, type Candidate, floor, ours, type Prepare } from './bench.js';

const CALLS = 64;
const OK = { ok: true, value: undefined } as const;
const KEYS = Array.from({ length: 1024 }, (_, index) => `user:${index}`);

const pickers: Readonly<Record<string, () => PickerFactory>> = {
  roundRobin,
  weightedRoundRobin,
  leastConnections,
  weightedLeastConnections,
  leastResponseTime,
  randomPick,
  powerOfTwoChoices: () => powerOfTwoChoices(),
  'powerOfTwoChoices by latency': () => powerOfTwoChoices({ by: 'latency' }),
  resourceBased: () =>
    resourceBased((node) => ({ utilization: node.length / 20, callsPerSecond: 100 }), { blackout: 0 }),
  consistentHash: () => consistentHash({ virtualNodes: 20 }),
  'consistentHash, bounded': () => consistentHash({ virtualNodes: 20, boundedLoad: 1.25 }),
};

/** Leases of nodes of five weights, 64 in flight. With slow start, one node is starting all the time. */
const leases =
  (pick: () => PickerFactory, count: number, isStarting: boolean): Prepare =>
  () => {
    const nodes = Array.from({ length: count }, (_, index) => ({ node: `node-${index}`, weight: 1 + (index % 5) }));
    const balancer = new LoadBalancer(nodes, { pick: pick(), slowStart: isStarting ? '24h' : undefined });
    if (isStarting) balancer.setNodes([...nodes, 'new']);
    const inFlight = Array.from({ length: 64 }, () => balancer.acquire({ key: 'first' }));
    let next = 0;
    return async () => {
      for (let call = 0; call < CALLS; call++) {
        inFlight[call]!.release(OK);
        inFlight[call] = balancer.acquire({ key: KEYS[next++ & 1023] });
      }
      return inFlight;
    };
  };

const clockReads: Prepare = () => async () => {
  let sum = 0;
  for (let call = 0; call < CALLS; call++) sum += performance.now() - performance.now();
  return sum;
};

const candidates: Record<string, Candidate<Prepare>> = { 'two clock reads': floor(clockReads) };
for (const [name, pick] of Object.entries(pickers)) {
  for (const isStarting of [false, true]) {
    for (const count of [10, 1_000, 10_000]) {
      candidates[`${name}, ${count} nodes${isStarting ? ', slow start' : ''}`] = ours(leases(pick, count, isStarting));
    }
  }
}

/** How a lease grows with the number of nodes: O(log n) or O(1) for every picker. */
export const bench: Bench = { unit: 'lease', perUse: CALLS, candidates };
