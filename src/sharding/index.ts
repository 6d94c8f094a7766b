/**
 * Sharding: decides which database, table or region has a key, and which replica of a database to read from.
 *
 * - `rangeShards`: neighbouring keys are on the same shard.
 * - `hashShards`: keys are distributed evenly.
 * - `directoryShards`: each key can be on any shard.
 * - `geoShards`: the nearest shard, or the shard of a region.
 * - `compositeShards` combines several of them, and `rebalancePlan` computes which keys move when they change.
 * - `replicaRouter` routes reads and writes to one primary and its replicas.
 *
 * Do not shard before one database is too small: sharded data cannot be joined or written in one transaction any more.
 *
 * Cost: each lookup is in memory; no timers.
 *
 * @module
 */
export { compositeShards } from './composite-shards.js';
export {
  type DirectoryEvents,
  type DirectoryLoadContext,
  type DirectoryShards,
  type DirectoryShardsOptions,
  directoryShards,
} from './directory-shards.js';
export { type GeoPlace, type GeoShards, type GeoShardsOptions, type GeoSite, geoShards } from './geo-shards.js';
export { type HashShards, hashShards, type NumberedShards, type ShardPlacement } from './hash-shards.js';
export type { LogPosition } from './log-position.js';
export type { RangeKey } from './range-keys.js';
export { type KeyKindOf, type RangeShards, rangeShards } from './range-shards.js';
export type { ShardRange } from './range-spans.js';
export {
  type KeyPlan,
  type RangeMove,
  type RangePlan,
  rebalancePlan,
  type ShardMove,
  type SharePlan,
} from './rebalance-plan.js';
export type { ReplicaReport, ReplicaState } from './replica-node.js';
export type { Consistency, ForReadOptions, ReplicaRouterEvents, ReplicaRouterOptions } from './replica-options.js';
export { type ReplicaRouter, replicaRouter } from './replica-router.js';
export type { MarkToken, ReplicaRoute, ReplicaSession, ReplicaSessionToken } from './replica-session.js';
export type { AsyncShardRouter, ShardGetOptions, ShardRouter } from './shard-router.js';
