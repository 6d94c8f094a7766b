import { HashRing, KetamaRing, type NodeOption, Rendezvous } from 'breakwater/hash-ring';
import {
  type AsyncShardRouter,
  compositeShards,
  type DirectoryShardsOptions,
  directoryShards,
  type ForReadOptions,
  type GeoPlace,
  type GeoShardsOptions,
  type GeoSite,
  geoShards,
  hashShards,
  type KeyPlan,
  type NumberedShards,
  type RangePlan,
  type RangeShards,
  type ReplicaReport,
  type ReplicaRoute,
  type ReplicaRouterOptions,
  type ReplicaSession,
  type ReplicaSessionToken,
  rangeShards,
  rebalancePlan,
  replicaRouter,
  type ShardGetOptions,
  type ShardRange,
  type ShardRouter,
  type SharePlan,
} from 'breakwater/sharding';
import { describe, expectTypeOf, it } from 'vitest';

/** The optional options that do not accept undefined: exactOptionalPropertyTypes distinguishes these cases. */
type RefusesUndefined<Options> = {
  [K in keyof Options]-?: object extends Pick<Options, K>
    ? { [P in K]: undefined } extends Pick<Options, K>
      ? never
      : K
    : never;
}[keyof Options];

const ids = rangeShards([
  { to: 100, shard: 'a' },
  { from: 100, shard: 'b' },
]);
const spread = hashShards(['a', 'b']);
const directory = directoryShards({ load: (key) => key });

describe('rangeShards', () => {
  it('the key type of rangeShards is inferred from the ends', () => {
    expectTypeOf(ids).toEqualTypeOf<RangeShards<number>>();
    expectTypeOf(rangeShards([{ from: 'm', shard: 'a' }])).toEqualTypeOf<RangeShards<string>>();
    expectTypeOf(rangeShards([{ from: 5n, shard: 'a' }])).toEqualTypeOf<RangeShards<bigint>>();
    expectTypeOf(rangeShards([{ from: new Date(0), shard: 'a' }])).toEqualTypeOf<RangeShards<Date>>();
    expectTypeOf(rangeShards<Date>([{ shard: 'a' }])).toEqualTypeOf<RangeShards<Date>>();
    expectTypeOf(ids.get(7)).toEqualTypeOf<string | undefined>();
    expectTypeOf(ids.split(5, 'c').merge(5).ranges).toEqualTypeOf<readonly ShardRange<number>[]>();
    // @ts-expect-error: the ends are numbers
    ids.get('7');
    // @ts-expect-error: a shard has a name
    rangeShards([{ from: 5 }]);
    // @ts-expect-error: not a key
    rangeShards([{ from: true, shard: 'a' }]);
  });
});

describe('hashShards', () => {
  it('hashShards accepts placements, nodes and a number of buckets', () => {
    hashShards(new Rendezvous(['a']));
    hashShards(new KetamaRing(['a'], { compat: 'libketama' }));
    const nodes: NodeOption[] = [];
    hashShards(nodes);
    hashShards({ buckets: 5, name: (bucket) => bucket.toFixed() });
    expectTypeOf(spread.getMany(new Uint8Array(), 2)).toEqualTypeOf<string[]>();
    // @ts-expect-error: buckets is required
    hashShards({ name: () => 'a' });
  });
});

