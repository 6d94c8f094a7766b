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
export declare abstract class BaseRing extends Placement {
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
export declare abstract class Placement {
	protected weights: ReadonlyMap<string, number>;
	constructor(weights: ReadonlyMap<string, number>);
	get nodes(): readonly string[];
	get size(): number;
	has(node: string): boolean;
	weightOf(node: string): number | undefined;
	abstract get(key: PlacementKey): string | undefined;
	abstract getMany(key: PlacementKey, count: number): string[];
}
export declare class HashRing extends BaseRing {
	#private;
	constructor(nodes?: Iterable<NodeOption>, options?: HashRingOptions);
	static fromJSON(json: HashRingJson, options?: Pick<HashRingOptions, "hash">): HashRing;
	add(node: string, options?: {
		readonly weight?: number | undefined;
	}): this;
	addAll(nodes: Iterable<NodeOption>): this;
	remove(node: string): boolean;
	removeAll(nodes: Iterable<string>): number;
	toJSON(): HashRingJson;
	"~hashOf"(data: HashData): number;
}
export declare class KetamaRing extends BaseRing {
	#private;
	constructor(nodes: Iterable<NodeOption>, options?: KetamaRingOptions);
	"~hashOf"(data: HashData): number;
}
export declare class MaglevTable extends Placement {
	#private;
	constructor(nodes: Iterable<NodeOption>, options?: MaglevTableOptions);
	get(key: PlacementKey): string | undefined;
	getMany(key: PlacementKey, count: number): string[];
}
export declare class Rendezvous extends Placement {
	#private;
	constructor(nodes: Iterable<NodeOption>, options?: RendezvousOptions);
	get(key: PlacementKey): string | undefined;
	getMany(key: PlacementKey, count: number): string[];
}
export declare function fnv1a(data: HashData): number;
export declare function jumpHash(key: bigint | number | string, buckets: number): number;
/** @defaultValue 0 */
export declare function murmur3(data: HashData, seed?: number): number;
export declare function sipHash13(data: HashData, key: Uint8Array): bigint;
/** @defaultValue 0 */
export declare function xxh32(data: HashData, seed?: number): number;
export interface GetManyOptions {
	/** @defaultValue zones are ignored */
	readonly zoneOf?: ((node: string) => string | undefined) | undefined;
}
export interface HashRingJson {
	readonly layout: 1;
	readonly virtualNodes: number;
	readonly seed: number;
	readonly nodes: readonly {
		readonly node: string;
		readonly weight: number;
	}[];
}
export interface HashRingOptions {
	/** @defaultValue 160 */
	readonly virtualNodes?: number | undefined;
	/** @defaultValue `murmur3` */
	readonly hash?: HashFunction | undefined;
	/** @defaultValue 0 */
	readonly seed?: number | undefined;
}
export interface KetamaRingOptions {
	/** @defaultValue 'libketama' */
	readonly compat?: "libketama" | "hashring" | undefined;
}
export interface MaglevTableOptions {
	/** @defaultValue 65537 */
	readonly size?: number | undefined;
	/** @defaultValue 0 */
	readonly seed?: number | undefined;
}
export interface RendezvousOptions {
	/** @defaultValue 0 */
	readonly seed?: number | undefined;
}
export interface RingDiff {
	readonly share: number;
	readonly moves: readonly {
		readonly from: string | undefined;
		readonly to: string | undefined;
		readonly share: number;
	}[];
}
export interface RingStats {
	readonly share: ReadonlyMap<string, number>;
	readonly peakToMean: number;
	readonly cv: number;
}
export type HashData = string | Uint8Array;
export type HashFunction = (data: HashData, seed: number) => number;
export type NodeOption = string | {
	readonly node: string;
	readonly weight?: number | undefined;
};
export type PlacementKey = string | Uint8Array | number | bigint;

export {};
