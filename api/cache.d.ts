declare abstract class BaseCache<K, V> implements Cache$1<K, V> {
	#private;
	constructor(table: EntryTable<K, V>);
	abstract get(key: K): V | undefined;
	abstract set(key: K, value: V, options?: SetOptions): this;
	get capacity(): number;
	get size(): number;
	get weight(): number;
	get stats(): CacheStats;
	on<E extends keyof CacheEvents<K, V>>(type: E, listener: (event: CacheEvents<K, V>[E]) => void): () => void;
	peek(key: K): V | undefined;
	has(key: K): boolean;
	getOrInsert(key: K, value: V): V;
	getOrInsertComputed(key: K, compute: (key: K) => V): V;
	delete(key: K): boolean;
	clear(): void;
	entries(): IterableIterator<[
		K,
		V
	]>;
	keys(): IterableIterator<K>;
	values(): IterableIterator<V>;
	[Symbol.iterator](): IterableIterator<[
		K,
		V
	]>;
	forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void;
	resize(capacity: number): void;
	expiresInMs(key: K): number | undefined;
	purgeExpired(): number;
	dump(): CacheDump<K, V>;
	restore(dump: CacheDump<K, V>): void;
	[Symbol.dispose](): void;
}
declare class Emitter<E> implements Observable<E> {
	#private;
	constructor(types?: readonly (keyof E & string)[]);
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
	has(type: keyof E): boolean;
	get isObserved(): boolean;
	emit<K extends keyof E>(type: K, event: E[K]): void;
}
declare class EntryTable<K, V> implements Purgeable {
	#private;
	readonly owner: string;
	readonly events: Emitter<CacheEvents<K, V>>;
	readonly weights: Weights<K, V> | undefined;
	readonly counts: {
		hits: number;
		misses: number;
		inserts: number;
		updates: number;
		evictions: number;
		expirations: number;
		rejections: number;
	};
	constructor(parts: TableParts<K, V>);
	get capacity(): number;
	get size(): number;
	get isPending(): boolean;
	now(): number;
	keyOf(slot: number): K;
	valueOf(slot: number): V | undefined;
	read(slot: number): V | undefined;
	slots(): Iterable<number>;
	present(): Generator<number>;
	find(key: K, now?: number): number;
	get(key: K): V | undefined;
	lookUp(key: K): number;
	set(key: K, value: V, options?: SetOptions): void;
	delete(key: K): boolean;
	clear(): void;
	resize(capacity: number): void;
	purge(): number;
	dueOf(slot: number): number;
	dump(): DumpedEntry<K, V>[];
	entries(): DumpedEntry<K, V>[];
	restore(entries: readonly DumpedEntry<K, V>[]): void;
	stopTimer(): void;
}
declare class Expiry implements DueTimes {
	#private;
	due: Float64Array;
	constructor(keepsTtl: boolean, ordersAll: boolean);
	grow(lastSlot: number): void;
	schedule(slot: number, due: number, ttlMs: number): void;
	cancel(slot: number): void;
	renew(slot: number, now: number): void;
	ttlOf(slot: number): number;
	sort(): void;
	get first(): number;
	get isPending(): boolean;
	overdue(now: number): number;
	slots(): Int32Array;
	latestFirst(): Iterable<number>;
	clear(): void;
}
declare class SlotLinks {
	next: Int32Array;
	previous: Int32Array;
	grow(lastSlot: number): void;
	clear(): void;
}
declare class SlotList {
	#private;
	size: number;
	constructor(links: SlotLinks);
	get first(): number;
	get last(): number;
	lastBut(spared: number): number;
	unshift(slot: number): void;
	push(slot: number): void;
	remove(slot: number): void;
	moveToFront(slot: number): void;
	clear(): void;
	[Symbol.iterator](): Iterator<number>;
}
declare class Weights<K, V> {
	#private;
	readonly max: number;
	total: number;
	constructor(owner: string, max: number, weigh: Weigh<K, V>);
	grow(lastSlot: number): void;
	of(slot: number): number;
	weigh(key: K, value: V, given: number | undefined): number;
	set(slot: number, weight: number): void;
	haveRoomFor(weight: number): boolean;
	clear(): void;
}
export declare class ClockCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: CacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class FifoCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: CacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class LfuCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: CacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class LruCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: CacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class RandomCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: RandomCacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class TinyLfuCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: CacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export declare class TtlCache<K, V> extends BaseCache<K, V> {
	#private;
	constructor(options: TtlCacheOptions<K, V>);
	get(key: K): V | undefined;
	set(key: K, value: V, options?: SetOptions): this;
}
export interface CacheDump<K, V> {
	readonly entries: readonly DumpedEntry<K, V>[];
}
export interface CacheEvents<K, V> {
	remove: {
		readonly key: K;
		readonly value: V;
		readonly reason: RemoveReason;
	};
}
export interface CacheOptions<K, V> {
	readonly capacity: number;
	/** @defaultValue `Infinity` */
	readonly ttl?: Duration | undefined;
	/** @defaultValue false */
	readonly touchOnGet?: boolean | undefined;
	/** @defaultValue none */
	readonly maxWeight?: number | undefined;
	readonly weigh?: ((entry: {
		readonly key: K;
		readonly value: V;
	}) => number) | undefined;
	/** @defaultValue none */
	readonly purgeEvery?: Duration | undefined;
	/** @defaultValue none: all callers share one value */
	readonly clone?: Clone<V> | undefined;
	/** @defaultValue the name of the class */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface CacheStats {
	readonly hits: number;
	readonly misses: number;
	readonly inserts: number;
	readonly updates: number;
	readonly evictions: number;
	readonly expirations: number;
	readonly rejections: number;
}
export interface DumpedEntry<K, V> {
	readonly key: K;
	readonly value: V;
	readonly expiresInMs?: number;
	readonly ttlMs?: number;
	readonly weight?: number;
	readonly uses?: number;
}
export interface RandomCacheOptions<K, V> extends CacheOptions<K, V> {
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface SetOptions {
	/** @defaultValue the `ttl` of the cache */
	readonly ttl?: Duration | undefined;
	/** @defaultValue the result of `weigh` */
	readonly weight?: number | undefined;
}
export interface TtlCacheOptions<K, V> extends CacheOptions<K, V> {
	readonly ttl: Duration;
}
export type RemoveReason = "evicted" | "expired" | "deleted" | "replaced" | "cleared";
interface Cache$1<K, V> extends Observable<CacheEvents<K, V>> {
	readonly capacity: number;
	readonly size: number;
	readonly weight: number;
	readonly stats: CacheStats;
	get(key: K): V | undefined;
	peek(key: K): V | undefined;
	has(key: K): boolean;
	set(key: K, value: V, options?: SetOptions): this;
	getOrInsert(key: K, value: V): V;
	getOrInsertComputed(key: K, compute: (key: K) => V): V;
	delete(key: K): boolean;
	clear(): void;
	keys(): IterableIterator<K>;
	values(): IterableIterator<V>;
	entries(): IterableIterator<[
		K,
		V
	]>;
	[Symbol.iterator](): IterableIterator<[
		K,
		V
	]>;
	forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void;
	resize(capacity: number): void;
	expiresInMs(key: K): number | undefined;
	purgeExpired(): number;
	dump(): CacheDump<K, V>;
	restore(dump: CacheDump<K, V>): void;
	[Symbol.dispose](): void;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface DueTimes {
	readonly due: Float64Array;
}
interface EvictionOrder<K> {
	readonly recency?: SlotList;
	readonly marks?: Uint8Array;
	readonly mostMarks?: number;
	readonly isByUses?: boolean;
	readonly passesEmptySlots?: boolean;
	grow(lastSlot: number): void;
	add(slot: number, key: K, uses?: number): void;
	use?(slot: number): void;
	remove(slot: number): void;
	evict(spared: number): number;
	slots(): Iterable<number>;
	uses?(slot: number): number;
	resize?(capacity: number): void;
	clear(): void;
}
interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
interface Purgeable {
	purge(): void;
	readonly isPending: boolean;
}
interface TableParts<K, V> {
	readonly owner: string;
	readonly events: Emitter<CacheEvents<K, V>>;
	readonly capacity: number;
	readonly clock: Clock;
	readonly order: EvictionOrder<K>;
	readonly expiry: Expiry | undefined;
	readonly ttlMs: number;
	readonly touchOnGet: boolean;
	readonly purgeEveryMs: number | undefined;
	readonly weights: Weights<K, V> | undefined;
}
type Clone<V> = "structured" | ((value: V) => V);
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type Random = () => number;
type Weigh<K, V> = NonNullable<CacheOptions<K, V>["weigh"]>;

export {
	Cache$1 as Cache,
};

export {};
