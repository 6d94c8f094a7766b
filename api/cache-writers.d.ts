export declare function writeAround<K, V>(options: WriteAroundOptions<K, V>): WriteAround<K, V>;
export declare function writeBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehind<K, V>;
export declare function writeThrough<K, V>(options: WriteThroughOptions<K, V>): WriteThrough<K, V>;
export interface CacheErrorEvents<K> {
	cacheError: {
		readonly key: K;
		readonly error: unknown;
	};
}
export interface JournalAck<K> {
	readonly key: K;
	readonly number: number;
}
export interface ReadYourWritesOptions<K, D> {
	/** @defaultValue a function that returns undefined */
	readonly onDeleted?: ((key: K) => D) | undefined;
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
	readYourWrites<C, D = undefined>(load: (key: K, context: C) => V | PromiseLike<V>, options?: ReadYourWritesOptions<K, D>): (key: K, context: C) => Promise<V | D>;
	flush(options?: WriteOptions): Promise<void>;
	close(options?: WriteBehindCloseOptions): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
	readonly pending: number;
	readonly stats: WriteBehindStats;
}
export interface WriteBehindCloseOptions {
	/** @defaultValue `Infinity` */
	readonly timeout?: Duration | undefined;
	/** @defaultValue none */
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
	/** @defaultValue none: `delete` rejects */
	readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
	readonly writeMany?: ((entries: readonly WriteEntry<K, V>[], context: WriteContext) => unknown) | undefined;
	/** @defaultValue none */
	readonly cache?: WritableCache<K, V> | undefined;
	/** @defaultValue `'1s'` */
	readonly flushEvery?: Duration | undefined;
	/** @defaultValue 100 */
	readonly maxBatch?: number | undefined;
	/** @defaultValue 10_000 */
	readonly maxPending?: number | undefined;
	/** @defaultValue `'wait'` */
	readonly atLimit?: "wait" | "reject" | undefined;
	/** @defaultValue 1 */
	readonly concurrency?: number | undefined;
	/** @defaultValue `exponentialBackoff()` */
	readonly backoff?: Backoff | undefined;
	/** @defaultValue `Infinity` */
	readonly maxAttempts?: number | undefined;
	/** @defaultValue none */
	readonly policy?: Policy<unknown> | undefined;
	/** @defaultValue none */
	readonly journal?: WriteJournal<K, V> | undefined;
	/** @defaultValue none */
	readonly initial?: Iterable<JournalEntry<K, V>> | undefined;
	/** @defaultValue `'writeBehind'` */
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
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
}
export interface WriteThrough<K, V> extends Observable<CacheErrorEvents<K>> {
	set(key: K, value: V, options?: WriteThroughSetOptions): Promise<void>;
	delete(key: K, options?: WriteOptions): Promise<void>;
	readonly writing: number;
}
export interface WriteThroughOptions<K, V> extends StoreWriterOptions<K, V> {
	/** @defaultValue `'store-first'` */
	readonly order?: "store-first" | "both" | undefined;
}
export interface WriteThroughSetOptions extends WriteOptions {
	/** @defaultValue none: the cache uses its own */
	readonly ttl?: Duration | undefined;
	/** @defaultValue none: the cache uses its own */
	readonly tags?: readonly string[] | undefined;
}
export type JournalEntry<K, V> = WriteEntry<K, V> & {
	readonly number: number;
};
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
interface StoreWriterOptions<K, V> {
	readonly cache: WritableCache<K, V>;
	readonly write: (key: K, value: V, context: WriteContext) => unknown;
	/** @defaultValue none: `delete` rejects */
	readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
	/** @defaultValue none */
	readonly policy?: Policy<unknown> | undefined;
	/** @defaultValue the name of the factory */
	readonly name?: string | undefined;
}
type Backoff = (event: BackoffEvent) => number | undefined;
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
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
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Random = () => number;
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
