/** The 32 rows of the pitfalls of consistent hashing and load balancing, each under its number. */

import {
  HashRing,
  jumpHash,
  KetamaRing,
  MaglevTable,
  murmur3,
  type NodeOption,
  type Placement,
  Rendezvous,
} from 'breakwater/hash-ring';
import {
  httpCheck,
  LoadBalancer,
  leastResponseTime,
  powerOfTwoChoices,
  roundRobin,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { HandClock } from '../cache/caches.js';

const KEYS = Array.from({ length: 2000 }, (_, index) => `key-${index}`);
const placedBy = (placement: Placement, keys: readonly string[] = KEYS) => keys.map((key) => placement.get(key));
const moved = (before: readonly unknown[], after: readonly unknown[]) =>
  before.filter((one, index) => one !== after[index]).length;

const PLACEMENTS: readonly (readonly [string, (nodes: Iterable<NodeOption>) => Placement])[] = [
  ['HashRing', (nodes) => new HashRing(nodes)],
  ['KetamaRing', (nodes) => new KetamaRing(nodes, { compat: 'libketama' })],
  ['KetamaRing as hashring', (nodes) => new KetamaRing(nodes, { compat: 'hashring' })],
  ['Rendezvous', (nodes) => new Rendezvous(nodes)],
  ['MaglevTable', (nodes) => new MaglevTable(nodes)],
];

describe.each(PLACEMENTS)('%s', (_name, make) => {
  it('1: weight 0 is no keys; the node is there', () => {
    const placement = make(['a', { node: 'b', weight: 0 }, 'c']);
    expect(placedBy(placement)).not.toContain('b');
    expect([placement.has('b'), placement.weightOf('b'), placement.nodes]).toEqual([true, 0, ['a', 'b', 'c']]);
  });

  it.each([-1, Number.NaN, Infinity, '1', null])('2: weight %s is refused', (weight) => {
    expect(() => make([{ node: 'a', weight: weight as number }])).toThrow(/"weight" must be a finite number/);
  });

  it('4: a node given twice counts once', () => {
    const once = make(['a', 'b']);
    const twice = make(['a', 'a', 'b', 'b', 'a']);
    expect(twice.nodes).toEqual(['a', 'b']);
    expect(placedBy(twice)).toEqual(placedBy(once));
  });

  it('9: without nodes the answer is undefined, and nobody throws', () => {
    expect([make([]).get('key'), make([]).getMany('key', 3), make([]).size]).toEqual([undefined, [], 0]);
    expect(make([{ node: 'a', weight: 0 }]).get('key')).toBeUndefined();
  });

  it('10: names are opaque: colons, digits, dashes, IPv6', () => {
    const names = ['a', 'a-1', 'a-1-1', 'a1', 'a10', '1', '10', '[::1]:80', '[::1]:8080', 'host:1:0', ''];
    const placement = make(names);
    expect(placement.nodes).toEqual(names.toSorted());
    expect(new Set(placedBy(placement))).toEqual(new Set(names));
  });

  it('11: __proto__ and constructor are names and keys like any other', () => {
    const names = ['__proto__', 'constructor', 'toString', 'plain'];
    const placement = make(names);
    expect(new Set(placedBy(placement))).toEqual(new Set(names));
    for (const key of names) expect(names).toContain(placement.get(key));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('12: the order of the list does not matter', () => {
    const names = ['d', 'a', 'c', 'b', 'e'];
    const placed = placedBy(make(names));
    for (const order of [names.toReversed(), names.toSorted(), ['c', 'e', 'b', 'd', 'a']]) {
      expect(placedBy(make(order))).toEqual(placed);
    }
  });

  it('15: replicas are different nodes, the first is get, a shorter list begins a longer one, all there are at most', () => {
    const placement = make(['a', 'b', 'c', 'd', 'e']);
    for (const key of KEYS.slice(0, 300)) {
      const all = placement.getMany(key, 99);
      expect(new Set(all).size).toBe(5);
      for (let count = 0; count <= 5; count++) expect(placement.getMany(key, count)).toEqual(all.slice(0, count));
      expect(all[0]).toBe(placement.get(key));
    }
  });

  it('17: keys are hashed as UTF-8, so no two of these are confused; NFC and NFD are two keys', () => {
    const placement = make(Array.from({ length: 200 }, (_, index) => `node-${index}`));
    const differ = (one: string, other: string) =>
      placement.getMany(one, 5).join() !== placement.getMany(other, 5).join();
    expect(differ('\u0100', '\u0000')).toBe(true);
    expect(differ('日', 'å')).toBe(true);
    expect(differ('é', 'e\u0301')).toBe(true);
  });

  it('18: bytes are hashed as they are, numbers as their digits, a string as its UTF-8', () => {
    const placement = make(Array.from({ length: 200 }, (_, index) => `node-${index}`));
    const place = (key: Parameters<Placement['get']>[0]) => placement.getMany(key, 5).join();
    expect(place(Uint8Array.of(0xff, 0xfe))).not.toBe(place(Uint8Array.of(0xfe, 0xff)));
    expect(place(new TextEncoder().encode('zażółć 日本語'))).toBe(place('zażółć 日本語'));
    expect([place(42), place(42n)]).toEqual([place('42'), place('42')]);
  });
});

describe('rings', () => {
  it('3: the tiniest weight has at least one point; in ketama it has none, and is there', () => {
    const nodes = [{ node: 'tiny', weight: 1e-9 }, 'normal'];
    expect(new HashRing(nodes).stats().share.get('tiny')).toBeGreaterThan(0);
    const ketama = new KetamaRing([
      { node: 'tiny', weight: 1 },
      { node: 'normal', weight: 1000 },
    ]);
    expect([ketama.has('tiny'), ketama.stats().share.get('tiny')]).toEqual([true, 0]);
  });

  it('5: adding a node that is there gives it its new weight, and only keys to it move', () => {
    const ring = new HashRing(['a', 'b', 'c']);
    const before = placedBy(ring);
    ring.add('a', { weight: 3 });
    const after = placedBy(ring);
    expect(ring.weightOf('a')).toBe(3);
    expect(moved(before, after)).toBeGreaterThan(0);
    for (const [index, node] of after.entries()) if (node !== before[index]) expect(node).toBe('a');
  });

  it('6: removing what is not there is false and changes nothing', () => {
    const ring = new HashRing(['a', 'b']);
    const before = JSON.stringify(ring);
    expect([ring.remove('c'), JSON.stringify(ring)]).toEqual([false, before]);
  });

  it('7: several nodes go one by one, and all of them go', () => {
    const ring = new HashRing(['a', 'b', 'c']);
    expect(['a', 'b'].map((node) => ring.remove(node))).toEqual([true, true]);
    expect([ring.nodes, new Set(placedBy(ring))]).toEqual([['c'], new Set(['c'])]);
  });

  it('8, 14: removed and added again it is the same ring, even where all points collide', () => {
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

  it('13: the same in every process: places known by heart', () => {
    const ring = new HashRing(['cache-1', 'cache-2', 'cache-3']);
    expect(
      ['a', 'b', 'c', 'd', 'e', 'f', 'ż', '42'].map((key) => ring.get(key)?.at(-1)).join(''),
    ).toMatchInlineSnapshot(`"23232131"`);
  });

  it('16: replicas in different zones as far as there are any', () => {
    const ring = new HashRing(['a1', 'a2', 'a3', 'b1', 'c1']);
    const zoneOf = (node: string) => node[0];
    for (const key of KEYS.slice(0, 300)) {
      const nodes = ring.getMany(key, 5, { zoneOf });
      expect(new Set(nodes.slice(0, 3).map(zoneOf)).size).toBe(3);
      expect(new Set(nodes).size).toBe(5);
      expect(nodes[0]).toBe(ring.get(key));
    }
  });

  it('19: who reads while the ring changes reads one ring or the other', () => {
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

  it('20: there is no swap that could leave half a node: remove and add say what they did', () => {
    const ring = new HashRing(['a', 'b']);
    expect([ring.remove('a'), ring.add('c').nodes]).toEqual([true, ['b', 'c']]);
  });

  it('21: what could make points that are all 0 is refused', () => {
    expect(() => new KetamaRing(['a'], { compat: 'hashring', replicas: 5 } as never)).toThrow('"replicas" is unknown');
    expect(() => new HashRing(['a'], { hash: () => Number.NaN })).toThrow('"hash" must return a number');
  });

  it('22: there is no cache that could be too small: keys by the million cost no memory', () => {
    expect(() => new HashRing(['a'], { cache: 0 } as never)).toThrow('"cache" is unknown');
  });

  it('23: ten thousand nodes work', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `node-${index}`);
    const ring = new HashRing(names);
    expect(new Set(placedBy(ring)).size).toBeGreaterThan(1500);
    expect(ring.stats().peakToMean).toBeLessThan(1.6);
  });

  it.each([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff])(
    '24: a key whose hash is %d has the node of the next point',
    (edge) => {
      // The hash of names decides the points, that of keys the edge.
      const names = ['a', 'b', 'c'];
      const hash = (data: string | Uint8Array, seed?: number) =>
        typeof data === 'string' && data.startsWith('edge') ? edge : murmur3(data, seed);
      const ring = new HashRing(names, { hash, virtualNodes: 3 });
      const order = ring.getMany('edge', 3);
      expect(new Set(order).size).toBe(3);
      expect(ring.get('edge')).toBe(order[0]);
    },
  );

  it('24: jump hash at its edges', () => {
    expect([jumpHash(0, 1), jumpHash(2n ** 64n - 1n, 1), jumpHash(2n ** 64n - 1n, 100)]).toEqual([0, 0, 92]);
    expect(() => jumpHash(1, 0)).toThrow('"buckets" must be an integer ≥ 1');
  });
});

describe('balancers', () => {
  const OK = { ok: true, value: undefined } as const;
  const FAILED = { ok: false, error: new Error('no') } as const;

  it('25: two different candidates; one node; none', () => {
    const pick = powerOfTwoChoices();
    const balancer = new LoadBalancer(['a', 'b'], { pick, random: () => 0 }); // the worst chance there is
    const [one, other] = [balancer.acquire(), balancer.acquire()];
    expect(one.node).not.toBe(other.node);
    balancer.setNodes(['a']);
    expect(balancer.acquire().node).toBe('a');
    balancer.setNodes([]);
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
  });

  it('26: weights that change and nodes that go in the middle of a cycle starve nobody', () => {
    const balancer = new LoadBalancer([{ node: 'a', weight: 100 }, 'b', 'c'], { pick: weightedRoundRobin() });
    const next = (count: number) =>
      Array.from({ length: count }, () => {
        using lease = balancer.acquire();
        return lease.node;
      });
    next(37);
    balancer.setNodes(['b', 'c']);
    // nginx lets b wait here until it has paid for the weight that is gone: 33 turns
    expect(next(6).filter((node) => node === 'b').length).toBeGreaterThanOrEqual(2);
    expect(next(100).filter((node) => node === 'b')).toHaveLength(50);
    balancer.setNodes([{ node: 'a', weight: 2 }, 'b', 'c']);
    expect(next(8).filter((node) => node === 'a')).toHaveLength(4);
  });

  it('27: a lease released twice, late, by using, or by an abort counts once', async () => {
    const balancer = new LoadBalancer(['a']);
    const twice = balancer.acquire();
    twice.release(OK);
    twice.release(OK);
    {
      using _lease = balancer.acquire();
    }
    const controller = new AbortController();
    const call = balancer.execute(() => new Promise(() => {}), { signal: controller.signal });
    controller.abort('gone');
    await expect(call).rejects.toBe('gone');
    expect(balancer.nodes[0]).toMatchObject({ active: 0, picks: 3, successes: 1, failures: 0 });
  });

  it('28: a node that flaps below rise and fall does not change, and dispose leaves no timer', async () => {
    const clock = new TestClock();
    let round = 0;
    const check = () => round++ === 0 || round % 2 === 0;
    const health = { check, interval: 1000, jitter: 0, rise: 2, fall: 2 };
    const balancer = new LoadBalancer(['a'], { clock, health });
    const changes: unknown[] = [];
    balancer.on('nodeDown', (event) => changes.push(event));
    await clock.advance(60_000);
    expect([round > 50, changes]).toEqual([true, []]);
    balancer[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('29: with no healthy node all are used, and it is told; or none, if one prefers that', async () => {
    for (const onNoHealthyNode of ['all', 'reject'] as const) {
      const clock = new TestClock();
      const health = { check: () => false, jitter: 0 };
      const balancer = new LoadBalancer(['a', 'b'], { clock, health, onNoHealthyNode, pick: roundRobin() });
      const panics: unknown[] = [];
      balancer.on('panic', (event) => panics.push(event));
      await clock.advance(0);
      if (onNoHealthyNode === 'all') expect([balancer.acquire().node, balancer.acquire().node]).toEqual(['a', 'b']);
      else expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
      expect(panics).toEqual(onNoHealthyNode === 'all' ? [{ panicking: true, healthy: 0, nodes: 2 }] : []);
      balancer[Symbol.dispose]();
    }
  });

  it('30: never more than the share is ejected, one at least, each longer than the last and shorter again when it is well', () => {
    const clock = new HandClock();
    const outlier = {
      consecutiveFailures: 1,
      ejectFor: 1000,
      interval: 1000,
      maxEjectedShare: 0.1,
      successRate: false as const,
    };
    const balancer = new LoadBalancer(['a', 'b', 'c'], { clock, outlier, pick: roundRobin() });
    const ejectedFor: number[] = [];
    balancer.on('ejected', ({ ejectedForMs }) => ejectedFor.push(ejectedForMs));
    const fail = (...nodes: string[]) => {
      for (const node of nodes) {
        const exclude = ['a', 'b', 'c'].filter((name) => name !== node);
        balancer.acquire({ exclude }).release(FAILED);
      }
    };
    fail('a', 'b', 'c');
    expect(balancer.nodes.map(({ health }) => health)).toEqual(['ejected', 'healthy', 'healthy']);
    clock.time = 1000;
    fail('a');
    clock.time = 3000;
    fail('a');
    clock.time = 100_000;
    fail('a');
    expect(ejectedFor).toEqual([1000, 2000, 3000, 1000]);
  });

  it.each([
    [0, 0.25],
    [500, 0.25],
    [1000, 0.25],
    [2000, 0.5],
    [3999, 0.99975],
    [4000, 1],
  ])('31: slow start over 4 s: at %d ms %d of the weight, and at the end exactly all of it', (sinceMs, share) => {
    const clock = new HandClock();
    const balancer = new LoadBalancer(['old'], { clock, slowStart: '4s' });
    balancer.setNodes(['old', 'new']);
    clock.time = sinceMs;
    expect(balancer.nodes[1]!.effectiveWeight).toBe(share);
  });

  it('32: a clock that steps back ages nothing, ends nothing early, and makes nothing negative', () => {
    const clock = new HandClock(1e6);
    const options = {
      clock,
      pick: leastResponseTime(),
      outlier: { consecutiveFailures: 1 },
      slowStart: '10s',
      random: seededRandom(1),
    } as const;
    const balancer = new LoadBalancer(['a', 'b'], options);
    const lease = balancer.acquire();
    clock.time = 0;
    lease.release(OK);
    balancer.setNodes(['a', 'b', 'c']);
    clock.time = -5000;
    const other = balancer.acquire();
    other.release(FAILED);
    clock.time = -10_000;
    for (const { latencyMs, effectiveWeight, active } of balancer.nodes) {
      expect([latencyMs, active]).toEqual([0, 0]);
      expect(effectiveWeight).toBeGreaterThan(0);
    }
    expect(balancer.nodes.filter(({ health }) => health === 'ejected').map(({ node }) => node)).toEqual([other.node]);
  });

  it('the sole candidate that is excluded is no endless loop (rspamd 6013)', () => {
    expect(() => new LoadBalancer(['a']).acquire({ exclude: ['a'] })).toThrow('no healthy node');
  });

  it('asking whether one could does not change who is next (undici 4839)', () => {
    const balancer = new LoadBalancer(['a', 'b', 'c'], { pick: roundRobin() });
    const seen = Array.from({ length: 6 }, () => [balancer.peek(), balancer.peek(), balancer.acquire().node]);
    expect(seen.flat().join('')).toBe('aaabbbcccaaabbbccc');
  });

  it('a balancer that is made checks nothing that was not asked for', () => {
    expect(() => new LoadBalancer(['a'], { health: httpCheck() as never })).toThrow('"health" must be an object');
  });
});
