import { fnv1a, HashRing, KetamaRing, murmur3, sipHash13 } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';
import { vectors } from './vectors.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `node-${i}`);
const placed = (ring: HashRing) => vectors.keys.map((key) => ring.get(key));

describe('HashRing', () => {
  it('keys keep the placement of layout 1', () => {
    const ring = new HashRing([...names(9), { node: 'heavy', weight: 2.5 }], { seed: 7 });
    const golden = ['', 'a', 'user:7', 'é', '日本語', 'key-0', 'key-1', 'key-2'].map((key) => ring.get(key));
    expect(golden).toMatchInlineSnapshot(`
      [
        "node-6",
        "node-5",
        "node-6",
        "node-3",
        "node-1",
        "node-3",
        "node-4",
        "node-7",
      ]
    `);
    expect(murmur3(placed(ring).join())).toMatchInlineSnapshot(`1270102572`);
  });

  it('a key belongs to the node of the first point at or after its hash, and the ring wraps around', () => {
    const ring = new HashRing(names(5), { virtualNodes: 1 });
    expect([...ring.stats().share.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const counts = new Map<string, number>();
    for (let i = 0; i < 50_000; i++) counts.set(ring.get(i)!, (counts.get(ring.get(i)!) ?? 0) + 1);
    for (const [node, share] of ring.stats().share) expect((counts.get(node) ?? 0) / 50_000).toBeCloseTo(share, 1.7);
  });

  it('numbers and bigints are placed like their decimal strings, and bytes like the string of their UTF-8', () => {
    const ring = new HashRing(names(50));
    expect(ring.get(123)).toBe(ring.get('123'));
    expect(ring.get(123n)).toBe(ring.get('123'));
    expect(ring.get(new TextEncoder().encode('日本語'))).toBe(ring.get('日本語'));
    expect(() => ring.get({} as never)).toThrow(/must be a string or a Uint8Array/);
    expect(() => ring.get(undefined as never)).toThrow(/must be a string or a Uint8Array/);
  });

  it('nodes with any name receive keys, even if names are similar', () => {
    const odd = ['', 'a', 'a-1', 'a-1-1', 'a1', '[::1]:80', '10.0.0.1:80', '__proto__', 'constructor', 'é', 'e\u0301'];
    const ring = new HashRing(odd);
    const { share } = ring.stats();
    for (const node of odd) expect([node, share.get(node)! > 0.04 && share.get(node)! < 0.15]).toEqual([node, true]);
    expect(ring.has('toString')).toBe(false);
    expect(new HashRing(['__proto__']).get('constructor')).toBe('__proto__');
  });

  it('the keys are distributed as evenly as the number of points allows, also with a weak hash function', () => {
    for (const hash of [
      murmur3,
      fnv1a,
      (data: string | Uint8Array) => Number(sipHash13(data, new Uint8Array(16)) & 0xffffffffn),
    ]) {
      for (const count of [10, 100]) {
        const { cv, peakToMean } = new HashRing(names(count), { hash }).stats();
        expect(cv).toBeGreaterThan(0.03);
        expect(cv).toBeLessThan(0.12);
        expect(peakToMean).toBeLessThan(1.35);
      }
    }
    expect(new HashRing(names(10), { virtualNodes: 10_000 }).stats().cv).toBeLessThan(0.02);
    expect(new HashRing(['a']).stats()).toEqual({ share: new Map([['a', 1]]), peakToMean: 1, cv: 0 });
    expect(new HashRing().stats()).toEqual({ share: new Map(), peakToMean: 1, cv: 0 });
  });

  it('the share of a node is proportional to its weight', () => {
    const ring = new HashRing([{ node: 'a', weight: 1 }, { node: 'b', weight: 2 }, { node: 'c', weight: 0 }, 'd'], {
      virtualNodes: 2000,
    });
    const { share, cv } = ring.stats();
    expect([share.get('a')!, share.get('b')!, share.get('c')!, share.get('d')!]).toEqual([
      expect.closeTo(0.25, 1.5),
      expect.closeTo(0.5, 1.5),
      0,
      expect.closeTo(0.25, 1.5),
    ]);
    expect(cv).toBeLessThan(0.05);
    expect([ring.has('c'), ring.weightOf('c'), ring.weightOf('e'), ring.nodes]).toEqual([
      true,
      0,
      undefined,
      ['a', 'b', 'c', 'd'],
    ]);
  });

  it('a node of very small weight has at least one point', () => {
    const ring = new HashRing([{ node: 'light', weight: 1e-9 }, 'heavy']);
    expect(ring.stats().share.get('light')).toBeGreaterThan(0);
  });

  it('a node that is given twice counts once, with the last weight', () => {
    const ring = new HashRing(['a', 'a', { node: 'b', weight: 3 }, 'b']);
    expect(ring.toJSON()).toEqual(new HashRing(['a', 'b']).toJSON());
    expect(placed(ring)).toEqual(placed(new HashRing(['b', 'a'])));
  });

  it('a ring without nodes or with only weightless nodes returns no node', () => {
    for (const ring of [new HashRing(), new HashRing([{ node: 'a', weight: 0 }])]) {
      expect([ring.get('a'), ring.getMany('a', 3)]).toEqual([undefined, []]);
    }
    const ring = new HashRing(['a']);
    expect([ring.remove('a'), ring.get('a'), ring.size]).toEqual([true, undefined, 0]);
    expect(ring.add('b').get('a')).toBe('b');
  });

  it('an iteration over the nodes sees the ring as it was at the start', () => {
    const ring = new HashRing(names(5));
    const seen: string[] = [];
    for (const node of ring.nodes) {
      ring.remove(node);
      seen.push(node);
    }
    expect([seen, ring.size]).toEqual([names(5), 0]);
  });

  it('a hash function that returns one value for all points orders the nodes by name', () => {
    const ring = new HashRing(['c', 'a', 'b'], { hash: () => 42 });
    expect([ring.get('x'), ring.getMany('x', 3)]).toEqual(['a', ['a', 'b', 'c']]);
    ring.remove('a');
    expect(ring.get('x')).toBe('b');
    expect(ring.add('a').getMany('x', 9)).toEqual(['a', 'b', 'c']);
  });

  it('a ring of ten thousand nodes can be changed and read', () => {
    const ring = new HashRing(names(10_000));
    expect(ring.size).toBe(10_000);
    expect(ring.getMany('a', 3).length).toBe(3);
    expect(ring.remove('node-77')).toBe(true);
    expect(ring.add('node-77').toJSON().nodes.length).toBe(10_000);
  });
});

describe('HashRing.add and remove', () => {
  it('changes of a ring lead to the same ring as its construction', () => {
    const ring = new HashRing(names(20));
    ring.remove('node-3');
    ring.add('late').add('node-3', { weight: 2 }).add('late', { weight: 0.5 });
    const rebuilt = new HashRing([
      { node: 'late', weight: 0.5 },
      { node: 'node-3', weight: 2 },
      ...names(20).filter((node) => node !== 'node-3'),
    ]);
    expect(ring.toJSON()).toEqual(rebuilt.toJSON());
    expect(ring.diff(rebuilt)).toEqual({ share: 0, moves: [] });
    expect(placed(ring)).toEqual(placed(rebuilt));
  });

  it('keys move only to an added node and only from a removed node', () => {
    const before = new HashRing(names(10));
    const more = new HashRing([...names(10), 'new']);
    const moved = before.diff(more);
    expect(new Set(moved.moves.map(({ to }) => to))).toEqual(new Set(['new']));
    expect(moved.share).toBeCloseTo(more.stats().share.get('new')!, 12);
    expect(moved.moves.length).toBe(10);
    expect(moved.moves).toEqual(moved.moves.toSorted((a, b) => b.share - a.share));
    const back = more.diff(before);
    expect(new Set(back.moves.map(({ from }) => from))).toEqual(new Set(['new']));
    expect(back.share).toBeCloseTo(moved.share, 12);
  });

  it('keys move only to or from a node whose weight changes', () => {
    const ring = new HashRing(names(10));
    const heavier = new HashRing(names(10)).add('node-4', { weight: 2 });
    expect(new Set(ring.diff(heavier).moves.map(({ to }) => to))).toEqual(new Set(['node-4']));
    const without = new HashRing(names(10)).add('node-4', { weight: 0 });
    expect(new Set(ring.diff(without).moves.map(({ from }) => from))).toEqual(new Set(['node-4']));
    expect(without.has('node-4')).toBe(true);
  });

  it('remove returns whether the node was a member, and add of an existing node changes nothing', () => {
    const ring = new HashRing(['a']);
    const before = ring.toJSON();
    expect([ring.remove('b'), ring.add('a'), ring.toJSON()]).toEqual([false, ring, before]);
  });
});

describe('HashRing.addAll and removeAll', () => {
  const placesOf = (ring: HashRing) => Array.from({ length: 500 }, (_, key) => ring.getMany(`key-${key}`, 3));
  const changes = ['late', { node: 'node-3', weight: 2 }, { node: 'idle', weight: 0 }, { node: 'node-5', weight: 0 }];

  it('addAll builds the same ring as add for each node', () => {
    const one = new HashRing(names(10));
    for (const change of changes) {
      if (typeof change === 'string') one.add(change);
      else one.add(change.node, { weight: change.weight });
    }
    const all = new HashRing(names(10));
    expect(all.addAll(new Set(changes).values())).toBe(all);
    expect(all.toJSON()).toEqual(one.toJSON());
    expect(placesOf(all)).toEqual(placesOf(one));
    expect(all.diff(HashRing.fromJSON(one.toJSON())).share).toBe(0);
  });

  it('the last of several entries for one node in addAll counts', () => {
    const ring = new HashRing(['a']).addAll(['b', { node: 'b', weight: 3 }, 'a']);
    expect([ring.weightOf('b'), ring.size]).toEqual([3, 2]);
  });

  it.each<[string, unknown, string]>([
    ['a bad weight', ['c', { node: 'd', weight: -1 }], '"weight"'],
    ['a bad node', ['c', 7], '"node" must be a string'],
    ['a weight too large', ['c', { node: 'd', weight: 2 ** 30 }], '"weight" must be at most'],
    ['a string in place of a list', 'cd', '"nodes" must be a list of nodes, got "cd"'],
  ])('%s in addAll changes nothing', (_what, nodes, message) => {
    const ring = new HashRing(['a', 'b']);
    const before = placesOf(ring);
    expect(() => ring.addAll(nodes as never)).toThrow(message);
    expect(ring.nodes).toEqual(['a', 'b']);
    expect(placesOf(ring)).toEqual(before);
  });

  it('a hash function that throws in addAll changes nothing', () => {
    const hash = (data: string | Uint8Array, seed: number) => {
      if (String(data).endsWith(':d')) throw new Error('no hash');
      return murmur3(data, seed);
    };
    const ring = new HashRing(['a', 'b'], { hash });
    expect(() => ring.addAll(['c', 'd'])).toThrow('no hash');
    expect([ring.nodes, placesOf(ring)]).toEqual([['a', 'b'], placesOf(new HashRing(['a', 'b']))]);
  });

  it('removeAll removes the given nodes and returns the number of members among them', () => {
    const ring = new HashRing(names(10)).add('idle', { weight: 0 });
    expect(ring.removeAll(['node-3', 'node-3', 'unknown', 'idle', 'node-0'])).toBe(3);
    const stay = names(10).filter((node) => node !== 'node-3' && node !== 'node-0');
    expect(ring.nodes).toEqual(new HashRing(stay).nodes);
    expect(placesOf(ring)).toEqual(placesOf(new HashRing(stay)));
    expect(() => ring.removeAll('node-1' as never)).toThrow('"nodes" must be a list of nodes');
    expect(ring.has('node-1')).toBe(true);
  });

  it('addAll computes no points for nodes whose weight is unchanged', () => {
    let hashes = 0;
    const hash = (data: string | Uint8Array, seed: number) => {
      hashes++;
      return murmur3(data, seed);
    };
    const ring = new HashRing(names(10), { hash });
    const before = hashes;
    ring.addAll(names(10));
    expect(hashes).toBe(before);
    ring.addAll([...names(10), 'late']);
    expect(hashes).toBe(before + 2);
  });
});

describe('HashRing.getMany', () => {
  it('getMany returns every node once, and a shorter list is a prefix of a longer list, for few nodes and for many', () => {
    const ring = new HashRing(names(40));
    for (let key = 0; key < 50; key++) {
      const all = ring.getMany(`key-${key}`, Infinity);
      expect(new Set(all).size).toBe(40);
      for (const count of [1, 15, 16, 17, 39]) expect(ring.getMany(`key-${key}`, count)).toEqual(all.slice(0, count));
    }
  });

  const ring = new HashRing(names(12));

  it('getMany returns distinct nodes that start with get(key), and a shorter list is a prefix of a longer list', () => {
    for (const key of vectors.keys.slice(0, 100)) {
      const all = ring.getMany(key, Infinity);
      expect(new Set(all)).toEqual(new Set(ring.nodes));
      expect(all[0]).toBe(ring.get(key));
      for (const count of [0, 1, 2, 5, 12, 99]) expect(ring.getMany(key, count)).toEqual(all.slice(0, count));
    }
  });

  it('getMany with zoneOf returns nodes of different zones first', () => {
    const zoneOf = (node: string) => (node === 'node-0' ? undefined : `zone-${Number(node.slice(5)) % 3}`);
    for (const key of vectors.keys.slice(0, 100)) {
      const all = ring.getMany(key, 12, { zoneOf });
      expect(new Set(all).size).toBe(12);
      expect(all[0]).toBe(ring.get(key));
      expect(new Set(all.slice(0, 4).map(zoneOf)).size).toBe(4);
      expect(ring.getMany(key, 3, { zoneOf })).toEqual(all.slice(0, 3));
      expect(all.filter((node) => zoneOf(node) === 'zone-1')).toEqual(
        ring.getMany(key, 12).filter((node) => zoneOf(node) === 'zone-1'),
      );
    }
  });

  it.each([-1, 1.5, NaN, '3'])('getMany rejects a count of %s', (count) => {
    expect(() => ring.getMany('a', count as never)).toThrow(/"count" must be an integer ≥ 0/);
  });

  it('getMany rejects unknown and invalid options', () => {
    expect(() => ring.getMany('a', 1, { zone: 1 } as never)).toThrow(/did you mean "zoneOf"/);
    expect(() => ring.getMany('a', 1, { zoneOf: 1 } as never)).toThrow(/"zoneOf" must be a function/);
  });
});

describe('HashRing.toJSON', () => {
  it('toJSON contains everything except the hash function', () => {
    const ring = new HashRing([{ node: 'b', weight: 2 }, 'a'], { virtualNodes: 50, seed: 3 });
    const json = JSON.parse(JSON.stringify(ring));
    expect(json).toEqual({
      layout: 1,
      virtualNodes: 50,
      seed: 3,
      nodes: [
        { node: 'a', weight: 1 },
        { node: 'b', weight: 2 },
      ],
    });
    expect(HashRing.fromJSON(json).diff(ring)).toEqual({ share: 0, moves: [] });
    expect(HashRing.fromJSON(json, { hash: fnv1a }).toJSON()).toEqual(json);
  });

  it.each([null, undefined, {}, { layout: 2, nodes: [] }])('HashRing.fromJSON rejects %j', (json) => {
    expect(() => HashRing.fromJSON(json as never)).toThrow(/"json.layout" must be 1/);
  });
});

describe('Invalid arguments of HashRing', () => {
  it.each([
    [['a'], { virtualNodes: 0 }, /"virtualNodes" must be an integer ≥ 1/],
    [['a'], { virtualNodes: 1e9 }, /"virtualNodes" must be an integer ≥ 1 and at most 65536/],
    [['a'], { seed: -1 }, /"seed" must be an integer ≥ 0/],
    [['a'], { seed: 2 ** 32 }, /"seed" must be an integer/],
    [['a'], { hash: 'murmur3' }, /"hash" must be a function/],
    [['a'], { hash: () => 'abc' }, /"hash" must return a number/],
    [['a'], { hash: () => NaN }, /"hash" must return a number/],
    [['a'], { vnodes: 3 }, /"vnodes" is unknown \(did you mean "virtualNodes"\?\)/],
    ['abc', undefined, /"nodes" must be a list of nodes/],
    [7, undefined, /"nodes" must be a list of nodes/],
    [[7], undefined, /"node" must be a string/],
    [[null], undefined, /"node" must be a string/],
    [[{ node: 'a', weight: -1 }], undefined, /"weight" must be a finite number ≥ 0/],
    [[{ node: 'a', weight: NaN }], undefined, /"weight" must be a finite number ≥ 0/],
    [[{ node: 'a', weight: Infinity }], undefined, /"weight" must be a finite number ≥ 0/],
    [[{ node: 'a', weight: 1e12 }], undefined, /"weight" must be at most/],
  ])('HashRing rejects the nodes %j with the options %j', (nodes, options, message) => {
    expect(() => new HashRing(nodes as never, options as never)).toThrow(message);
  });

  it('add rejects an invalid node and leaves the ring unchanged', () => {
    const ring = new HashRing(['a']);
    const before = ring.toJSON();
    expect(() => ring.add(7 as never)).toThrow(/"node" must be a string/);
    expect(() => ring.add('b', { weight: -1 })).toThrow(/"weight"/);
    expect(() => ring.add('a', { weight: NaN })).toThrow(/"weight"/);
    expect(ring.toJSON()).toEqual(before);
  });

  it('diff rejects a ring that hashes keys differently', () => {
    const ring = new HashRing(['a']);
    for (const other of [
      new HashRing(['a'], { seed: 1 }),
      new HashRing(['a'], { hash: fnv1a }),
      new KetamaRing(['a']),
      {},
    ]) {
      expect(() => ring.diff(other as never)).toThrow(/"other" must be a ring that hashes keys in the same way/);
    }
  });
});
