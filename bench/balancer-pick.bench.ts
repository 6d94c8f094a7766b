import {
  type BalancerNode,
  consistentHash,
  LoadBalancer,
  leastConnections,
  leastResponseTime,
  type PickerFactory,
  powerOfTwoChoices,
  randomPick,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater';
import { type Bench, floor, ours, type Prepare } from './bench.js';

const { BALANCER_NODES = '30' } = process.env;
const COUNT = Number(BALANCER_NODES);
if (!(Number.isInteger(COUNT) && COUNT > 0)) throw new Error(`BALANCER_NODES must be an integer: ${BALANCER_NODES}`);

const NAMES = Array.from({ length: COUNT }, (_, index) => `10.0.0.${index}:8080`);
const WEIGHTED: readonly BalancerNode[] = NAMES.map((node, index) => ({ node, weight: 1 + (index % 5) }));
const CALLS = 64;
const KEYS = Array.from({ length: CALLS }, (_, index) => `user:${index}`);
const OK = { ok: true, value: undefined } as const;

/** So many leases taken and given back with their outcome, eight at a time in flight. */
const leases =
  (pick: () => PickerFactory, nodes: readonly BalancerNode[] = NAMES): Prepare =>
  () => {
    const balancer = new LoadBalancer(nodes, { pick: pick() });
    const inFlight = Array.from({ length: 8 }, () => balancer.acquire({ key: 'first' }));
    return async () => {
      for (let call = 0; call < CALLS; call++) {
        inFlight[call & 7]!.release(OK);
        inFlight[call & 7] = balancer.acquire({ key: KEYS[call] });
      }
      return inFlight;
    };
  };

/** A node by an index that goes round: what everybody writes first. */
const byHand: Prepare = () => {
  let next = 0;
  return async () => {
    let node: string | undefined;
    for (let call = 0; call < CALLS; call++) node = NAMES[next++ % COUNT];
    return node;
  };
};

/** A node for a call, and what is learnt from its end: of 30 nodes, or `BALANCER_NODES=1000 npm run bench -- balancer`. */
export const bench: Bench = {
  unit: `lease, of ${COUNT} nodes`,
  perUse: CALLS,
  candidates: {
    'nodes[i++ % n]': floor(byHand),
    roundRobin: ours(leases(roundRobin)),
    weightedRoundRobin: ours(leases(weightedRoundRobin, WEIGHTED)),
    leastConnections: ours(leases(leastConnections)),
    weightedLeastConnections: ours(leases(weightedLeastConnections, WEIGHTED)),
    leastResponseTime: ours(leases(leastResponseTime)),
    randomPick: ours(leases(randomPick)),
    'randomPick, weighted': ours(leases(randomPick, WEIGHTED)),
    powerOfTwoChoices: ours(leases(() => powerOfTwoChoices())),
    'powerOfTwoChoices by latency': ours(leases(() => powerOfTwoChoices({ by: 'latency' }))),
    consistentHash: ours(leases(() => consistentHash())),
    'consistentHash, bounded': ours(leases(() => consistentHash({ boundedLoad: 1.25 }))),
  },
};
