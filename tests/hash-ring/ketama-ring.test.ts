import { KetamaRing } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';
import { vectors } from './vectors.js';

/** Lists that use MD5 and no own options of hashring. */
const lists = vectors.lists.filter(
  ({ algorithm, options }) => algorithm === 'md5' && Object.keys(options).length === 0,
);

const nodesOf = ({ servers, weights }: (typeof lists)[number]) =>
  servers.map((node, i) => ({ node, weight: weights?.[i] ?? 1 }));

describe.each(lists.map((list) => [list.name, list] as const))('The list %s', (_name, list) => {
  it('KetamaRing places keys as hashring of npm does', () => {
    const ring = new KetamaRing(nodesOf(list), { compat: 'hashring' });
    expect(vectors.keys.map((key) => list.servers.indexOf(ring.get(key)!))).toEqual(list.hashring);
    const replicas = vectors.keys.slice(0, list.range3.length).map((key) => ring.getMany(key, 3));
    expect(replicas.map((nodes) => nodes.map((node) => list.servers.indexOf(node)))).toEqual(list.range3);
  });

  it.skipIf(list.libketama === null)('KetamaRing places keys as libketama does', () => {
    const ring = new KetamaRing(nodesOf(list).reverse());
    const expected = list.libketama === 'same' ? list.hashring : list.libketama;
    expect(vectors.keys.map((key) => list.servers.indexOf(ring.get(key)!))).toEqual(expected);
  });
});

describe('KetamaRing', () => {
  it('the vectors contain both dialects, and lists in which the dialects differ', () => {
    expect(lists.length).toBeGreaterThanOrEqual(8);
    expect(lists.filter(({ libketama }) => Array.isArray(libketama)).length).toBeGreaterThanOrEqual(2);
  });

  it('a node without weight is a member and owns no keys', () => {
    const ring = new KetamaRing(['a', { node: 'b', weight: 0 }]);
    expect([ring.nodes, ring.size, ring.has('b'), ring.weightOf('b')]).toEqual([['a', 'b'], 2, true, 0]);
    expect(new Set(vectors.keys.map((key) => ring.get(key)))).toEqual(new Set(['a']));
  });

  it('a ring without nodes returns no node', () => {
    const ring = new KetamaRing([]);
    expect([ring.get('a'), ring.getMany('a', 2), ring.size]).toEqual([undefined, [], 0]);
  });

  it('diff reports the keys that move between the two dialects', () => {
    const nodes = Array.from({ length: 7 }, (_, i) => `10.0.0.${i + 1}:11211`);
    const { share } = new KetamaRing(nodes).diff(new KetamaRing(nodes, { compat: 'hashring' }));
    expect(share).toBeGreaterThan(0.01);
    expect(share).toBeLessThan(0.03); // 1.64 % of keys, as measured with the compiled libketama
  });

  it.each([
    [[1], /"node" must be a string/],
    [[{ node: 'a', weight: -1 }], /"weight" must be a finite number ≥ 0/],
    ['abc', /"nodes" must be a list of nodes/],
    [null, /"nodes" must be a list of nodes/],
  ])('KetamaRing rejects the nodes %j', (nodes, message) => {
    expect(() => new KetamaRing(nodes as never)).toThrow(message);
  });

  it('KetamaRing rejects an unknown dialect', () => {
    expect(() => new KetamaRing(['a'], { compat: 'twemproxy' as never })).toThrow(/"compat" must be one of/);
  });
});
