export declare abstract class ResilienceError extends Error {
	/** @defaultValue false */
	static captureStack: boolean | undefined;
	static [Symbol.hasInstance](value: unknown): boolean;
	abstract readonly code: ResilienceErrorCode;
	readonly policy: string;
	constructor(message: string, init: ResilienceErrorInit);
}
export declare class BulkheadFullError extends ResilienceError {
	readonly code = "ERR_BULKHEAD_FULL";
	constructor(init: ResilienceErrorInit);
	get name(): string;
}
export declare class ChaosError extends ResilienceError {
	readonly code = "ERR_CHAOS";
	readonly imitated: unknown;
	constructor(init: ResilienceErrorInit);
	get name(): string;
}
export declare class CircuitOpenError extends ResilienceError {
	readonly code = "ERR_CIRCUIT_OPEN";
	readonly retryAfterMs: number;
	constructor(init: ResilienceErrorInit & {
		readonly retryAfterMs: number;
	});
	get name(): string;
}
export declare class ClosedError extends ResilienceError {
	readonly code = "ERR_CLOSED";
	constructor(init: ResilienceErrorInit);
	get name(): string;
}
export declare class DeadlineExceededError extends ResilienceError {
	readonly code = "ERR_DEADLINE";
	readonly remainingMs: number;
	constructor(init: ResilienceErrorInit & {
		readonly remainingMs: number;
	});
	get name(): string;
}
export declare class InvalidOptionError extends TypeError {
	readonly code = "ERR_INVALID_OPTION";
	readonly owner: string;
	readonly option: string;
	readonly value: unknown;
	constructor(owner: string, option: string, rule: string, value: unknown);
	get policy(): string;
	get name(): string;
}
export declare class LostWritesError<K = unknown, V = unknown> extends ResilienceError {
	readonly code = "ERR_LOST_WRITES";
	readonly lost: readonly LostWrite<K, V>[];
	constructor(init: ResilienceErrorInit & {
		readonly lost: readonly LostWrite<K, V>[];
	});
	get name(): string;
}
export declare class NoHealthyNodeError extends ResilienceError {
	readonly code = "ERR_NO_HEALTHY_NODE";
	constructor(init: ResilienceErrorInit);
	get name(): string;
}
export declare class QueueTimeoutError extends ResilienceError {
	readonly code = "ERR_QUEUE_TIMEOUT";
	readonly timeoutMs: number;
	constructor(init: ResilienceErrorInit & {
		readonly timeoutMs: number;
	});
	get name(): string;
}
export declare class RateLimitedError extends ResilienceError {
	readonly code = "ERR_RATE_LIMITED";
	readonly decision: Decision;
	constructor(init: ResilienceErrorInit & {
		readonly decision: Decision;
	});
	get retryAfterMs(): number;
	get name(): string;
}
export declare class ShedError extends ResilienceError {
	readonly code = "ERR_SHED";
	readonly reason: string;
	readonly retryAfterMs: number;
	constructor(init: ResilienceErrorInit & {
		readonly reason: string;
		readonly retryAfterMs: number;
	});
	get name(): string;
}
export declare class TimeoutError extends ResilienceError {
	readonly code = "ERR_TIMEOUT";
	readonly timeoutMs: number;
	readonly stalledMs: number;
	constructor(init: ResilienceErrorInit & {
		readonly timeoutMs: number;
		readonly stalledMs?: number | undefined;
	});
	get name(): string;
}
export declare const systemClock: Clock;
export declare function defaultClassify(outcome: Outcome, context?: CallContext): Verdict;
export declare function definePolicy<Adds = never>(definition: PolicyDefinition): Policy<Adds>;
export declare function isNetworkError(error: unknown): boolean;
export declare function isResilienceError(error: unknown): error is ResilienceErrors[ResilienceErrorCode];
export declare function isResilienceError<C extends ResilienceErrorCode>(error: unknown, code: C): error is ResilienceErrors[C];
export declare function seededRandom(seed: number): Random;
export declare function sleep(ms: number, options?: SleepOptions): Promise<void>;
export interface CallContext {
	readonly signal: AbortSignal;
	readonly attempt: number;
	readonly hedge: number;
	readonly deadline: number;
	/** @defaultValue 5 */
	readonly priority: number;
	readonly key: string | undefined;
}
export interface CallOptions<T = unknown> {
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
export interface ChildContext extends PolicyContext {
	abort(reason: unknown): void;
	[Symbol.dispose](): void;
}
export interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
export interface ContextChange {
	/** @defaultValue the parent's */
	readonly attempt?: number | undefined;
	/** @defaultValue the parent's */
	readonly hedge?: number | undefined;
	/** @defaultValue the parent's */
	readonly deadline?: number | undefined;
}
export interface Decision {
	readonly allowed: boolean;
	readonly limit: number;
	readonly remaining: number;
	readonly retryAfterMs: number;
	readonly resetAfterMs: number;
	readonly limitedBy?: number | undefined;
}
export interface Fault {
	readonly at: Duration;
	/** @defaultValue until the end of the run */
	readonly for?: Duration | undefined;
	/** @defaultValue all */
	readonly target?: string | undefined;
	readonly kind: FaultKind;
	/** @defaultValue 10 */
	readonly by?: number | undefined;
	/** @defaultValue 1 */
	readonly share?: number | undefined;
}
export interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
export interface Permit {
	release(outcome?: Outcome): void;
	[Symbol.dispose](): void;
}
export interface Policy<out Adds = never> {
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
export interface PolicyContext extends CallContext {
	readonly aborted: boolean;
	readonly classify: Classify;
	readonly repeatable: boolean;
	readonly clock: Clock;
	derive(change: ContextChange): ChildContext;
	sleep(ms: number): Promise<void>;
	wait<T>(promise: PromiseLike<T>): Promise<T>;
}
export interface PolicyDefinition {
	readonly name: string;
	run(next: Next, context: PolicyContext): Promise<unknown>;
	/** @defaultValue no settings */
	readonly describe?: (() => {
		readonly [setting: string]: unknown;
	}) | undefined;
	/** @defaultValue none */
	readonly clock?: Clock | undefined;
}
export interface PolicyDescription {
	readonly kind: string;
	readonly name: string;
	readonly policies?: readonly PolicyDescription[] | undefined;
	readonly [setting: string]: unknown;
}
export interface ResilienceErrorInit {
	readonly policy: string;
	readonly cause?: unknown;
}
export interface ResilienceErrors {
	ERR_CIRCUIT_OPEN: CircuitOpenError;
	ERR_BULKHEAD_FULL: BulkheadFullError;
	ERR_QUEUE_TIMEOUT: QueueTimeoutError;
	ERR_RATE_LIMITED: RateLimitedError;
	ERR_TIMEOUT: TimeoutError;
	ERR_CLOSED: ClosedError;
	ERR_NO_HEALTHY_NODE: NoHealthyNodeError;
	ERR_LOST_WRITES: LostWritesError;
	ERR_SHED: ShedError;
	ERR_DEADLINE: DeadlineExceededError;
	ERR_CHAOS: ChaosError;
	ERR_INVALID_OPTION: InvalidOptionError;
}
export interface SleepOptions {
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
}
export type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
export type FaultKind = "slow" | "down" | "error" | "hang" | "drop" | "partition" | "flush" | "stall";
export type FaultPlan = readonly Fault[];
export type LostWrite<K = unknown, V = unknown> = ({
	readonly type: "set";
	readonly key: K;
	readonly value: V;
} | {
	readonly type: "delete";
	readonly key: K;
}) & {
	readonly error: unknown;
};
export type Next = (context: PolicyContext) => Promise<unknown>;
export type Operation<T = unknown> = (context: CallContext) => T | PromiseLike<T>;
export type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
export type Random = () => number;
export type ResilienceErrorCode = keyof ResilienceErrors;
export type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
