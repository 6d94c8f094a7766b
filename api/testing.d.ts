export declare class SimClock implements Clock {
	#private;
	constructor(options?: SimClockOptions);
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	afterPoll(callback: () => void): void;
	get pendingTimers(): number;
	get events(): number;
	get isTurning(): boolean;
	advance(ms: number, options?: {
		readonly signal?: AbortSignal | undefined;
	}): Promise<void>;
	settle(): Promise<boolean>;
}
export declare class TestClock implements Clock {
	#private;
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	get pendingTimers(): number;
	advance(ms: number): Promise<void>;
}
export declare function cacheStoreContract(test: DefineTest, make: () => CacheStore<string> | PromiseLike<CacheStore<string>>, { wait }?: CacheStoreContractOptions): void;
export declare function forceOpen(policy: Policy<unknown>): Disposable;
export declare function journalContract(test: DefineTest, make: () => RecoverableJournal | PromiseLike<RecoverableJournal>): void;
export declare function passThrough(): Policy;
export declare function seededRandom(seed: number): Random;
export interface CacheStoreContractOptions {
	/** @defaultValue waits in real time, less than a second in total */
	readonly wait?: ((ms: number) => unknown) | undefined;
}
export interface RecoverableJournal {
	readonly journal: WriteJournal<string, string>;
	recover(): readonly Entry[] | PromiseLike<readonly Entry[]>;
}
export interface SimClockOptions {
	/** @defaultValue 'tick' where the platform has it, else 'message' */
	readonly settle?: SettleMode | undefined;
}
export type DefineTest = (title: string, run: () => Promise<void>) => unknown;
export type Random = () => number;
export type SettleMode = "tick" | "message" | "hops";
interface CacheStore<D = string> {
	get(key: string, context: CacheStoreContext): PromiseLike<StoredData<D> | undefined>;
	readonly getMany?: ((keys: readonly string[], context: CacheStoreContext) => PromiseLike<readonly (StoredData<D> | undefined)[]>) | undefined;
	set(key: string, data: D, options: CacheStoreSetOptions, context: CacheStoreContext): PromiseLike<unknown>;
	delete(key: string, context: CacheStoreContext): PromiseLike<unknown>;
	deleteMatching(match: EntryMatch, context: CacheStoreContext): PromiseLike<unknown>;
}
interface CacheStoreContext {
	readonly signal: AbortSignal;
}
interface CacheStoreSetOptions {
	readonly ttlMs: number;
	readonly tags: readonly string[];
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
interface JournalAck<K> {
	readonly key: K;
	readonly number: number;
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
interface StoredData<D> {
	readonly data: D;
	readonly remainingMs: number;
}
interface WriteJournal<K, V> {
	append(entries: readonly JournalEntry<K, V>[]): unknown;
	ack(acks: readonly JournalAck<K>[]): unknown;
}
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type Entry = JournalEntry<string, string>;
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
type JournalEntry<K, V> = WriteEntry<K, V> & {
	readonly number: number;
};
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";
type WriteEntry<K, V> = {
	readonly type: "set";
	readonly key: K;
	readonly value: V;
} | {
	readonly type: "delete";
	readonly key: K;
};

export {};
