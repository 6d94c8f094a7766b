export declare class CachedEntry<V> {
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
export declare function batch<K, V>(loadMany: (keys: readonly K[], context: {
	readonly signal: AbortSignal;
}) => PromiseLike<LoadedMany<K, V>> | LoadedMany<K, V>, options?: BatchFunctionOptions<K, V>): BatchedFunction<K, V>;
export declare function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V>;
export declare function loadingCache<K, V>(options: WithLoad<K, V, LoadingCacheOptions<K, V>>): LoadingCache<K, V>;
export declare function memoize<A extends readonly unknown[], V, K = A[0]>(fn: (...args: A) => V | PromiseLike<V>, options: MemoizeOptions<A, K, V> & NeedsKey<A, K>): Memoized<A, K, V>;
export declare function shareInvalidations<K extends string | number>(cache: InvalidationSharer<K>, bus: InvalidationBus, options?: ShareInvalidationsOptions): SharedInvalidations;
export interface BatchCallOptions {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
}
export interface BatchFunctionOptions<K, V> {
	/** @defaultValue 100 */
	readonly maxBatch?: number | undefined;
	/** @defaultValue 0 */
	readonly maxWait?: Duration | undefined;
	/** @defaultValue none */
	readonly policy?: Policy<LoadedMany<K, V>> | Policy | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface BatchOptions {
	/** @defaultValue 100 */
	readonly maxSize?: number | undefined;
	/** @defaultValue 0 */
	readonly maxWait?: Duration | undefined;
}
export interface CacheLike<K, V> {
	get(key: K): V | undefined;
	set(key: K, value: V): unknown;
	delete(key: K): boolean;
	clear?(): void;
	/** @defaultValue `get` */
	peek?(key: K): V | undefined;
}
export interface InvalidationBus {
	publish(message: string): unknown;
	subscribe(subscriber: InvalidationSubscriber): () => unknown;
}
export interface InvalidationSharer<K extends string | number> extends Observable<{
	invalidate: Invalidation<K>;
}> {
	applyInvalidation(invalidation: Invalidation<K>): void;
}
export interface InvalidationSubscriber {
	onMessage(message: string): void;
	onGap(): void;
}
export interface LoadContext<V> {
	readonly signal: AbortSignal;
	readonly previous: V | undefined;
}
export interface LoadManyContext {
	readonly signal: AbortSignal;
}
export interface LoadingCache<K, V> extends Observable<LoadingCacheEvents<K>> {
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
export interface LoadingCacheEvents<K> {
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
export interface LoadingCacheGetOptions {
	readonly signal?: AbortSignal | null | undefined;
}
export interface LoadingCacheOptions<K, V> {
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
export interface LoadingCacheSetOptions {
	/** @defaultValue the `ttl` of the cache */
	readonly ttl?: Duration | undefined;
	/** @defaultValue the result of the cache's `tags` function */
	readonly tags?: readonly string[] | undefined;
}
export interface LoadingCacheStats {
	readonly hits: number;
	readonly misses: number;
	readonly staleHits: number;
	readonly coalesced: number;
	readonly loads: number;
	readonly refreshes: number;
	readonly loadFailures: number;
	readonly discarded: number;
}
export interface MemoizeOptions<A extends readonly unknown[], K, V> extends CacheOptionsOfMemoize<K, V> {
	/** @defaultValue the argument itself */
	readonly key?: ((...args: A) => K) | undefined;
}
export interface Memoized<A extends readonly unknown[], K, V> {
	(...args: A): Promise<V>;
	readonly cache: MemoizeCache<K, V>;
}
export interface ShareInvalidationsOptions {
	/** @defaultValue `'invalidations'` */
	readonly topic?: string | undefined;
	/** @defaultValue a random UUID */
	readonly origin?: string | undefined;
	/** @defaultValue none */
	readonly onError?: ((error: unknown, invalidation: Invalidation<string | number>) => void) | undefined;
}
export interface SharedInvalidations {
	readonly stats: {
		readonly published: number;
		readonly received: number;
		readonly gaps: number;
		readonly failures: number;
	};
	stop(): void;
}
export interface WarmUpOptions<K> {
	/** @defaultValue 10 */
	readonly concurrency?: number | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue none */
	readonly onProgress?: ((progress: WarmUpProgress<K>) => void) | undefined;
}
export interface WarmUpProgress<K> extends WarmUpResult {
	readonly key: K;
	readonly error?: unknown;
}
export interface WarmUpResult {
	readonly loaded: number;
	readonly failed: number;
}
export type BatchedFunction<K, V> = (key: K, options?: BatchCallOptions) => Promise<V>;
export type EntryMatch = {
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
export type Invalidation<K> = ({
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
export type LoadedMany<K, V> = ReadonlyMap<K, V | Error> | readonly (V | Error)[];
export type MemoizeCache<K, V> = Omit<LoadingCache<K, V>, "get" | "getMany" | "getSync" | "refresh" | "warmUp">;
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
type CacheOptionsOfMemoize<K, V> = Omit<LoadingCacheOptions<K, V>, "load" | "loadMany" | "batch">;
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Clone<V> = "structured" | ((value: V) => V);
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type EntryAge = "fresh" | "stale" | "stale-if-error" | "expired";
type NeedsKey<A extends readonly unknown[], K> = A extends readonly [
] | readonly [
	Primitive?
] ? unknown : {
	readonly key: (...args: A) => K;
};
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Primitive = string | number | bigint | boolean | null | undefined;
type Random = () => number;
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";
type WithLoad<K, V, O> = Omit<O, "load"> & {
	readonly load: (key: K, context: LoadContext<unknown>) => V | PromiseLike<V>;
};

export {};
