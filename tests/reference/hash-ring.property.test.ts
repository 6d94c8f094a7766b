import { HashRing, murmur3 } from 'breakwater/hash-ring';
import { expect, it } from 'vitest';
import { HashRing as Reference } from '../../reference/hash-ring.js';
import { mixed } from '../../src/hash-ring/murmur3.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** Puts the reference's points and keys where `HashRing` has them. */
function hashOf(text: string): number {
  const [, node, index] = /^(.*)#(\d+)$/.exec(text) ?? [];
  if (node === undefined) return mixed(murmur3(text)) >>> 0;
  return mixed((murmur3(`0:${node}`) + Math.imul(Number(index), murmur3(`1:${node}`) | 1)) | 0) >>> 0;
}

it.each(SEEDS)('HashRing finds the nodes that its reference finds after 1,000 random commands (seed %i)', (seed) => {
  const draw = new Draw(seed);
  const virtualNodes = draw.integer(1, 40);
  const ring = new HashRing([], { virtualNodes });
  const reference = new Reference(hashOf, virtualNodes);
  for (let step = 1; step <= STEPS; step++) {
    const node = `node-${draw.integer(1, 8)}`;
    const command = draw.from(['get', 'get', 'get', 'getMany', 'getMany', 'add', 'remove']);
    if (command === 'add') {
      const weight = draw.from([0.01, 0.5, 1, 1, 2]);
      ring.add(node, { weight });
      reference.add(node, weight);
    } else if (command === 'remove') {
      ring.remove(node);
      reference.remove(node);
    }
    const [key, count] = [`key-${draw.integer(1, 10_000)}`, draw.integer(0, 9)];
    expect(ring.get(key), `step ${step}: ${key}`).toBe(reference.get(key));
    expect(ring.getMany(key, count), `step ${step}: ${key}, ${count}`).toEqual(reference.getMany(key, count));
  }
});

it('HashRing puts two nodes whose points coincide in the order that its reference has, whichever came first', () => {
  const hash = (text: string) => (text.startsWith('key') ? 1 : 0); // all points in one place
  const reference = new Reference(hash, 2);
  const ring = new HashRing(['b', 'a'], { virtualNodes: 2, hash: () => 0 });
  for (const node of ['b', 'a']) reference.add(node);
  expect(ring.getMany('key', 2)).toEqual(reference.getMany('key', 2));
});

it('HashRing assigns a key whose hash is that of a point to the node of this point, as its reference does', () => {
  const reference = new Reference((text) => (text.startsWith('b') ? mixed(100) >>> 0 : 0), 1); // mixed(0) is 0
  const ring = new HashRing(['a', 'b'], { virtualNodes: 1, hash: (data) => (data === '0:b' ? 100 : 0) });
  for (const node of ['a', 'b']) reference.add(node);
  expect(ring.get('key')).toBe('a');
  expect(reference.get('key')).toBe('a');
});
