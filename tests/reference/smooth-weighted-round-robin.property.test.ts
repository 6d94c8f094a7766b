import { LoadBalancer, weightedRoundRobin } from 'breakwater/load-balancer';
import { expect, it } from 'vitest';
import { SmoothWeightedRoundRobin } from '../../reference/smooth-weighted-round-robin.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

it.each(SEEDS)('weightedRoundRobin picks the node that its reference picks in 1,000 turns (seed %i)', (seed) => {
  const draw = new Draw(seed);
  const maxWeight = draw.from([1, 3, 100]);
  const weights = new Map(
    Array.from({ length: draw.integer(1, 20) }, (_, index) => [`node-${index}`, draw.integer(1, maxWeight)]),
  );
  const nodes = Array.from(weights, ([node, weight]) => ({ node, weight }));
  const balancer = new LoadBalancer(nodes, { pick: weightedRoundRobin() });
  const reference = new SmoothWeightedRoundRobin(weights);
  for (let turn = 1; turn <= STEPS; turn++) {
    const lease = balancer.acquire();
    lease.release();
    expect(lease.node, `turn ${turn}`).toBe(reference.pick());
  }
});
