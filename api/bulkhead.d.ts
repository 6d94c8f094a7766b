export declare function bulkhead(options: BulkheadOptions): Bulkhead;
export interface AcquireOptions {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
}
export interface Bulkhead extends Policy, Observable<BulkheadEvents> {
	readonly active: number;
	readonly queued: number;
	resize(maxConcurrent: number): void;
	reconfigure(options: BulkheadChanges): void;
	pause(): void;
	resume(): void;
	tryAcquire(): Permit | undefined;
	acquire(options?: AcquireOptions): Promise<Permit>;
	onIdle(): Promise<void>;
	close(): Promise<void>;
	[Symbol.dispose](): void;
}
export interface BulkheadEvents {
	queued: {
		readonly queued: number;
	};
	reject: {
		readonly reason: "full" | "queue-timeout" | "closed";
	};
	idle: Record<never, never>;
}
export interface BulkheadOptions {
	readonly maxConcurrent: number;
	/** @defaultValue 0 */
	readonly maxQueue?: number | undefined;
	/** @defaultValue Infinity */
	readonly queueTimeout?: Duration | undefined;
	/** @defaultValue 'fifo' */
	readonly queue?: "fifo" | QueueDiscipline | undefined;
	/** @defaultValue 'reject' */
	readonly onFull?: "reject" | "evict-lowest" | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue 'bulkhead' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface QueueDiscipline {
	readonly name: string;
	start(clock: Clock): QueueState;
}
export interface QueueState {
	readonly isNewestFirst: boolean;
	add(waiter: object): void;
	remove(waiter: object): void;
	isPersistent(): boolean;
	overdue(): readonly [
		waiter: object,
		waitedMs: number
	] | undefined;
	restart(): void;
}
export type BulkheadChanges = Partial<Pick<BulkheadOptions, "maxConcurrent" | "maxQueue" | "queueTimeout">>;
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
interface Permit {
	release(outcome?: Outcome): void;
	[Symbol.dispose](): void;
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
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
