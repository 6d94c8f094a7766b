/** Rendezvous hashing, jump hash and Maglev. */
import { HashRing, jumpHash, MaglevTable, murmur3, Rendezvous } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';
import { fillTable } from '../../src/hash-ring/maglev-table.js';
import { checkCircle } from '../../src/hash-ring/ring-points.js';
import { vectors } from './vectors.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `node-${i}`);

/** The number of keys per node. */
function countsOf(placement: { get(key: number): string | undefined }, keys = 100_000): Map<string, number> {
  const counts = new Map<string, number>();
  for (let key = 0; key < keys; key++) counts.set(placement.get(key)!, (counts.get(placement.get(key)!) ?? 0) + 1);
  return counts;
}

describe.each([
  ['Rendezvous', Rendezvous, 2264760738],
  ['MaglevTable', MaglevTable, 146778722],
] as const)('%s', (name, Kind, golden) => {
  it('keys keep their recorded placement', () => {
    const placement = new Kind([...names(9), { node: 'heavy', weight: 2.5 }], { seed: 7 });
    expect(murmur3(vectors.keys.map((key) => placement.get(key)).join())).toBe(golden);
  });

  it('the order of the nodes does not change the placement', () => {
    const [one, other] = [new Kind(names(9)), new Kind(names(9).reverse())];
    for (const key of vectors.keys) expect(other.get(key)).toBe(one.get(key));
  });

  it('keys are distributed in proportion to the weights', () => {
    const equal = countsOf(new Kind(names(10)));
    for (const node of names(10)) expect(Math.abs(equal.get(node)! / 10_000 - 1)).toBeLessThan(0.04);
    const weighted = countsOf(new Kind([1, 2, 3, 4].map((weight) => ({ node: `w${weight}`, weight }))));
    for (const weight of [1, 2, 3, 4]) {
      expect(Math.abs(weighted.get(`w${weight}`)! / (10_000 * weight) - 1)).toBeLessThan(0.04);
    }
  });

  it('getMany returns distinct nodes that start with get(key), and a shorter list is a prefix of a longer list', () => {
    const placement = new Kind([...names(6), { node: 'twice', weight: 2 }, { node: 'never', weight: 0 }]);
    for (const key of vectors.keys.slice(0, 100)) {
      const all = placement.getMany(key, Infinity);
      expect([all.length, new Set(all).size, all[0]]).toEqual([7, 7, placement.get(key)]);
      for (const count of [0, 1, 3, 99]) expect(placement.getMany(key, count)).toEqual(all.slice(0, count));
    }
    expect(() => placement.getMany('a', -1)).toThrow(/"count"/);
  });

  it('nodes without weight are members and own no keys', () => {
    const placement = new Kind(['b', { node: 'a', weight: 0 }, 'b']);
    expect([placement.nodes, placement.size, placement.has('a'), placement.has('c')]).toEqual([
      ['a', 'b'],
      2,
      true,
      false,
    ]);
    expect([placement.weightOf('a'), placement.weightOf('b'), placement.weightOf('c')]).toEqual([0, 1, undefined]);
    expect([...countsOf(placement, 100).keys()]).toEqual(['b']);
    for (const empty of [new Kind([]), new Kind([{ node: 'a', weight: 0 }])]) {
      expect([empty.get('x'), empty.getMany('x', 2)]).toEqual([undefined, []]);
    }
  });

  it('numbers, bigints, strings and bytes are valid keys', () => {
    const placement = new Kind(names(50));
    expect([placement.get(123), placement.get(123n)]).toEqual([placement.get('123'), placement.get('123')]);
    expect(placement.get(new TextEncoder().encode('日本語'))).toBe(placement.get('日本語'));
    expect(() => placement.get(null as never)).toThrow(/must be a string or a Uint8Array/);
  });

  it('invalid nodes and options are rejected', () => {
    expect(() => new Kind([{ node: 'a', weight: -1 }])).toThrow(/"weight" must be a finite number ≥ 0/);
    expect(() => new Kind(['a'], { seed: 1.5 })).toThrow(/"seed" must be an integer/);
    expect(() => new Kind(['a'], { sed: 1 } as never)).toThrow(`${name}: "sed" is unknown (did you mean "seed"?)`);
    expect(() => new Kind(7 as never)).toThrow(/"nodes" must be a list/);
  });
});

describe('Rendezvous', () => {
  it('keys move only to or from a node that is added, removed or changed', () => {
    const heavier = [...names(7), { node: 'node-7', weight: 3 }];
    const before = new Rendezvous(names(8));
    for (const key of vectors.keys) {
      const [now, less, more] = [before.get(key), new Rendezvous(names(7)).get(key), new Rendezvous(heavier).get(key)];
      if (now !== 'node-7') expect(less).toBe(now);
      if (more !== 'node-7') expect(more).toBe(now);
    }
  });

  it('the remaining replicas keep their order', () => {
    const [before, after] = [new Rendezvous(names(8)), new Rendezvous(names(7))];
    for (const key of vectors.keys.slice(0, 200)) {
      expect(after.getMany(key, 7)).toEqual(before.getMany(key, 8).filter((node) => node !== 'node-7'));
    }
  });
});

