import { HashRing, KetamaRing, MaglevTable, Rendezvous } from 'breakwater/hash-ring';
import { hashShards } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';

const nodes = ['a', 'b', 'c', 'd'];
const keys = Array.from({ length: 500 }, (_, i) => `user:${i}`);

describe('Over a placement', () => {
  it.each([
    ['HashRing', new HashRing(nodes)],
    ['KetamaRing', new KetamaRing(nodes, { compat: 'libketama' })],
    ['Rendezvous', new Rendezvous(nodes)],
    ['MaglevTable', new MaglevTable(nodes)],
  ])('hashShards returns the shards of the %s', (_, placement) => {
    const shards = hashShards(placement);
    expect(keys.map((key) => shards.get(key))).toEqual(keys.map((key) => placement.get(key)));
    expect(shards.getMany('user:7', 3)).toEqual(placement.getMany('user:7', 3));
    expect(shards.shards).toEqual(nodes);
  });

  it('a list of nodes is placed on a HashRing with their weights', () => {
    const list = ['a', { node: 'b', weight: 3 }];
    const ring = new HashRing(list);
    expect(keys.map((key) => hashShards(list).get(key))).toEqual(keys.map((key) => ring.get(key)));
    expect(hashShards(new Set(['x'])).get('k')).toBe('x');
  });

  it('the shards follow changes of the ring', () => {
    const ring = new HashRing(['a']);
    const shards = hashShards(ring);
    ring.add('b').remove('a');
    expect([shards.get('k'), shards.shards]).toEqual(['b', ['b']]);
    ring.remove('b');
    expect([shards.get('k'), shards.getMany('k', 2), shards.shards]).toEqual([undefined, [], []]);
  });

  it('a custom placement can be used', () => {
    const own = {
      nodes: ['even', 'odd'],
      get: (key: unknown) => (Number(key) % 2 ? 'odd' : 'even'),
      getMany: () => [],
    };
    expect([hashShards(own).get(7), hashShards(own).shards]).toEqual(['odd', ['even', 'odd']]);
  });
});

describe('Over numbered buckets', () => {
  const orders = hashShards({ buckets: 10, name: (bucket) => `orders_${bucket}` });

  it('keys keep their recorded placement, and with an eleventh bucket about one key in eleven moves, only to that bucket', () => {
    expect(keys.slice(0, 6).map((key) => orders.get(key))).toMatchInlineSnapshot(`
      [
        "orders_9",
        "orders_5",
        "orders_9",
        "orders_8",
        "orders_1",
        "orders_0",
      ]
    `);
    const eleven = hashShards({ buckets: 11, name: (bucket) => `orders_${bucket}` });
    const moved = keys.filter((key) => orders.get(key) !== eleven.get(key));
    expect(moved.length).toBeGreaterThan(20);
    expect(moved.length).toBeLessThan(75);
    expect(new Set(moved.map((key) => eleven.get(key)))).toEqual(new Set(['orders_10']));
    expect(new Set(keys.map((key) => orders.get(key))).size).toBe(10);
  });

  it('a number, its decimal string and the bytes of that string map to one shard', () => {
    const many = hashShards({ buckets: 60_000 });
    for (const key of [7, 123456, 2 ** 53 - 1]) {
      const shard = many.get(String(key));
      expect([many.get(key), many.get(BigInt(key)), many.get(new TextEncoder().encode(String(key)))]).toEqual([
        shard,
        shard,
        shard,
      ]);
    }
    expect(many.get(new TextEncoder().encode('日本語'))).toBe(many.get('日本語'));
    expect(() => many.get({} as never)).toThrow('must be a string or a Uint8Array');
  });

  it('replicas are the following buckets, from the last to the first', () => {
    const first = Number(orders.get('user:7')?.slice('orders_'.length));
    const all = Array.from({ length: 10 }, (_, i) => `orders_${(first + i) % 10}`);
    for (const count of [0, 1, 2, 10]) expect(orders.getMany('user:7', count)).toEqual(all.slice(0, count));
    expect([orders.getMany('user:7', 99), orders.getMany('user:7', Infinity)]).toEqual([all, all]);
    for (const key of keys) expect(orders.getMany(key, 1)).toEqual([orders.get(key)]);
    expect(() => orders.getMany('k', 1.5)).toThrow('hashShards: "count" must be an integer ≥ 0, got 1.5');
  });

  it('several buckets can map to one shard, which is listed once', () => {
    const few = hashShards({ buckets: 64, name: (bucket) => `db-${bucket % 3}` });
    expect([few.shards, few.getMany('k', 9).length, few.getMany('k', 1)]).toEqual([
      ['db-0', 'db-1', 'db-2'],
      3,
      [few.get('k')],
    ]);
  });

  it('the names default to the numbers of the buckets', () => {
    expect([hashShards({ buckets: 3 }).shards, hashShards({ buckets: 1, name: undefined }).get('k')]).toEqual([
      ['0', '1', '2'],
      '0',
    ]);
  });
});

describe('Construction', () => {
  it('hashShards rejects invalid arguments', () => {
    for (const buckets of [0, -1, 1.5, Number.NaN, 65_537, '4', undefined]) {
      expect(() => hashShards({ buckets } as never)).toThrow(
        'hashShards: "buckets" must be an integer ≥ 1 and at most 65536',
      );
    }
    expect(() => hashShards({ buckets: 2, name: () => '' })).toThrow('"name(0)" must be a string that is not empty');
    expect(() => hashShards({ buckets: 2, name: 'x' as never })).toThrow('"name" must be a function');
    expect(() => hashShards({ bucket: 2 } as never)).toThrow('"bucket" is unknown (did you mean "buckets"?)');
    for (const none of ['abc', 5, null, undefined]) {
      expect(() => hashShards(none as never)).toThrow('"source" must be a placement, nodes, or { buckets }');
    }
    expect(() => hashShards([{ node: 'a', weight: -1 }])).toThrow('"weight"');
  });
});
