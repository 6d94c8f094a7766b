export declare function adaptiveLimit(options?: AdaptiveLimitOptions): AdaptiveLimit;
export declare function aimdLimit(options?: AimdLimitOptions): LimitAlgorithm;
export declare function codelQueue(options?: CodelQueueOptions): QueueDiscipline;
export declare function deadlineHeader(options?: DeadlineHeaderOptions): DeadlineHeader;
export declare function priorityGate(options?: PriorityGateOptions): PriorityGate;
export declare function readDeadline(headers: RequestHeaders, header?: DeadlineHeader): number | undefined;
export interface AdaptiveLimit extends Policy, Observable<AdaptiveLimitEvents> {
	readonly limit: number;
	readonly active: number;
	readonly queued: number;
	readonly stats: AdaptiveLimitStats;
	readonly holdUntil: "headers" | "body";
	tryAcquire(): Permit | undefined;
	acquire(options?: AcquireOptions): Promise<Permit>;
	onIdle(): Promise<void>;
	close(): Promise<void>;
	[Symbol.dispose](): void;
}
export interface AdaptiveLimitEvents extends BulkheadEvents {
	limit: {
		readonly from: number;
		readonly to: number;
		readonly reason: LimitReason;
	};
}
export interface AdaptiveLimitOptions {
	/** @defaultValue 20 */
	readonly initialLimit?: number | undefined;
	/** @defaultValue 1 */
	readonly minLimit?: number | undefined;
	/** @defaultValue 1000 */
	readonly maxLimit?: number | undefined;
	/** @defaultValue the probing gradient */
	readonly algorithm?: LimitAlgorithm | undefined;
	/** @defaultValue 0 */
	readonly maxQueue?: number | undefined;
	/** @defaultValue Infinity */
	readonly queueTimeout?: Duration | undefined;
	/** @defaultValue 'fifo' */
	readonly queue?: "fifo" | QueueDiscipline | undefined;
	/** @defaultValue 'reject' */
	readonly onFull?: "reject" | "evict-lowest" | undefined;
	/** @defaultValue 'headers' */
	readonly holdUntil?: "headers" | "body" | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue the `classify` of the call */
	readonly classify?: Classify | undefined;
	/** @defaultValue 'adaptiveLimit' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface AdaptiveLimitStats {
	readonly limit: number;
	readonly active: number;
	readonly queued: number;
	readonly baselineMs: number | undefined;
	readonly samples: number;
	readonly overloads: number;
	readonly stalled: number;
}
export interface AimdLimitOptions {
	/** @defaultValue 0.9 */
	readonly backoff?: number | undefined;
}
export interface CodelQueueOptions {
	/** @defaultValue '5ms' */
	readonly target?: Duration | undefined;
	/** @defaultValue '100ms' */
	readonly interval?: Duration | undefined;
	/** @defaultValue true */
	readonly lifo?: boolean | undefined;
}
export interface DeadlineHeader {
	readonly name: string;
	format(remainingMs: number): string | undefined;
	parse(value: string): number | undefined;
}
export interface DeadlineHeaderOptions {
	/** @defaultValue 'x-envoy-expected-rq-timeout-ms' */
	readonly name?: string | undefined;
	/** @defaultValue 'grpc' for the name `grpc-timeout`, otherwise 'milliseconds' */
	readonly format?: DeadlineFormat | undefined;
	/** @defaultValue 0 */
	readonly margin?: Duration | undefined;
}
export interface LimitAlgorithm {
	readonly name: string;
	start(bounds: LimitBounds): LimitState;
}
export interface LimitBounds {
	readonly initialLimit: number;
	readonly minLimit: number;
	readonly maxLimit: number;
}
export interface LimitState {
	readonly reason: LimitReason;
	/** @defaultValue unknown */
	readonly baselineMs?: number | undefined;
	sample(latencyMs: number, inFlight: number, isOverload: boolean, now: number): number;
	/** @defaultValue nothing */
	discard?(now: number): void;
}
export interface PriorityGate extends Policy, Observable<PriorityGateEvents> {
	readonly rejectionRate: number;
	readonly threshold: number;
}
export interface PriorityGateEvents {
	reject: {
		readonly priority: number;
		readonly threshold: number;
	};
}
export interface PriorityGateOptions {
	/** @defaultValue '5s' */
	readonly window?: Duration | undefined;
	/** @defaultValue 0.02 */
	readonly minShare?: number | undefined;
	/** @defaultValue 'priorityGate' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export type DeadlineFormat = "milliseconds" | "grpc";
export type LimitReason = "growth" | "latency" | "overload" | "probe";
export type RequestHeaders = {
	get(name: string): string | null;
} | {
	readonly [name: string]: string | readonly string[] | undefined;
};
interface AcquireOptions {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
}
interface BulkheadEvents {
	queued: {
		readonly queued: number;
	};
	reject: {
		readonly reason: "full" | "queue-timeout" | "closed";
	};
	idle: Record<never, never>;
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
interface QueueDiscipline {
	readonly name: string;
	start(clock: Clock): QueueState;
}
interface QueueState {
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
type Random = () => number;
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
