import {
  fnv1a,
  HashRing,
  jumpHash,
  KetamaRing,
  MaglevTable,
  murmur3,
  Rendezvous,
  sipHash13,
  xxh32,
} from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';

const wrong = 'wrong' as never;
const ring = new HashRing(['a']);
const json = ring.toJSON();

/** Each way to pass a wrong value, by the name that the error has to begin with. */
const faults: Record<string, Record<string, () => unknown>> = {
  HashRing: {
    'an unknown option': () => new HashRing([], { [wrong]: 1 }),
    virtualNodes: () => new HashRing([], { virtualNodes: 0 }),
    hash: () => new HashRing([], { hash: wrong }),
    'a hash that returns no number': () => new HashRing([], { hash: () => wrong }),
    'a hash that returns NaN': () => new HashRing([], { hash: () => Number.NaN }),
    seed: () => new HashRing([], { seed: -1 }),
    'a node': () => new HashRing([1 as never]),
    'too many points': () => new HashRing([{ node: 'a', weight: 1e6 }], { virtualNodes: 65_536 }),
    layout: () => HashRing.fromJSON({ ...json, layout: wrong }),
    'no JSON': () => HashRing.fromJSON(undefined as never),
    'a node to add': () => ring.add(1 as never),
    'a weight to add': () => ring.add('b', { weight: -1 }),
    'nodes to add': () => ring.addAll([1 as never]),
    'a list of nodes to add': () => ring.addAll(1 as never),
    'a list of nodes to remove': () => ring.removeAll(1 as never),
  },
  'HashRing.add': { 'an unknown option': () => ring.add('b', { [wrong]: 1 }) },
  KetamaRing: {
    'an unknown option': () => new KetamaRing(['a'], { [wrong]: 1 }),
    compat: () => new KetamaRing(['a'], { compat: wrong }),
    'a node': () => new KetamaRing([1 as never]),
  },
  MaglevTable: {
    'an unknown option': () => new MaglevTable(['a'], { [wrong]: 1 }),
    seed: () => new MaglevTable(['a'], { seed: -1 }),
    size: () => new MaglevTable(['a'], { size: 1 }),
    'a size that is no prime number': () => new MaglevTable(['a'], { size: 100 }),
    'a size below the number of nodes': () => new MaglevTable(['a', 'b', 'c'], { size: 2 }),
    'a node': () => new MaglevTable([1 as never]),
    count: () => new MaglevTable(['a']).getMany('key', -1),
  },
  Rendezvous: {
    'an unknown option': () => new Rendezvous(['a'], { [wrong]: 1 }),
    seed: () => new Rendezvous(['a'], { seed: -1 }),
    'a node': () => new Rendezvous([1 as never]),
    count: () => new Rendezvous(['a']).getMany('key', -1),
  },
  jumpHash: {
    buckets: () => jumpHash('key', 0),
    key: () => jumpHash(1.5 as never, 2),
  },
  hash: {
    'data of fnv1a': () => fnv1a(1 as never),
    'data of murmur3': () => murmur3(1 as never),
    'data of sipHash13': () => sipHash13(1 as never, new Uint8Array(16)),
    'data of xxh32': () => xxh32(1 as never),
  },
};

describe.each(Object.entries(faults))('An error of %s', (owner, calls) => {
  it.each(Object.entries(calls))('the error about %s begins with its name', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ owner, message: expect.stringMatching(`^${owner}: `) }));
  });
});

describe('Rings', () => {
  it('two rings are compared only if their hash functions agree on all kinds of keys', () => {
    const withHash = (differs: (key: string) => boolean) =>
      new HashRing(['a', 'b'], {
        hash: (data, seed) => murmur3(data, seed) ^ (typeof data === 'string' && differs(data) ? 1 : 0),
      });
    const same = withHash(() => false);
    expect(() => same.diff(new HashRing(['a']))).not.toThrow();
    const kinds: ((key: string) => boolean)[] = [
      (key) => key === '',
      (key) => /^[a-z]+$/.test(key),
      (key) => /^[A-Z]+$/.test(key),
      (key) => /[\u0080-\u07ff]/.test(key),
      (key) => /[\u0800-\ud7ff]/.test(key),
      (key) => /[\ud800-\udfff]/.test(key),
      (key) => key.length > 16,
    ];
    for (const kind of kinds) expect(() => same.diff(withHash(kind))).toThrow(/hash/);
  });

  it.each([null, undefined, 1, 'ring', {}])('%j is no ring to compare with', (other) => {
    expect(() => ring.diff(other as never)).toThrow(/must be a/);
  });

  it('the error about a weight says how large it may be', () => {
    const make = (weight: number) => new HashRing([{ node: 'a', weight }], { virtualNodes: 65_536 });
    expect(() => make(257)).toThrow('must be at most 256 with 65536 points per unit of weight');
  });
});
