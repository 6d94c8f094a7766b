import { HashRing, jumpHash, KetamaRing, murmur3, type Placement } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';

const KEYS = Array.from({ length: 2000 }, (_, index) => `key-${index}`);
const placedBy = (placement: Placement, keys: readonly string[] = KEYS) => keys.map((key) => placement.get(key));
const moved = (before: readonly unknown[], after: readonly unknown[]) =>
  before.filter((one, index) => one !== after[index]).length;

describe('Rings', () => {
  it('the smallest weight has at least one point on a HashRing, and no point on a KetamaRing', () => {
    const nodes = [{ node: 'tiny', weight: 1e-9 }, 'normal'];
    expect(new HashRing(nodes).stats().share.get('tiny')).toBeGreaterThan(0);
    const ketama = new KetamaRing([
      { node: 'tiny', weight: 1 },
      { node: 'normal', weight: 1000 },
    ]);
    expect([ketama.has('tiny'), ketama.stats().share.get('tiny')]).toEqual([true, 0]);
  });

  it('adding an existing node sets its new weight, and keys move only to that node', () => {
    const ring = new HashRing(['a', 'b', 'c']);
    const before = placedBy(ring);
    ring.add('a', { weight: 3 });
    const after = placedBy(ring);
    expect(ring.weightOf('a')).toBe(3);
    expect(moved(before, after)).toBeGreaterThan(0);
    for (const [index, node] of after.entries()) if (node !== before[index]) expect(node).toBe('a');
  });

  it('removing an unknown node returns false and changes nothing', () => {
    const ring = new HashRing(['a', 'b']);
    const before = JSON.stringify(ring);
    expect([ring.remove('c'), JSON.stringify(ring)]).toEqual([false, before]);
  });

  it('several nodes are removed one by one, and no key maps to them', () => {
    const ring = new HashRing(['a', 'b', 'c']);
    expect(['a', 'b'].map((node) => ring.remove(node))).toEqual([true, true]);
    expect([ring.nodes, new Set(placedBy(ring))]).toEqual([['c'], new Set(['c'])]);
  });

  it('removing and adding a node restores the same ring, even if all points collide', () => {
    for (const hash of [murmur3, () => 7]) {
      const ring = new HashRing(['a', 'b', 'c'], { hash });
      const before = placedBy(ring);
      ring.remove('b');
      expect(placedBy(ring)).not.toContain('b');
      ring.add('b');
      expect(placedBy(ring)).toEqual(before);
      expect(placedBy(new HashRing(['c', 'b', 'a'], { hash }))).toEqual(before);
    }
  });

  it('the same keys map to the same nodes in every process', () => {
    const ring = new HashRing(['cache-1', 'cache-2', 'cache-3']);
    expect(
      ['a', 'b', 'c', 'd', 'e', 'f', 'ż', '42'].map((key) => ring.get(key)?.at(-1)).join(''),
    ).toMatchInlineSnapshot(`"23232131"`);
  });

  it('replicas are in different zones as far as there are enough zones', () => {
    const ring = new HashRing(['a1', 'a2', 'a3', 'b1', 'c1']);
    const zoneOf = (node: string) => node[0];
    for (const key of KEYS.slice(0, 300)) {
      const nodes = ring.getMany(key, 5, { zoneOf });
      expect(new Set(nodes.slice(0, 3).map(zoneOf)).size).toBe(3);
      expect(new Set(nodes).size).toBe(5);
      expect(nodes[0]).toBe(ring.get(key));
    }
  });

  it('an iteration over nodes sees the ring as it was at its start', () => {
    const ring = new HashRing(['a', 'b', 'c']);
    const seen: string[] = [];
    for (const node of ring.nodes) {
      seen.push(node);
      ring.remove(node);
      ring.add(`${node}+`);
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(ring.nodes).toEqual(['a+', 'b+', 'c+']);
  });

  it('remove returns whether the node was a member, and add returns the ring', () => {
    const ring = new HashRing(['a', 'b']);
    expect([ring.remove('a'), ring.add('c').nodes]).toEqual([true, ['b', 'c']]);
  });

  it('an unknown option and a hash function that returns NaN are rejected', () => {
    expect(() => new KetamaRing(['a'], { compat: 'hashring', replicas: 5 } as never)).toThrow('"replicas" is unknown');
    expect(() => new HashRing(['a'], { hash: () => Number.NaN })).toThrow('"hash" must return a number');
  });

  it('the option "cache" is unknown, because a ring caches no keys', () => {
    expect(() => new HashRing(['a'], { cache: 0 } as never)).toThrow('"cache" is unknown');
  });

  it('a ring of ten thousand nodes balances its keys', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `node-${index}`);
    const ring = new HashRing(names);
    expect(new Set(placedBy(ring)).size).toBeGreaterThan(1500);
    expect(ring.stats().peakToMean).toBeLessThan(1.6);
  });

  it.each([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff])(
    'a key with hash %d maps to the node of the next point',
    (edge) => {
      // The hash of the names determines the points, and the hash of the key is the edge.
      const names = ['a', 'b', 'c'];
      const hash = (data: string | Uint8Array, seed?: number) =>
        typeof data === 'string' && data.startsWith('edge') ? edge : murmur3(data, seed);
      const ring = new HashRing(names, { hash, virtualNodes: 3 });
      const order = ring.getMany('edge', 3);
      expect(new Set(order).size).toBe(3);
      expect(ring.get('edge')).toBe(order[0]);
    },
  );

  it('jumpHash returns the right bucket for the smallest and the largest keys', () => {
    expect([jumpHash(0, 1), jumpHash(2n ** 64n - 1n, 1), jumpHash(2n ** 64n - 1n, 100)]).toEqual([0, 0, 92]);
    expect(() => jumpHash(1, 0)).toThrow('"buckets" must be an integer ≥ 1');
  });
});
