/**
 * Sharding: which of several databases, tables or regions has a key, and which of the copies of one to read from.
 *
 * `rangeShards` where neighbouring keys belong together, `hashShards` where they are to be spread, `directoryShards` where
 * each key has a place of its own, `geoShards` where users are to be near; `compositeShards` for several of them,
 * `rebalancePlan` for what moves when they change. `replicaRouter` for one primary and its replicas. Not before one
 * database is too small: what is sharded can no longer be joined or written in one transaction.
 *
 * Cost: a lookup in memory each; no timers.
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
