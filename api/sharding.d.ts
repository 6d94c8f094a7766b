declare abstract class BaseRing extends Placement {
	#private;
	constructor(owner: string, ring: RingPoints, weights: ReadonlyMap<string, number>);
	get(key: PlacementKey): string | undefined;
	getMany(key: PlacementKey, count: number, options?: GetManyOptions): string[];
	stats(): RingStats;
	diff(other: BaseRing): RingDiff;
	abstract "~hashOf"(data: HashData): number;
	get "~ring"(): RingPoints;
	protected replace(ring: RingPoints, weights: ReadonlyMap<string, number>): void;
}
declare abstract class Placement {
	protected weights: ReadonlyMap<string, number>;
	constructor(weights: ReadonlyMap<string, number>);
	get nodes(): readonly string[];
	get size(): number;
	has(node: string): boolean;
	weightOf(node: string): number | undefined;
	abstract get(key: PlacementKey): string | undefined;
	abstract getMany(key: PlacementKey, count: number): string[];
}
declare class RingPoints {
	#private;
	readonly nodes: readonly string[];
	private constructor();
	get points(): Uint32Array;
	get size(): number;
	static of(nodes: readonly string[], pointsOf: readonly Uint32Array[]): RingPoints;
	withOwners(nodes: readonly string[], added: ReadonlyMap<string, Uint32Array>): RingPoints;
	ownerOf(hash: number): string | undefined;
	walk(hash: number): Generator<string>;
	shares(): Map<string, number>;
	sharesWith(other: RingPoints): Generator<[
		own: string | undefined,
		others: string | undefined,
		share: number
	]>;
}
export declare function compositeShards<K>(...routers: readonly (ShardRouter<K> | AsyncShardRouter<K>)[]): AsyncShardRouter<K>;
export declare function compositeShards<K>(...routers: readonly ShardRouter<K>[]): ShardRouter<K>;
export declare function directoryShards(options?: DirectoryShardsOptions): DirectoryShards;
export declare function geoShards(options: GeoShardsOptions): GeoShards;
export declare function hashShards(source: ShardPlacement | Iterable<NodeOption> | NumberedShards): HashShards;
export declare function rangeShards<K extends RangeKey>(ranges: Iterable<ShardRange<K>>): RangeShards<KeyKindOf<K>>;
export declare function rebalancePlan(before: HashShards | BaseRing, after: HashShards | BaseRing): SharePlan;
export declare function rebalancePlan<K extends RangeKey>(before: RangeShards<K>, after: RangeShards<K>): RangePlan<K>;
export declare function rebalancePlan<K>(before: SyncRouter<K> | AsyncShardRouter<K>, after: SyncRouter<K> | AsyncShardRouter<K>, keys: Iterable<K>): Promise<KeyPlan<K>>;
export declare function rebalancePlan<K>(before: SyncRouter<K>, after: SyncRouter<K>, keys: Iterable<K>): KeyPlan<K>;
export declare function replicaRouter(options: ReplicaRouterOptions): ReplicaRouter;
export interface AsyncShardRouter<in K> {
	readonly isAsync: true;
	readonly shards: readonly string[];
	readonly get: (key: K, options?: ShardGetOptions) => Promise<string | undefined>;
}
export interface DirectoryEvents {
	readonly loadFailure: {
		readonly key: string;
		readonly error: unknown;
		readonly servedStale: string | undefined;
	};
}
export interface DirectoryLoadContext {
	readonly signal: AbortSignal;
}
export interface DirectoryShards extends AsyncShardRouter<string>, Observable<DirectoryEvents> {
	readonly size: number;
	set(key: string, shard: string): void;
	delete(key: string): boolean;
	invalidate(key: string): void;
	invalidateAll(): void;
}
export interface DirectoryShardsOptions {
	/** @defaultValue none */
	readonly entries?: Iterable<readonly [
		key: string,
		shard: string
	]> | undefined;
	/** @defaultValue none */
	readonly load?: ((key: string, context: DirectoryLoadContext) => string | undefined | PromiseLike<string | undefined>) | undefined;
	/** @defaultValue '5m' */
	readonly ttl?: Duration | undefined;
	/** @defaultValue 0 */
	readonly negativeTtl?: Duration | undefined;
	/** @defaultValue 0 */
	readonly staleIfError?: Duration | undefined;
	/** @defaultValue 10_000 */
	readonly capacity?: number | undefined;
	/** @defaultValue none */
	readonly default?: string | ((key: string) => string | undefined) | undefined;
	/** @defaultValue 'directoryShards' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface ForReadOptions {
	/** @defaultValue 'strong' */
	readonly consistency?: Consistency | undefined;
	readonly session?: ReplicaSession | undefined;
	/** @defaultValue none */
	readonly exclude?: Iterable<string> | undefined;
}
export interface GeoPlace {
	readonly region?: string | undefined;
	readonly latitude?: number | undefined;
	readonly longitude?: number | undefined;
}
export interface GeoShards extends ShardRouter<GeoPlace> {
	getMany(place: GeoPlace, count: number): string[];
}
export interface GeoShardsOptions {
	readonly shards: Iterable<GeoSite>;
	/** @defaultValue all shards are up */
	readonly isUp?: ((shard: string) => boolean) | undefined;
}
export interface GeoSite {
	readonly shard: string;
	readonly latitude: number;
	readonly longitude: number;
	/** @defaultValue none */
	readonly regions?: Iterable<string> | undefined;
	/** @defaultValue none */
	readonly fallbacks?: Iterable<string> | undefined;
}
export interface HashShards extends ShardRouter<PlacementKey> {
	getMany(key: PlacementKey, count: number): string[];
}
export interface KeyPlan<K> {
	readonly total: number;
	readonly moved: number;
	readonly moves: readonly (ShardMove & {
		readonly keys: readonly K[];
	})[];
}
export interface MarkToken {
	readonly epoch?: number | undefined;
	readonly position?: string | undefined;
	readonly at?: number | undefined;
}
export interface NumberedShards {
	readonly buckets: number;
	/** @defaultValue the number as a string */
	readonly name?: ((bucket: number) => string) | undefined;
}
export interface RangeMove<K extends RangeKey> extends ShardMove {
	readonly range: {
		readonly from: K | undefined;
		readonly to: K | undefined;
	};
}
export interface RangePlan<K extends RangeKey> {
	readonly moves: readonly RangeMove<K>[];
}
export interface RangeShards<K extends RangeKey> extends ShardRouter<K> {
	readonly ranges: readonly ShardRange<K>[];
	getRange(from?: K, to?: K): string[];
	split(at: K, shard: string): RangeShards<K>;
	merge(at: K): RangeShards<K>;
}
export interface ReplicaReport {
	readonly epoch: number;
	/** @defaultValue unknown */
	readonly lag?: Duration | undefined;
	/** @defaultValue unknown */
	readonly position?: LogPosition | undefined;
	/** @defaultValue now */
	readonly at?: number | undefined;
}
export interface ReplicaRoute {
	readonly node: string;
	readonly epoch: number;
	readonly role: "primary" | "replica";
	readonly lagMs: number | undefined;
}
export interface ReplicaRouter extends Observable<ReplicaRouterEvents> {
	readonly epoch: number;
	readonly primary: string;
	readonly nodes: readonly ReplicaState[];
	forWrite(): ReplicaRoute;
	forRead(options?: ForReadOptions): ReplicaRoute;
	session(token?: ReplicaSessionToken): ReplicaSession;
	report(node: string, report: ReplicaReport): boolean;
	markDown(node: string): void;
	markUp(node: string): void;
	failover(seen: {
		readonly epoch: number;
	}): ReplicaRoute;
	adopt(decision: {
		readonly primary: string;
		readonly epoch: number;
	}): boolean;
	isCurrent(epoch: number): boolean;
}
export interface ReplicaRouterEvents {
	readonly failover: {
		readonly from: string;
		readonly to: string;
		readonly epoch: number;
		readonly reason: "failover" | "adopted";
	};
	readonly nodeDown: {
		readonly node: string;
	};
	readonly nodeUp: {
		readonly node: string;
	};
}
export interface ReplicaRouterOptions {
	readonly primary: string;
	readonly replicas: Iterable<string>;
	/** @defaultValue 1 */
	readonly epoch?: number | undefined;
	/** @defaultValue '10s' */
	readonly reportMaxAge?: Duration | undefined;
	/** @defaultValue Infinity */
	readonly stickyFor?: Duration | undefined;
	/** @defaultValue 'primary' */
	readonly onNoFreshReplica?: "primary" | "reject" | undefined;
	/** @defaultValue '1m' */
	readonly cooldown?: Duration | undefined;
	/** @defaultValue 'replicaRouter' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Date.now` */
	readonly wallClock?: (() => number) | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface ReplicaSession {
	wrote(route: Pick<ReplicaRoute, "epoch">, position?: LogPosition): void;
	read(route: Pick<ReplicaRoute, "epoch">, position?: LogPosition): void;
	toJSON(): ReplicaSessionToken;
}
export interface ReplicaSessionToken {
	readonly version: 1;
	readonly wrote?: MarkToken | undefined;
	readonly read?: MarkToken | undefined;
}
export interface ReplicaState {
	readonly node: string;
	readonly role: "primary" | "replica" | "retired";
	readonly isUp: boolean;
	readonly lagMs: number | undefined;
	readonly position: LogPosition | undefined;
}
export interface ShardGetOptions {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
}
export interface ShardMove {
	readonly from: string | undefined;
	readonly to: string | undefined;
}
export interface ShardRange<K extends RangeKey> {
	/** @defaultValue open: no lower limit */
	readonly from?: K | undefined;
	/** @defaultValue open: no upper limit */
	readonly to?: K | undefined;
	readonly shard: string;
}
export interface ShardRouter<in K> {
	readonly isAsync?: false | undefined;
	readonly shards: readonly string[];
	readonly get: (key: K) => string | undefined;
}
export interface SharePlan {
	readonly share: number;
	readonly moves: readonly (ShardMove & {
		readonly share: number;
	})[];
}
export type Consistency = "strong" | "read-your-writes" | "monotonic" | "eventual" | {
	readonly maxLag: Duration;
};
export type KeyKindOf<K extends RangeKey> = K extends number ? number : K extends bigint ? bigint : K extends string ? string : Date;
export type LogPosition = number | bigint;
export type RangeKey = number | bigint | string | Date;
export type ShardPlacement = Pick<Placement, "get" | "getMany" | "nodes">;
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface GetManyOptions {
	/** @defaultValue zones are ignored */
	readonly zoneOf?: ((node: string) => string | undefined) | undefined;
}
interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
interface RingDiff {
	readonly share: number;
	readonly moves: readonly {
		readonly from: string | undefined;
		readonly to: string | undefined;
		readonly share: number;
	}[];
}
interface RingStats {
	readonly share: ReadonlyMap<string, number>;
	readonly peakToMean: number;
	readonly cv: number;
}
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type HashData = string | Uint8Array;
type NodeOption = string | {
	readonly node: string;
	readonly weight?: number | undefined;
};
type PlacementKey = string | Uint8Array | number | bigint;
type Random = () => number;
type SyncRouter<K> = Pick<ShardRouter<K>, "get">;

export {};
