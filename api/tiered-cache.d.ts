declare class CachedEntry<V> {
	readonly value: V;
	hitFastPathUntil: number | undefined;
	checkedVersion: number;
	readonly failure: {
		readonly error: unknown;
	} | undefined;
	readonly freshUntil: number;
	readonly loadMs: number;
	readonly tags: readonly string[];
	readonly refreshFrom: number | undefined;
	expiredAt: number | undefined;
	retryFrom: number | undefined;
	constructor(init: NewEntry<V>, { share, beta }: EarlyRefresh);
	isInBackoff(now: number): boolean;
	get endsAt(): number;
	ageAt(now: number, { revalidateMs, errorMs }: StaleWindows): EntryAge;
	isDueForRefresh(now: number, { beta }: EarlyRefresh, random: Random): boolean;
	expire(from: number): void;
}
export declare function tiered<V, D = string>(l1: FirstTier<Fixed<V>>, l2: CacheStore<D>, options: TieredLoadingOptions<V, D> & NeedsSerializer<D>): TieredCache<V>;
export declare function tiered<V, D = string>(l1: FirstTier<Fixed<V>>, l2: CacheStore<D>, options: WithLoad<string, V, TieredLoadingOptions<V, D>> & NeedsSerializer<D>): TieredCache<V>;
export declare function tiered<V, D = string>(l1: FirstTier<V | undefined>, l2: CacheStore<D>, options?: TieredOptions<V | undefined, D> & NeedsSerializer<D>): TieredCache<V | undefined>;
export interface CacheStore<D = string> {
	get(key: string, context: CacheStoreContext): PromiseLike<StoredData<D> | undefined>;
	readonly getMany?: ((keys: readonly string[], context: CacheStoreContext) => PromiseLike<readonly (StoredData<D> | undefined)[]>) | undefined;
	set(key: string, data: D, options: CacheStoreSetOptions, context: CacheStoreContext): PromiseLike<unknown>;
	delete(key: string, context: CacheStoreContext): PromiseLike<unknown>;
	deleteMatching(match: EntryMatch, context: CacheStoreContext): PromiseLike<unknown>;
}
export interface CacheStoreContext {
	readonly signal: AbortSignal;
}
export interface CacheStoreSetOptions {
	readonly ttlMs: number;
	readonly tags: readonly string[];
}
export interface Latency {
	readonly calls: number;
	readonly meanMs: number;
	readonly maxMs: number;
}
export interface SecondTierStats {
	readonly hits: number;
	readonly misses: number;
	readonly staleHits: number;
	readonly bypassed: number;
	readonly hitRatio: number;
	readonly failures: number;
	readonly pendingInvalidations: number;
	readonly latency: Latency;
}
export interface Serializer<D> {
	serialize(value: unknown): D;
	deserialize(data: D): unknown;
}
export interface StoredData<D> {
	readonly data: D;
	readonly remainingMs: number;
}
export interface TieredCache<V> extends Pick<LoadingCache<string, V>, ReadingVerbs>, Observable<TieredCacheEvents> {
	set(key: string, value: V, options?: LoadingCacheSetOptions): Promise<boolean>;
	delete(key: string): Promise<boolean>;
	expire(key: string): Promise<boolean>;
	deleteMatching(match: EntryMatch): Promise<boolean>;
	expireMatching(match: EntryMatch): Promise<boolean>;
	clear(): Promise<boolean>;
	applyInvalidation: LoadingCache<string, V>["applyInvalidation"];
	onIdle(): Promise<void>;
	readonly stats: TieredCacheStats;
}
export interface TieredCacheEvents extends LoadingCacheEvents<string> {
	secondTier: {
		readonly operation: "get" | "set" | "delete" | "deleteMatching";
		readonly keys: number;
		readonly durationMs: number;
		readonly error?: unknown;
	};
}
export interface TieredCacheStats {
	readonly l1: LoadingCacheStats & {
		readonly hitRatio: number;
	};
	readonly l2: SecondTierStats;
	readonly origin: Latency & {
		readonly failures: number;
	};
}
export interface TieredLoadingOptions<V, D> extends Omit<LoadingCacheOptions<string, V>, "capacity" | "cache">, TierOptions<D> {
}
export interface TieredOptions<V, D> extends Pick<LoadingCacheOptions<string, V>, "ttl" | "ttlJitter" | "tags" | "name" | "clock" | "random">, TierOptions<D> {
	readonly load?: undefined;
	readonly loadMany?: undefined;
}
export type FirstTier<V> = {
	readonly capacity: number;
} | CacheLike<string, CachedEntry<V>>;
interface BatchOptions {
	/** @defaultValue 100 */
	readonly maxSize?: number | undefined;
	/** @defaultValue 0 */
	readonly maxWait?: Duration | undefined;
}
interface CacheLike<K, V> {
	get(key: K): V | undefined;
	set(key: K, value: V): unknown;
	delete(key: K): boolean;
	clear?(): void;
	/** @defaultValue `get` */
	peek?(key: K): V | undefined;
}
interface CallContext {
	readonly signal: AbortSignal;
	readonly attempt: number;
	readonly hedge: number;
	readonly deadline: number;
	/** @defaultValue 5 */
	readonly priority: number;
	readonly key: string | undefined;
}
interface CallOptions<T = unknown> {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue Infinity */
	readonly timeout?: Duration | undefined;
	/** @defaultValue `defaultClassify` */
	readonly classify?: Classify<T> | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
	/** @defaultValue none */
	readonly key?: string | undefined;
	/** @defaultValue true */
	readonly repeatable?: boolean | undefined;
}
interface ChildContext extends PolicyContext {
	abort(reason: unknown): void;
	[Symbol.dispose](): void;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface ContextChange {
	/** @defaultValue the parent's */
	readonly attempt?: number | undefined;
	/** @defaultValue the parent's */
	readonly hedge?: number | undefined;
	/** @defaultValue the parent's */
	readonly deadline?: number | undefined;
}
interface EarlyRefresh {
	readonly share: number;
	readonly beta: number;
}
interface LoadContext<V> {
	readonly signal: AbortSignal;
	readonly previous: V | undefined;
}
interface LoadManyContext {
	readonly signal: AbortSignal;
}
interface LoadingCache<K, V> extends Observable<LoadingCacheEvents<K>> {
	get(key: K, options?: LoadingCacheGetOptions): Promise<V>;
	getMany(keys: Iterable<K>, options?: LoadingCacheGetOptions): Promise<V[]>;
	getSync(key: K): V | undefined;
	peek(key: K): V | undefined;
	set(key: K, value: V, options?: LoadingCacheSetOptions): void;
	delete(key: K): boolean;
	expire(key: K): boolean;
	deleteMatching(match: EntryMatch): void;
	expireMatching(match: EntryMatch): void;
	clear(): void;
	applyInvalidation(invalidation: Invalidation<K>): void;
	refresh(key: K, options?: LoadingCacheGetOptions): Promise<V>;
	warmUp(keys: Iterable<K> | AsyncIterable<K>, options?: WarmUpOptions<K>): Promise<WarmUpResult>;
	readonly loading: number;
	readonly stats: LoadingCacheStats;
}
interface LoadingCacheEvents<K> {
	load: {
		readonly key: K;
		readonly durationMs: number;
		readonly isRefresh: boolean;
		readonly isKept: boolean;
	};
	invalidate: Invalidation<K>;
	loadError: {
		readonly key: K;
		readonly error: unknown;
		readonly durationMs: number;
		readonly isRefresh: boolean;
	};
}
interface LoadingCacheGetOptions {
	readonly signal?: AbortSignal | null | undefined;
}
interface LoadingCacheOptions<K, V> {
	readonly load?: ((key: K, context: LoadContext<V>) => V | PromiseLike<V>) | undefined;
	readonly loadMany?: ((keys: readonly K[], context: LoadManyContext) => LoadedMany<K, V> | PromiseLike<LoadedMany<K, V>>) | undefined;
	readonly batch?: BatchOptions | undefined;
	readonly capacity?: number | undefined;
	readonly cache?: CacheLike<K, CachedEntry<V>> | undefined;
	/** @defaultValue `Infinity` */
	readonly ttl?: Duration | ((value: V, key: K) => Duration) | undefined;
	/** @defaultValue none: all callers share one value */
	readonly clone?: Clone<V> | undefined;
	/** @defaultValue 0 */
	readonly ttlJitter?: number | undefined;
	/** @defaultValue 0 */
	readonly staleWhileRevalidate?: Duration | undefined;
	/** @defaultValue 0 */
	readonly staleIfError?: Duration | undefined;
	/** @defaultValue 0 */
	readonly negativeTtl?: Duration | ((error: unknown, key: K) => Duration) | undefined;
	/** @defaultValue none: a fresh value is not reloaded */
	readonly refreshAhead?: number | undefined;
	/** @defaultValue none: no early reload */
	readonly earlyExpiration?: number | undefined;
	/** @defaultValue none: the read waits for the load */
	readonly softTimeout?: Duration | undefined;
	/** @defaultValue none: the read waits for the load */
	readonly hardTimeout?: Duration | undefined;
	/** @defaultValue none: values have no tags */
	readonly tags?: ((value: V, key: K) => readonly string[]) | undefined;
	/** @defaultValue none */
	readonly policy?: Policy<V> | undefined;
	/** @defaultValue the name of the factory */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
interface LoadingCacheSetOptions {
	/** @defaultValue the `ttl` of the cache */
	readonly ttl?: Duration | undefined;
	/** @defaultValue the result of the cache's `tags` function */
	readonly tags?: readonly string[] | undefined;
}
interface LoadingCacheStats {
	readonly hits: number;
	readonly misses: number;
	readonly staleHits: number;
	readonly coalesced: number;
	readonly loads: number;
	readonly refreshes: number;
	readonly loadFailures: number;
	readonly discarded: number;
}
interface NewEntry<V> {
	readonly value: V | undefined;
	readonly failure?: {
		readonly error: unknown;
	} | undefined;
	readonly now: number;
	readonly freshMs: number;
	readonly loadMs: number;
	readonly tags: readonly string[];
	readonly checkedVersion: number;
}
interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
interface Policy<out Adds = never> {
	readonly name: string;
	readonly clock: Clock;
	execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<T | Adds>;
	attempt<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<Outcome<T | Adds>>;
	wrap<F extends (...args: never[]) => Promise<unknown>>(this: Policy, fn: F): F;
	wrap<This, A extends unknown[], T>(fn: (this: This, ...args: A) => T | PromiseLike<T>): (this: This, ...args: A) => Promise<T | Adds>;
	run(next: Next, context: PolicyContext): Promise<unknown>;
	describe(): PolicyDescription;
	readonly "~adds"?: {
		readonly type: Adds;
	};
}
interface PolicyContext extends CallContext {
	readonly aborted: boolean;
	readonly classify: Classify;
	readonly repeatable: boolean;
	readonly clock: Clock;
	derive(change: ContextChange): ChildContext;
	sleep(ms: number): Promise<void>;
	wait<T>(promise: PromiseLike<T>): Promise<T>;
}
interface PolicyDescription {
	readonly kind: string;
	readonly name: string;
	readonly policies?: readonly PolicyDescription[] | undefined;
	readonly [setting: string]: unknown;
}
interface StaleWindows {
	readonly revalidateMs: number;
	readonly errorMs: number;
}
interface TierOptions<D> {
	/** @defaultValue `Infinity`: as long as the value is fresh */
	readonly l1Ttl?: Duration | undefined;
	/** @defaultValue `'250ms'` */
	readonly l2Timeout?: Duration | undefined;
	/** @defaultValue a `circuitBreaker` that opens for 1 s after 5 consecutive failures */
	readonly l2Policy?: Policy | undefined;
	/** @defaultValue `''` */
	readonly prefix?: string | undefined;
	/** @defaultValue JSON, for a store of strings */
	readonly serializer?: Serializer<D> | undefined;
}
interface WarmUpOptions<K> {
	/** @defaultValue 10 */
	readonly concurrency?: number | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue none */
	readonly onProgress?: ((progress: WarmUpProgress<K>) => void) | undefined;
}
interface WarmUpProgress<K> extends WarmUpResult {
	readonly key: K;
	readonly error?: unknown;
}
interface WarmUpResult {
	readonly loaded: number;
	readonly failed: number;
}
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Clone<V> = "structured" | ((value: V) => V);
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type EntryAge = "fresh" | "stale" | "stale-if-error" | "expired";
type EntryMatch = {
	readonly tag: string;
	readonly prefix?: undefined;
	readonly glob?: undefined;
} | {
	readonly prefix: string;
	readonly tag?: undefined;
	readonly glob?: undefined;
} | {
	readonly glob: string;
	readonly tag?: undefined;
	readonly prefix?: undefined;
};
type Fixed<T> = [
	T
][T extends unknown ? 0 : never];
type Invalidation<K> = ({
	readonly kind: "delete" | "expire";
	readonly key: K;
} | {
	readonly kind: "deleteMatching" | "expireMatching";
	readonly match: EntryMatch;
} | {
	readonly kind: "clear";
}) & {
	readonly isRebroadcast?: true | undefined;
};
type LoadedMany<K, V> = ReadonlyMap<K, V | Error> | readonly (V | Error)[];
type NeedsSerializer<D> = [
	D
] extends [
	string
] ? unknown : {
	readonly serializer: Serializer<D>;
};
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Random = () => number;
type ReadingVerbs = "get" | "getMany" | "getSync" | "peek" | "refresh" | "warmUp" | "loading";
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";
type WithLoad<K, V, O> = Omit<O, "load"> & {
	readonly load: (key: K, context: LoadContext<unknown>) => V | PromiseLike<V>;
};

export {};
