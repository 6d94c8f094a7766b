import { MaglevTable, murmur3 } from 'breakwater/hash-ring';
import { expect, it } from 'vitest';
import { MaglevTable as Reference } from '../../reference/maglev.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

const hash = (text: string): number => murmur3(text);

it.each(SEEDS)('MaglevTable finds the node that its reference finds for 1,000 random keys (seed %i)', (seed) => {
  const draw = new Draw(seed);
  for (let step = 1; step <= STEPS / 10; step++) {
    const size = draw.from([11, 101, 251]);
    const nodes = new Set(Array.from({ length: draw.integer(0, 9) }, () => `node-${draw.integer(1, 50)}`));
    const table = new MaglevTable(nodes, { size });
    const reference = new Reference(nodes, size, hash);
    for (let lookup = 1; lookup <= 10; lookup++) {
      const key = `key-${draw.integer(1, 10_000)}`;
      expect(table.get(key), `step ${step}: ${key} of ${[...nodes]}`).toBe(reference.get(key));
    }
  }
});
