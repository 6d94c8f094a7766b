import { HashRing, MaglevTable, Rendezvous } from 'breakwater/hash-ring';
import { compositeShards, directoryShards, hashShards, rangeShards, rebalancePlan } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';

describe('A plan for ranges', () => {
  const before = rangeShards([
    { to: 10, shard: 'a' },
    { from: 10, to: 20, shard: 'b' },
    { from: 20, shard: 'c' },
  ]);

  it('the plan contains the ranges that a split or a merge has moved', () => {
    expect(rebalancePlan(before, before.split(15, 'd')).moves).toEqual([
      { from: 'b', to: 'd', range: { from: 15, to: 20 } },
    ]);
    expect(rebalancePlan(before, before.merge(20)).moves).toEqual([
      { from: 'c', to: 'b', range: { from: 20, to: undefined } },
    ]);
    expect(rebalancePlan(before, before.split(15, 'b').split(5, 'a')).moves).toEqual([]);
  });

  it('adjacent ranges with the same movement are joined', () => {
    const fine = rangeShards([
      { to: 5, shard: 'a' },
      { from: 5, to: 15, shard: 'a' },
      { from: 15, to: 30, shard: 'b' },
      { from: 30, shard: 'a' },
    ]);
    const coarse = rangeShards([
      { to: 3, shard: 'x' },
      { from: 3, to: 10, shard: 'x' },
      { from: 10, to: 12, shard: 'a' },
      { from: 12, shard: 'x' },
    ]);
    expect(rebalancePlan(fine, coarse).moves).toEqual([
      { from: 'a', to: 'x', range: { from: undefined, to: 10 } },
      { from: 'a', to: 'x', range: { from: 12, to: 15 } },
      { from: 'b', to: 'x', range: { from: 15, to: 30 } },
      { from: 'a', to: 'x', range: { from: 30, to: undefined } },
    ]);
  });

  it('a movement from or to no shard has an undefined name', () => {
    const small = rangeShards([{ from: 10, to: 20, shard: 'a' }]);
    const large = rangeShards([{ from: 5, shard: 'a' }]);
    expect(rebalancePlan(small, large).moves).toEqual([
      { from: undefined, to: 'a', range: { from: 5, to: 10 } },
      { from: undefined, to: 'a', range: { from: 20, to: undefined } },
    ]);
    expect(rebalancePlan(large, small).moves.map(({ from, to }) => [from, to])).toEqual([
      ['a', undefined],
      ['a', undefined],
    ]);
    const all = rangeShards<number>([{ shard: 'b' }]);
    expect(rebalancePlan(small, all).moves).toEqual([
      { from: undefined, to: 'b', range: { from: undefined, to: 10 } },
      { from: 'a', to: 'b', range: { from: 10, to: 20 } },
      { from: undefined, to: 'b', range: { from: 20, to: undefined } },
    ]);
    expect(rebalancePlan(all, rangeShards<number>([{ shard: 'c' }])).moves).toEqual([
      { from: 'b', to: 'c', range: { from: undefined, to: undefined } },
    ]);
  });

  it('the plan of date ranges contains dates', () => {
    const [october, november] = [new Date('2026-10-01'), new Date('2026-11-01')];
    const old = rangeShards([{ from: october, shard: 'events_2026_10' }]);
    expect(rebalancePlan(old, old.split(november, 'events_2026_11')).moves).toEqual([
      { from: 'events_2026_10', to: 'events_2026_11', range: { from: november, to: undefined } },
    ]);
  });

  it('ranges with keys of different types are rejected', () => {
    const text = rangeShards([{ to: 'm', shard: 'a' }]);
    expect(() => rebalancePlan(before, text as never)).toThrow(
      'rebalancePlan: "after" must have ranges of the same kind, number, got "string"',
    );
  });
});

