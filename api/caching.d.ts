export declare class CachedEntry<V> {
	readonly value: V;
	calmUntil: number | undefined;
	seen: number;
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
	isHeldBack(now: number): boolean;
	get endsAt(): number;
	ageAt(now: number, { revalidateMs, errorMs }: StaleWindows): EntryAge;
	isDueForRefresh(now: number, { beta }: EarlyRefresh, random: Random): boolean;
	expire(from: number): void;
}
export declare function coalesce(options?: CoalesceOptions): Coalesce;
export declare function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V>;
export declare function loadingCache<K, V>(options: WithLoad<K, V, LoadingCacheOptions<K, V>>): LoadingCache<K, V>;
export declare function memoize<A extends readonly unknown[], V, K = A[0]>(fn: (...args: A) => V | PromiseLike<V>, options: MemoizeOptions<A, K, V> & NeedsKey<A, K>): Memoized<A, K, V>;
export declare function shareInvalidations<K extends string | number>(cache: InvalidationSharer<K>, bus: InvalidationBus, options?: ShareInvalidationsOptions): SharedInvalidations;
export declare function tiered<V, D = string>(l1: FirstTier<NoInfer<V>>, l2: CacheStore<D>, options: TieredLoadingOptions<V, D> & NeedsSerializer<D>): TieredCache<V>;
export declare function tiered<V, D = string>(l1: FirstTier<NoInfer<V>>, l2: CacheStore<D>, options: WithLoad<string, V, TieredLoadingOptions<V, D>> & NeedsSerializer<D>): TieredCache<V>;
export declare function tiered<V, D = string>(l1: FirstTier<V | undefined>, l2: CacheStore<D>, options?: TieredOptions<V | undefined, D> & NeedsSerializer<D>): TieredCache<V | undefined>;
export declare function writeAround<K, V>(options: WriteAroundOptions<K, V>): WriteAround<K, V>;
export declare function writeBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehind<K, V>;
export declare function writeThrough<K, V>(options: WriteThroughOptions<K, V>): WriteThrough<K, V>;
export interface BatchOptions {
	/** @defaultValue 100 */
	readonly maxSize?: number | undefined;
	/** @defaultValue 0 */
	readonly maxWait?: Duration | undefined;
}
export interface CacheErrorEvents<K> {
	cacheError: {
		readonly key: K;
		readonly error: unknown;
	};
}
export interface CacheLike<K, V> {
	get(key: K): V | undefined;
	set(key: K, value: V): unknown;
	delete(key: K): boolean;
	clear?(): void;
	/** @defaultValue `get` */
	peek?(key: K): V | undefined;
}
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
export interface Coalesce extends Policy {
	readonly running: number;
}
export interface CoalesceOptions {
	/** @defaultValue 'coalesce' */
	readonly name?: string | undefined;
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
export interface JournalAck<K> {
	readonly key: K;
	readonly number: number;
}
export interface Latency {
	readonly calls: number;
	readonly meanMs: number;
	readonly maxMs: number;
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
	/** @defaultValue 0 */
	readonly ttlJitter?: number | undefined;
	/** @defaultValue 0 */
	readonly staleWhileRevalidate?: Duration | undefined;
	/** @defaultValue 0 */
	readonly staleIfError?: Duration | undefined;
	/** @defaultValue 0 */
	readonly negativeTtl?: Duration | ((error: unknown, key: K) => Duration) | undefined;
	/** @defaultValue none */
	readonly refreshAhead?: number | undefined;
	/** @defaultValue none */
	readonly earlyExpiration?: number | undefined;
	/** @defaultValue none */
	readonly softTimeout?: Duration | undefined;
	/** @defaultValue none */
	readonly hardTimeout?: Duration | undefined;
	/** @defaultValue none */
	readonly tags?: ((value: V, key: K) => readonly string[]) | undefined;
	readonly policy?: Policy<V> | undefined;
	/** @defaultValue the name of the factory */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface LoadingCacheSetOptions {
	/** @defaultValue the cache's */
	readonly ttl?: Duration | undefined;
	/** @defaultValue what the cache's `tags` says */
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
	/** @defaultValue the argument itself, of a function with one argument that is a string, a number, a bigint, a boolean, null or undefined */
	readonly key?: ((...args: A) => K) | undefined;
}
export interface Memoized<A extends readonly unknown[], K, V> {
	(...args: A): Promise<V>;
	readonly cache: MemoizeCache<K, V>;
}
export interface SecondTierStats {
	readonly hits: number;
	readonly misses: number;
	readonly staleHits: number;
	readonly doubtful: number;
	readonly hitRatio: number;
	readonly failures: number;
	readonly outstanding: number;
	readonly latency: Latency;
}
export interface Serializer<D> {
	serialize(value: unknown): D;
	deserialize(data: D): unknown;
}
export interface ShareInvalidationsOptions {
	/** @defaultValue 'invalidations' */
	readonly topic?: string | undefined;
	/** @defaultValue a random UUID */
	readonly origin?: string | undefined;
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
export interface WarmUpOptions<K> {
	/** @defaultValue 10 */
	readonly concurrency?: number | undefined;
	readonly signal?: AbortSignal | null | undefined;
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
export interface WritableCache<K, V> {
	set(key: K, value: V, options?: WritableCacheSetOptions): unknown;
	delete(key: K): unknown;
}
export interface WritableCacheSetOptions {
	readonly ttl?: number | undefined;
	readonly tags?: readonly string[] | undefined;
}
export interface WriteAround<K, V> extends Observable<CacheErrorEvents<K>> {
	set(key: K, value: V, options?: WriteOptions): Promise<void>;
	delete(key: K, options?: WriteOptions): Promise<void>;
	readonly writing: number;
}
export interface WriteBehind<K, V> extends Observable<WriteBehindEvents<K, V>> {
	set(key: K, value: V, options?: WriteOptions): Promise<void>;
	delete(key: K, options?: WriteOptions): Promise<void>;
	peek(key: K): WriteEntry<K, V> | undefined;
	/** @defaultValue undefined */
	reading<C, D = undefined>(load: (key: K, context: C) => V | PromiseLike<V>, whenDeleted?: (key: K) => D): (key: K, context: C) => Promise<V | D>;
	flush(options?: WriteOptions): Promise<void>;
	close(options?: WriteBehindCloseOptions): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
	readonly pending: number;
	readonly stats: WriteBehindStats;
}
export interface WriteBehindCloseOptions {
	/** @defaultValue Infinity */
	readonly timeout?: Duration | undefined;
	readonly signal?: AbortSignal | null | undefined;
}
export interface WriteBehindEvents<K, V> extends CacheErrorEvents<K> {
	batch: {
		readonly size: number;
		readonly failed: number;
		readonly durationMs: number;
	};
	failure: {
		readonly write: WriteEntry<K, V>;
		readonly error: unknown;
		readonly attempt: number;
		readonly delayMs: number | undefined;
	};
	lost: LostWrite<K, V>;
	journalError: {
		readonly error: unknown;
	};
}
export interface WriteBehindOptions<K, V> {
	readonly write?: ((key: K, value: V, context: WriteContext) => unknown) | undefined;
	/** @defaultValue none: nothing can be deleted */
	readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
	readonly writeMany?: ((entries: readonly WriteEntry<K, V>[], context: WriteContext) => unknown) | undefined;
	/** @defaultValue none */
	readonly cache?: WritableCache<K, V> | undefined;
	/** @defaultValue '1s' */
	readonly flushEvery?: Duration | undefined;
	/** @defaultValue 100 */
	readonly maxBatch?: number | undefined;
	/** @defaultValue 10_000 */
	readonly maxPending?: number | undefined;
	/** @defaultValue 'wait' */
	readonly atLimit?: "wait" | "reject" | undefined;
	/** @defaultValue 1 */
	readonly concurrency?: number | undefined;
	/** @defaultValue `exponentialBackoff()` */
	readonly backoff?: Backoff | undefined;
	/** @defaultValue Infinity */
	readonly maxAttempts?: number | undefined;
	readonly policy?: Policy<unknown> | undefined;
	/** @defaultValue none */
	readonly journal?: WriteJournal<K, V> | undefined;
	/** @defaultValue nothing */
	readonly initial?: Iterable<JournalEntry<K, V>> | undefined;
	/** @defaultValue 'writeBehind' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface WriteBehindStats {
	readonly accepted: number;
	readonly coalesced: number;
	readonly written: number;
	readonly batches: number;
	readonly failures: number;
	readonly retries: number;
	readonly lost: number;
	readonly waiting: number;
}
export interface WriteContext {
	readonly signal: AbortSignal;
}
export interface WriteJournal<K, V> {
	append(entries: readonly JournalEntry<K, V>[]): unknown;
	ack(acks: readonly JournalAck<K>[]): unknown;
}
export interface WriteOptions {
	readonly signal?: AbortSignal | null | undefined;
}
export interface WriteThrough<K, V> extends Observable<CacheErrorEvents<K>> {
	set(key: K, value: V, options?: WriteThroughSetOptions): Promise<void>;
	delete(key: K, options?: WriteOptions): Promise<void>;
	readonly writing: number;
}
export interface WriteThroughOptions<K, V> extends StoreWriterOptions<K, V> {
	/** @defaultValue 'store-first' */
	readonly order?: "store-first" | "both" | undefined;
}
export interface WriteThroughSetOptions extends WriteOptions {
	/** @defaultValue the cache's */
	readonly ttl?: Duration | undefined;
	/** @defaultValue the cache's */
	readonly tags?: readonly string[] | undefined;
}
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
export type FirstTier<V> = {
	readonly capacity: number;
} | CacheLike<string, CachedEntry<V>>;
export type Invalidation<K> = ({
	readonly kind: "delete" | "expire";
	readonly key: K;
} | {
	readonly kind: "deleteMatching" | "expireMatching";
	readonly match: EntryMatch;
} | {
	readonly kind: "clear";
}) & {
	readonly isEcho?: true | undefined;
};
export type JournalEntry<K, V> = WriteEntry<K, V> & {
	readonly number: number;
};
export type LoadedMany<K, V> = ReadonlyMap<K, V | Error> | readonly (V | Error)[];
export type MemoizeCache<K, V> = Omit<LoadingCache<K, V>, "get" | "getMany" | "getSync" | "refresh" | "warmUp">;
export type WriteAroundOptions<K, V> = StoreWriterOptions<K, V>;
export type WriteEntry<K, V> = {
	readonly type: "set";
	readonly key: K;
	readonly value: V;
} | {
	readonly type: "delete";
	readonly key: K;
};
interface BackoffEvent {
	readonly attempt: number;
	readonly previousDelayMs: number | undefined;
	readonly outcome: Outcome;
	readonly random: Random;
}
interface CallContext {
	readonly signal: AbortSignal;
	readonly attempt: number;
	readonly deadline: number;
	/** @defaultValue 5 */
	readonly priority: number;
	readonly key: string | undefined;
}
interface CallOptions {
	readonly signal?: AbortSignal | null | undefined;
	readonly timeout?: Duration | undefined;
	/** @defaultValue `defaultClassify` */
	readonly classify?: Classify | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
	readonly key?: string | undefined;
}
interface ChildContext extends PolicyContext {
	abort(reason: unknown): void;
	[Symbol.dispose](): void;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
}
interface ContextChange {
	readonly attempt?: number | undefined;
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
	readonly seen: number;
}
interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
interface Policy<out Adds = never> {
	readonly name: string;
	readonly clock: Clock;
	execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions): Promise<T | Adds>;
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
interface StoreWriterOptions<K, V> {
	readonly cache: WritableCache<K, V>;
	readonly write: (key: K, value: V, context: WriteContext) => unknown;
	/** @defaultValue none: nothing can be deleted */
	readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
	readonly policy?: Policy<unknown> | undefined;
	/** @defaultValue the name of the factory */
	readonly name?: string | undefined;
}
interface TierOptions<D> {
	/** @defaultValue as long as it is fresh */
	readonly l1Ttl?: Duration | undefined;
	/** @defaultValue '250ms' */
	readonly l2Timeout?: Duration | undefined;
	/** @defaultValue a `circuitBreaker` that 5 failures in a row open for 1 s */
	readonly l2Policy?: Policy | undefined;
	/** @defaultValue '' */
	readonly prefix?: string | undefined;
	/** @defaultValue JSON, for a store of strings */
	readonly serializer?: Serializer<D> | undefined;
}
type Backoff = (event: BackoffEvent) => number | undefined;
type CacheOptionsOfMemoize<K, V> = Omit<LoadingCacheOptions<K, V>, "load" | "loadMany" | "batch">;
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type EntryAge = "fresh" | "stale" | "grace" | "over";
type LostWrite<K = unknown, V = unknown> = ({
	readonly type: "set";
	readonly key: K;
	readonly value: V;
} | {
	readonly type: "delete";
	readonly key: K;
}) & {
	readonly error: unknown;
};
type NeedsKey<A extends readonly unknown[], K> = A extends readonly [
] | readonly [
	Primitive?
] ? unknown : {
	readonly key: (...args: A) => K;
};
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
type Primitive = string | number | bigint | boolean | null | undefined;
type Random = () => number;
type ReadingVerbs = "get" | "getMany" | "getSync" | "peek" | "refresh" | "warmUp" | "loading";
type Verdict = "success" | "failure" | "permanent" | "ignore";
type WithLoad<K, V, O> = Omit<O, "load"> & {
	readonly load: (key: K, context: LoadContext<unknown>) => V | PromiseLike<V>;
};

export {};
