export declare function circuitBreaker(options?: CircuitBreakerOptions): CircuitBreaker;
export interface CircuitBreaker extends Policy, Observable<CircuitBreakerEvents> {
	readonly state: CircuitState;
	readonly stats: CircuitBreakerStats;
	isolate(): Disposable;
	disable(): Disposable;
	trip(): void;
	reset(): void;
	tryAcquire(): Permit | undefined;
	reconfigure(options: CircuitBreakerChanges): void;
	toJSON(): CircuitSnapshot;
}
export interface CircuitBreakerEvents {
	open: {
		readonly reason: TransitionReason;
		readonly openForMs: number;
	};
	halfOpen: {
		readonly reason: TransitionReason;
	};
	close: {
		readonly reason: TransitionReason;
	};
	stateChange: {
		readonly from: CircuitState;
		readonly to: CircuitState;
		readonly reason: TransitionReason;
	};
	reject: {
		readonly state: CircuitState;
		readonly retryAfterMs: number;
	};
}
export interface CircuitBreakerOptions {
	/** @defaultValue 0.5 */
	readonly failureRateThreshold?: number | undefined;
	/** @defaultValue unset */
	readonly slowCallDuration?: Duration | undefined;
	/** @defaultValue 1 */
	readonly slowCallRateThreshold?: number | undefined;
	/** @defaultValue unset */
	readonly consecutiveFailures?: number | undefined;
	/** @defaultValue `{ duration: '30s' }` */
	readonly window?: {
		readonly duration: Duration;
	} | {
		readonly calls: number;
	} | undefined;
	/** @defaultValue 20, or `window.calls` if fewer */
	readonly minimumCalls?: number | undefined;
	/** @defaultValue from 5 s doubling to 60 s, with equal jitter */
	readonly openFor?: Duration | Backoff | undefined;
	/** @defaultValue the defaults of `HalfOpenOptions` */
	readonly halfOpen?: HalfOpenOptions | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue 'closed' */
	readonly initialState?: CircuitState | CircuitSnapshot | undefined;
	/** @defaultValue the call's `classify` */
	readonly classify?: Classify | undefined;
	/** @defaultValue 'circuitBreaker' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface CircuitBreakerStats {
	readonly calls: number;
	readonly failures: number;
	readonly slow: number;
	readonly failureRate: number;
	readonly slowCallRate: number;
	readonly retryAfterMs: number;
}
export interface CircuitSnapshot {
	readonly state: "closed" | "open" | "half-open";
	readonly openings: number;
	readonly remainingOpenMs: number;
}
export interface HalfOpenOptions {
	/** @defaultValue 3 */
	readonly probes?: number | undefined;
	/** @defaultValue 0 */
	readonly maxFailures?: number | undefined;
	/** @defaultValue '30s' */
	readonly probeTimeout?: Duration | undefined;
	/** @defaultValue 0 */
	readonly ramp?: Duration | undefined;
}
export type CircuitBreakerChanges = Omit<CircuitBreakerOptions, "initialState" | "name" | "clock" | "random">;
export type CircuitState = "closed" | "open" | "half-open" | "isolated" | "disabled";
export type TransitionReason = "failure-rate" | "slow-call-rate" | "consecutive-failures" | "probe-failed" | "probe-timeout" | "probes-succeeded" | "open-time-passed" | "isolated" | "disabled" | "released" | "tripped" | "reset";
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
type Backoff = (event: BackoffEvent) => number | undefined;
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