describe('A plan for rings', () => {
  it('the plan contains the share of all keys per movement, ordered by name', () => {
    const [three, four] = [new HashRing(['c', 'a', 'b']), new HashRing(['c', 'a', 'b', 'd'])];
    const plan = rebalancePlan(three, four);
    expect(plan.moves.map(({ from, to }) => [from, to])).toEqual([
      ['a', 'd'],
      ['b', 'd'],
      ['c', 'd'],
    ]);
    expect(plan.share).toBeCloseTo(four.stats().share.get('d') ?? 0, 12);
    expect(plan.moves.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(plan.share, 12);
    expect(rebalancePlan(hashShards(three), hashShards(four))).toEqual(plan);
    expect(rebalancePlan(three, hashShards(four))).toEqual(plan);
    expect(rebalancePlan(new HashRing(), new HashRing(['a'])).moves).toEqual([{ from: undefined, to: 'a', share: 1 }]);
  });

  it('rings that hash keys differently are rejected, and other routers without keys', () => {
    expect(() => rebalancePlan(new HashRing(['a']), new HashRing(['a'], { seed: 1 }))).toThrow(
      'hashes keys in the same way',
    );
    const none = /rebalancePlan: "keys" must be passed, unless both routers have ranges or both are rings/;
    expect(() => rebalancePlan(hashShards(new Rendezvous(['a'])), hashShards(['a']))).toThrow(none);
    expect(() => rebalancePlan(hashShards({ buckets: 2 }), hashShards({ buckets: 3 }))).toThrow(none);
    expect(() => rebalancePlan(rangeShards([{ shard: 'a' }]) as never, new HashRing(['a']))).toThrow(none);
    expect(() => rebalancePlan(null as never, new HashRing(['a']))).toThrow('"before" must be an object with get');
    expect(() => rebalancePlan(new HashRing(['a']), {} as never)).toThrow('"after" must be an object with get');
  });
});

describe('A plan for keys', () => {
  const keys = Array.from({ length: 200 }, (_, i) => `user:${i}`);

  it('the plan lists the keys of each movement', () => {
    const [before, after] = [hashShards({ buckets: 4 }), hashShards({ buckets: 5 })];
    const plan = rebalancePlan(before, after, keys);
    const moved = keys.filter((key) => before.get(key) !== after.get(key));
    expect([plan.total, plan.moved, plan.moves.flatMap((move) => move.keys).sort()]).toEqual([
      200,
      moved.length,
      moved.sort(),
    ]);
    expect(plan.moves.map(({ from, to }) => `${from}→${to}`)).toEqual(['0→4', '1→4', '2→4', '3→4']);
    for (const { from, to, keys: own } of plan.moves) {
      for (const key of own) expect([before.get(key), after.get(key)]).toEqual([from, to]);
    }
  });

  it('placements and routers of different types can be compared', () => {
    expect(rebalancePlan(new Rendezvous(['a']), new MaglevTable(['b']), ['k', 'l']).moves).toEqual([
      { from: 'a', to: 'b', keys: ['k', 'l'] },
    ]);
    const some = rangeShards([{ from: 'm', shard: 'z' }]);
    expect(rebalancePlan(some, hashShards(['a']), new Set(['z', 'b', 'y']))).toEqual({
      total: 3,
      moved: 3,
      moves: [
        { from: undefined, to: 'a', keys: ['b'] },
        { from: 'z', to: 'a', keys: ['z', 'y'] },
      ],
    });
    expect(rebalancePlan(hashShards(['a']), some, ['b', 'z']).moves.map(({ to }) => to)).toEqual([undefined, 'z']);
    expect(rebalancePlan(some, some, ['a']).moves).toEqual([]);
    expect(() => rebalancePlan(some, some, 'abc')).toThrow('rebalancePlan: "keys" must be a list');
  });

  it('a directory is asked for one key at a time', async () => {
    let [running, most] = [0, 0];
    const directory = directoryShards({
      async load(key) {
        most = Math.max(most, ++running);
        await null;
        running--;
        return key === 'user:7' ? 'own' : undefined;
      },
    });
    const before = hashShards(['a']);
    expect(await rebalancePlan(before, compositeShards(directory, before), keys)).toEqual({
      total: 200,
      moved: 1,
      moves: [{ from: 'a', to: 'own', keys: ['user:7'] }],
    });
    expect(most).toBe(1);
    const back = await rebalancePlan(compositeShards(directory, before), before, ['user:7']);
    expect(back.moves).toEqual([{ from: 'own', to: 'a', keys: ['user:7'] }]);
  });
});