describe('compositeShards', () => {
  it('compositeShards is synchronous if all of its routers are, and asynchronous otherwise', () => {
    expectTypeOf(compositeShards(ids, spread)).toEqualTypeOf<ShardRouter<number>>();
    expectTypeOf(compositeShards(ids, spread).get(5)).toEqualTypeOf<string | undefined>();
    const tenants = compositeShards(directory, spread);
    expectTypeOf(tenants).toEqualTypeOf<AsyncShardRouter<string>>();
    expectTypeOf(tenants.get('a', { signal: null })).toEqualTypeOf<Promise<string | undefined>>();
    expectTypeOf(compositeShards(spread, tenants)).toEqualTypeOf<AsyncShardRouter<string>>();
    // @ts-expect-error: the key types have nothing in common
    compositeShards(ids, rangeShards([{ from: 'm', shard: 'a' }]));
    // @ts-expect-error: the keys of the directory are strings
    tenants.get(5);
  });

  it('custom routers that return promises require isAsync', () => {
    const own: ShardRouter<string> = { shards: [], get: (key) => key };
    compositeShards(own, { shards: ['a'], get: () => 'a' });
    compositeShards(own, { isAsync: true as const, shards: ['a'], get: async () => 'a' });
    // @ts-expect-error: isAsync is missing
    const unmarked: ShardRouter<string> = { shards: [], get: async (key: string) => key };
    compositeShards(unmarked);
  });
});

describe('rebalancePlan', () => {
  it('rebalancePlan returns a plan of ranges, of shares or of keys', () => {
    expectTypeOf(rebalancePlan(ids, ids)).toEqualTypeOf<RangePlan<number>>();
    expectTypeOf(rebalancePlan(spread, new HashRing())).toEqualTypeOf<SharePlan>();
    expectTypeOf(rebalancePlan(ids, spread, [5])).toEqualTypeOf<KeyPlan<number>>();
    expectTypeOf(rebalancePlan(new Rendezvous(['a']), spread, ['k'])).toEqualTypeOf<KeyPlan<string>>();
    expectTypeOf(rebalancePlan(directory, spread, ['k'])).toEqualTypeOf<Promise<KeyPlan<string>>>();
    // @ts-expect-error: the keys are required
    rebalancePlan(directory, spread);
    // @ts-expect-error: the key types differ
    rebalancePlan(ids, rangeShards([{ from: 'm', shard: 'a' }]));
  });
});

describe('geoShards', () => {
  it('geoShards accepts places', () => {
    const near = geoShards({ shards: [{ shard: 'a', latitude: 0, longitude: 0 }] });
    expectTypeOf(near).toExtend<ShardRouter<GeoPlace>>();
    near.get({ region: 'DE', latitude: undefined });
    // @ts-expect-error: the coordinates are required
    geoShards({ shards: [{ shard: 'a' }] });
  });
});

describe('replicaRouter', () => {
  const router = replicaRouter({ primary: 'a', replicas: new Set(['b']) });

  it('replicaRouter routes reads by consistency', () => {
    expectTypeOf(router.forRead({ consistency: { maxLag: '5s' }, exclude: ['b'] })).toEqualTypeOf<ReplicaRoute>();
    expectTypeOf(router.session()).toEqualTypeOf<ReplicaSession>();
    expectTypeOf(router.session().toJSON()).toEqualTypeOf<ReplicaSessionToken>();
    router.session().wrote(router.forWrite(), 5n);
    router.session().read({ epoch: 5 });
    // @ts-expect-error: no such level
    router.forRead({ consistency: 'quorum' });
    // @ts-expect-error: the epoch is required
    router.failover();
    // @ts-expect-error: the epoch is required
    router.report('b', { lag: 5 });
    router.on('failover', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<'failover' | 'adopted'>());
    // @ts-expect-error: no such event
    router.on('promoted', () => {});
  });
});

describe('Optional options of shard routers', () => {
  it('optional options accept undefined', () => {
    expectTypeOf<RefusesUndefined<DirectoryShardsOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ForReadOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<GeoPlace>>().toBeNever();
    expectTypeOf<RefusesUndefined<GeoShardsOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<GeoSite>>().toBeNever();
    expectTypeOf<RefusesUndefined<NumberedShards>>().toBeNever();
    expectTypeOf<RefusesUndefined<ReplicaReport>>().toBeNever();
    expectTypeOf<RefusesUndefined<ReplicaRouterOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ReplicaSessionToken>>().toBeNever();
    expectTypeOf<RefusesUndefined<ShardGetOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ShardRange<number>>>().toBeNever();
  });
});