describe('MaglevTable', () => {
  it.each(Object.entries(vectors.maglev_vectors).filter(([name]) => name !== 'note'))(
    'fillTable fills the table of the Maglev paper: %s',
    (_name, { offset_skip, weights, table }) => {
      const orders = offset_skip.map(([offset, skip], i) => ({ offset, skip, weight: weights?.[i] ?? 1 }));
      expect([...fillTable(orders, 7)]).toEqual(table);
    },
  );

  it('few keys move between the remaining nodes', () => {
    const [before, after] = [new MaglevTable(names(100)), new MaglevTable(names(99))];
    let moved = 0;
    for (let key = 0; key < 20_000; key++) {
      if (before.get(key) !== 'node-99' && before.get(key) !== after.get(key)) moved++;
    }
    expect(moved / 20_000).toBeLessThan(0.02);
  });

  it('a table can have as many nodes as slots and rejects more', () => {
    const table = new MaglevTable(names(7), { size: 7 });
    expect(new Set(Array.from({ length: 1000 }, (_, key) => table.get(key))).size).toBe(7);
    expect(() => new MaglevTable(names(8), { size: 7 })).toThrow(/"size" must be at least the number of nodes, 8/);
  });

  it('a node of very small weight has one slot', () => {
    const table = new MaglevTable([{ node: 'light', weight: 1e-300 }, 'heavy'], { size: 101 });
    expect(countsOf(table, 10_000).get('light')! / 10_000).toBeCloseTo(1 / 101, 2.5);
  });

  it.each([0, 1, 4, 9, 65536, 2 ** 25, 7.5])('MaglevTable rejects a size of %s', (size) => {
    expect(() => new MaglevTable(['a'], { size })).toThrow(/"size" must be (an integer|a prime number)/);
  });
});

describe('jumpHash', () => {
  it.each(vectors.jump_vectors.v)(
    'jumpHash equals Guava and the paper: the key %s in %s buckets maps to %s',
    (key, buckets, bucket) => {
      expect(jumpHash(BigInt(key), buckets)).toBe(bucket);
      if (Number.isSafeInteger(Number(key))) expect(jumpHash(Number(key), buckets)).toBe(bucket);
    },
  );

  it('jumpHash equals the algorithm of the paper in bigint arithmetic', () => {
    const naive = (start: bigint, buckets: number) => {
      let [key, bucket, next] = [start, -1, 0];
      while (next < buckets) {
        bucket = next;
        key = (key * 2862933555777941757n + 1n) & 0xffffffffffffffffn;
        next = Math.floor((bucket + 1) * (2 ** 31 / (Number(key >> 33n) + 1)));
      }
      return bucket;
    };
    for (let i = 0n; i < 3000n; i++) {
      const key = (i * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
      expect(jumpHash(key, 1 + Number(i % 1000n))).toBe(naive(key, 1 + Number(i % 1000n)));
    }
    // The lower half of this key times the multiplier is all ones, so that adding 1 carries into the higher half.
    const carrying = 0x666313abn;
    expect(jumpHash(carrying, 2 ** 31 - 1)).toBe(naive(carrying, 2 ** 31 - 1));
  });

  it('keys move only to the new bucket', () => {
    for (const key of vectors.keys) {
      for (const buckets of [1, 2, 9, 100]) {
        const [before, after] = [jumpHash(key, buckets), jumpHash(key, buckets + 1)];
        if (after !== before) expect(after).toBe(buckets);
      }
    }
  });

  it('keys are distributed evenly, including strings', () => {
    const counts = new Uint32Array(10);
    for (let i = 0; i < 50_000; i++) counts[jumpHash(`key-${i}`, 10)]!++;
    for (const count of counts) expect(Math.abs(count / 5000 - 1)).toBeLessThan(0.05);
  });

  it("a negative bigint is hashed as its two's complement", () => {
    expect(jumpHash(-1n, 1000)).toBe(jumpHash(0xffff_ffff_ffff_ffffn, 1000));
  });

  it.each([0, -1, 1.5, NaN, 2 ** 31, '3'])('jumpHash rejects %s as a number of buckets', (buckets) => {
    expect(() => jumpHash(1, buckets as never)).toThrow(/"buckets" must be an integer ≥ 1 and at most 2147483647/);
  });

  it.each([-1, 1.5, NaN, 2 ** 53, undefined, {}])('jumpHash rejects the key %s', (key) => {
    expect(() => jumpHash(key as never, 3)).toThrow(/"key" must be a string, a bigint or an integer/);
  });
});

describe('A ring that is too large', () => {
  it('a ring is rejected by its number of nodes and points before memory is allocated', () => {
    expect(() => checkCircle('HashRing', 2 ** 21, 2 ** 30)).not.toThrow();
    expect(() => checkCircle('HashRing', 2 ** 21 + 1, 2 ** 21 + 1)).toThrow(
      'HashRing: "nodes" must be at most 2097152 with a weight above 0, got 2097153',
    );
    expect(() => checkCircle('HashRing', 100, 2 ** 30 + 1)).toThrow(
      'HashRing: "nodes" must have at most 1073741824 points in all, got 1073741825',
    );
  });

  it('a ring is rejected at construction and at add', () => {
    const heavy = Array.from({ length: 65 }, (_, n) => ({ node: `n${n}`, weight: 256 }));
    expect(() => new HashRing(heavy, { virtualNodes: 65_536 })).toThrow('must have at most 1073741824 points in all');
    const points = Object.defineProperty(new HashRing(['a']), '~ring', {
      value: { nodes: { length: 2 ** 21 }, size: 2 ** 21, rankOf: () => 0 },
    });
    expect(() => points.add('b')).toThrow('"nodes" must be at most 2097152 with a weight above 0, got 2097153');
  });
});

it('the statistics of a ring of 200,000 nodes can be computed', () => {
  const ring = new HashRing(names(200_000), { virtualNodes: 1 });
  expect(ring.stats().peakToMean).toBeGreaterThan(1);
});
