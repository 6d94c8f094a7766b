import { murmur3, Rendezvous } from 'breakwater/hash-ring';
import { expect, it } from 'vitest';
import { rendezvous, rendezvousMany } from '../../reference/rendezvous.js';
import { mixed } from '../../src/hash-ring/murmur3.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** The number that a node draws for a key in `Rendezvous`. */
const hash = (key: string, node: string): number =>
  mixed((murmur3(key) ^ murmur3(`0:${node}`)) + murmur3(`1:${node}`)) >>> 0;

it.each(SEEDS)('Rendezvous finds the nodes that its reference finds for 1,000 random keys (seed %i)', (seed) => {
  const draw = new Draw(seed);
  const isWeighted = draw.chance(0.5);
  for (let step = 1; step <= STEPS / 10; step++) {
    const weights = Array.from(
      { length: draw.integer(0, 8) },
      () => [`node-${draw.integer(1, 20)}`, isWeighted ? draw.from([0.25, 1, 2, 10]) : 1] as const,
    );
    const nodes = new Map(weights);
    const placement = new Rendezvous(Array.from(nodes, ([node, weight]) => ({ node, weight })));
    for (let lookup = 1; lookup <= 10; lookup++) {
      const [key, count] = [`key-${draw.integer(1, 10_000)}`, draw.integer(0, 9)];
      const context = `step ${step}: ${key}, ${count} of ${JSON.stringify(weights)}`;
      expect(placement.get(key), context).toBe(rendezvous(key, nodes, hash));
      expect(placement.getMany(key, count), context).toEqual(rendezvousMany(key, count, nodes, hash));
    }
  }
});
