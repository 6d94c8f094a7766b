export declare class RetryBudget implements AttemptBudget {
	#private;
	readonly ratio: number;
	readonly floor: number;
	constructor(options?: RetryBudgetOptions);
	recordRequest(source?: AttemptSource): void;
	recordRecovery(retries: number): void;
	tryRetry(outcome?: Outcome): boolean;
	get stats(): RetryBudgetStats;
}
export declare class RetryTokens implements AttemptBudget {
	#private;
	readonly ratio: number;
	readonly floor: number;
	constructor(options?: RetryTokensOptions);
	recordRequest(source?: AttemptSource): void;
	recordSuccess(source?: AttemptSource): void;
	tryRetry(outcome?: Outcome): boolean;
	get stats(): RetryTokensStats;
}
export declare function constantBackoff(delay: Duration): Backoff;
export declare function decorrelatedJitterBackoff(options?: DecorrelatedJitterBackoffOptions): Backoff;
export declare function exponentialBackoff(options?: ExponentialBackoffOptions): Backoff;
export declare function linearBackoff(options: LinearBackoffOptions): Backoff;
export declare function retry(options?: RetryOptions): Retry;
export interface AttemptBudget {
	readonly ratio: number;
	readonly floor: number;
	readonly stats: {
		readonly requests: number;
		readonly retries: number;
		readonly available: number;
	};
	recordRequest(source?: AttemptSource): void;
	recordSuccess?(source?: AttemptSource): void;
	recordRecovery?(retries: number): void;
	tryRetry(outcome?: Outcome): boolean;
}
export interface BackoffEvent {
	readonly attempt: number;
	readonly previousDelayMs: number | undefined;
	readonly outcome: Outcome;
	readonly random: Random;
}
export interface DecorrelatedJitterBackoffOptions {
	/** @defaultValue 200 */
	readonly initial?: Duration | undefined;
	/** @defaultValue '30s' */
	readonly max?: Duration | undefined;
}
export interface ExponentialBackoffOptions {
	/** @defaultValue 200 */
	readonly initial?: Duration | undefined;
	/** @defaultValue 2 */
	readonly factor?: number | undefined;
	/** @defaultValue '30s' */
	readonly max?: Duration | undefined;
	/** @defaultValue 'full' */
	readonly jitter?: "full" | "equal" | "none" | undefined;
}
export interface LinearBackoffOptions {
	readonly initial: Duration;
	readonly max: Duration;
}
export interface Retry extends Policy, Observable<RetryEvents> {
	reconfigure(options: RetryChanges): void;
}
export interface RetryBudgetOptions {
	/** @defaultValue 0.2 */
	readonly ratio?: number | undefined;
	/** @defaultValue 10 */
	readonly minPerSecond?: number | undefined;
	/** @defaultValue '10s' */
	readonly window?: Duration | undefined;
	/** @defaultValue 'all' */
	readonly counts?: "all" | "failed" | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface RetryBudgetStats {
	readonly requests: number;
	readonly retries: number;
	readonly available: number;
}
export interface RetryEvents {
	retry: {
		readonly attempt: number;
		readonly delayMs: number;
		readonly outcome: Outcome;
	};
	giveUp: {
		readonly reason: GiveUpReason;
		readonly attempts: number;
	};
}
export interface RetryOptions {
	/** @defaultValue 3 */
	readonly maxAttempts?: number | undefined;
	/** @defaultValue `exponentialBackoff()` */
	readonly backoff?: Backoff | undefined;
	/** @defaultValue Infinity */
	readonly maxElapsed?: Duration | undefined;
	/** @defaultValue '30s' */
	readonly maxRetryAfter?: Duration | undefined;
	/** @defaultValue none */
	readonly budget?: AttemptBudget | undefined;
	/** @defaultValue the call's `classify` */
	readonly classify?: Classify | undefined;
	/** @defaultValue 'retry' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface RetryTokensOptions {
	/** @defaultValue 500 */
	readonly capacity?: number | undefined;
	/** @defaultValue 14 */
	readonly cost?: number | undefined;
	/** @defaultValue the value of `cost` */
	readonly timeoutCost?: number | undefined;
	/** @defaultValue 1 */
	readonly refund?: number | undefined;
}
export interface RetryTokensStats {
	readonly tokens: number;
	readonly requests: number;
	readonly retries: number;
	readonly available: number;
}
export type AttemptSource = "retry" | "hedge";
export type Backoff = (event: BackoffEvent) => number | undefined;
export type GiveUpReason = "attempts" | "elapsed" | "deadline" | "budget" | "retry-after" | "not-retryable" | "aborted" | "backoff";
export type RetryChanges = Omit<RetryOptions, "name" | "clock" | "random">;
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
type Random = () => number;
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
