import { type Lease, LoadBalancer, powerOfTwoChoices } from 'breakwater/load-balancer';
import { seededRandom } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { PowerOfTwoChoices } from '../../reference/power-of-two-choices.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

it.each(SEEDS)('powerOfTwoChoices picks the node that its reference picks in 1,000 random steps (seed %i)', (seed) => {
  const draw = new Draw(seed);
  const names = Array.from({ length: draw.integer(1, 20) }, (_, index) => `node-${index}`);
  const balancer = new LoadBalancer(names, { pick: powerOfTwoChoices(), random: seededRandom(seed) });
  const reference = new PowerOfTwoChoices(names, seededRandom(seed));
  const held: { readonly lease: Lease; readonly release: () => void }[] = [];
  for (let step = 1; step <= STEPS; step++) {
    if (held.length > 0 && draw.chance(0.45)) {
      const [ended] = held.splice(draw.integer(0, held.length - 1), 1);
      ended!.lease.release();
      ended!.release();
      continue;
    }
    const lease = balancer.acquire();
    const { node, release } = reference.acquire();
    expect(lease.node, `step ${step}`).toBe(node);
    held.push({ lease, release });
  }
});
