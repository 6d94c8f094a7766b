export declare function assertNoWarnings(policy: Policy<unknown> | Explainable, options?: AssertNoWarningsOptions): void;
export declare function explain(policy: Policy<unknown> | Explainable): Explanation;
export declare function pipeline<const Policies extends readonly Policy<unknown>[]>(...policies: Policies): Pipeline<AddsOf<Policies[number]>>;
export interface AssertNoWarningsOptions {
	/** @defaultValue none */
	readonly allow?: readonly WarningCode[] | undefined;
}
export interface Explainable {
	readonly breakwater: {
		explain(): Explanation;
	};
}
export interface Explanation {
	readonly maxAttempts: number;
	readonly maxDurationMs: number;
	readonly amplification: number;
	readonly warnings: readonly Warning[];
}
export interface Pipeline<out Adds = never> extends Policy<Adds>, Observable<PipelineEvents> {
	readonly policies: readonly Policy<unknown>[];
}
export interface PipelineEvent {
	readonly durationMs: number;
	readonly attempts: number;
	readonly outcome: Outcome;
}
export interface PipelineEvents {
	success: PipelineEvent;
	failure: PipelineEvent;
}
export interface Warning {
	readonly code: WarningCode;
	readonly message: string;
}
export type AddsOf<P> = P extends Policy<infer Adds> ? Adds : never;
export type WarningCode = "breaker-without-inner-timeout" | "breaker-outside-retry" | "bulkhead-outside-retry" | "fallback-inside-retry" | "no-timeout" | "retry-inside-retry" | "same-policy-twice" | "retries-beyond-budget" | "attempt-timeout-too-long" | "hedge-outside-retry" | "hedge-inside-breaker" | "hedge-inside-bulkhead" | "hedge-inside-hedge" | "hedge-without-cap" | "hedge-after-timeout" | "hedge-of-unsafe-calls" | "faults-not-innermost" | "limit-without-inner-timeout" | "gate-without-limit";
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
