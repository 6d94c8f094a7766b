export declare function classifyResponse(outcome: Outcome, context?: CallContext): Verdict;
export declare function isIdempotent(request: {
	readonly method?: string | undefined;
	readonly headers?: unknown;
}): boolean;
export declare function parseRateLimit(headers: HeaderFields, options?: ParseRateLimitOptions): RateLimitFields;
/** @defaultValue the local wall clock */
export declare function parseRetryAfter(value: string | null | undefined, now?: number): number | undefined;
export declare function resilientFetch(options?: ResilientFetchOptions): ResilientFetch;
export declare function resilientFetch<F extends FetchLike>(options: ResilientFetchOptions<F> & {
	readonly fetch: F;
}): ResilientFetch<F>;
export interface AnnouncedLimit {
	readonly name: string | undefined;
	readonly unit: string | undefined;
	readonly limit: number | undefined;
	readonly remaining: number | undefined;
	readonly resetAfterMs: number | undefined;
	readonly windowMs: number | undefined;
	readonly partitionKey: string | undefined;
}
export interface BeforeRetryEvent {
	readonly attempt: number;
	readonly outcome: Outcome;
	readonly request: OutgoingRequest;
	readonly signal: AbortSignal;
}
export interface CallEvent extends RequestLabels {
	readonly outcome: Outcome;
	readonly durationMs: number;
	readonly attempts: number;
	readonly hedges: number;
}
export interface FetchBulkheadOptions extends Omit<BulkheadOptions, "clock" | "maxConcurrent"> {
	/** @defaultValue 256 */
	readonly maxConcurrent?: number | undefined;
	/** @defaultValue 'headers' */
	readonly holdUntil?: "headers" | "body" | undefined;
}
export interface FetchCallOptions {
	/** @defaultValue the `timeout` of the instance */
	readonly timeout?: Duration | undefined;
	/** @defaultValue the `attemptTimeout` of the instance */
	readonly attemptTimeout?: Duration | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
	/** @defaultValue the result of the `key` of the instance */
	readonly key?: string | undefined;
	/** @defaultValue the result of the `repeatable` of the instance */
	readonly repeatable?: boolean | ((request: OutgoingRequest) => boolean) | undefined;
	/** @defaultValue the `classify` of the instance */
	readonly classify?: Classify<Response> | undefined;
}
export interface FetchControl<F extends FetchLike = typeof globalThis.fetch> {
	with(options: FetchCallOptions): ResilientFetch<F>;
	snapshot(): FetchSnapshot;
	isolate(key: string): Disposable;
	reset(key: string): void;
	explain(): Explanation;
	close(): Promise<void>;
}
export interface FetchLimit extends Policy {
	readonly limit: number;
	readonly active: number;
	readonly queued: number;
	readonly holdUntil: "headers" | "body";
	acquire(options: AcquireOptions): Promise<Permit>;
	on(type: "reject", listener: (event: BulkheadEvents["reject"]) => void): unknown;
}
export interface FetchRateLimitOptions {
	/** @defaultValue none */
	readonly limiter?: ((key: string) => RateLimiter) | undefined;
	/** @defaultValue true */
	readonly followServerLimits?: boolean | undefined;
	/** @defaultValue '1m' */
	readonly maxServerPause?: Duration | undefined;
	/** @defaultValue '5s' */
	readonly maxWait?: Duration | undefined;
}
export interface FetchSnapshot {
	readonly inFlight: number;
	readonly retryBudget: RetryBudgetStats | undefined;
	readonly keys: readonly KeySnapshot[];
}
export interface FetchTimeoutEvent extends RequestLabels {
	readonly of: "attempt" | "call";
	readonly timeoutMs: number;
}
export interface KeySnapshot {
	readonly key: string;
	readonly circuitBreaker: ({
		readonly state: CircuitState;
	} & CircuitBreakerStats) | undefined;
	readonly bulkhead: {
		readonly active: number;
		readonly queued: number;
	} | undefined;
	readonly limit?: number | undefined;
	readonly limiter: Decision | undefined;
	readonly serverLimit: Decision | undefined;
	readonly pacing: PacingSnapshot | undefined;
}
export interface OutgoingRequest {
	readonly url: URL;
	readonly method: string;
	readonly input: unknown;
	readonly init: RequestOptions | undefined;
}
export interface PacingSnapshot {
	readonly waiting: number;
	readonly ratePerSecond: number;
	readonly retryAfterMs: number;
}
export interface ParseRateLimitOptions {
	/** @defaultValue `Date` plus `Age` of the response, which needs no synchronized clock; `Date.now()` without a valid `Date` */
	readonly now?: number | undefined;
}
export interface RateLimitFields {
	readonly limits: readonly AnnouncedLimit[];
	readonly retryAfterMs: number | undefined;
}
export interface RequestChanges {
	/** @defaultValue the URL of the request */
	readonly url?: string | URL | undefined;
	/** @defaultValue the method of the request */
	readonly method?: string | undefined;
	/** @defaultValue none */
	readonly headers?: unknown;
	/** @defaultValue the body of the request */
	readonly body?: unknown;
}
export interface RequestDedupe {
	start(): RequestSharing;
}
export interface RequestLabels {
	readonly key: string;
	readonly method: string;
}
export interface RequestOptions {
	/** @defaultValue 'GET' */
	readonly method?: string | undefined;
	/** @defaultValue none */
	readonly headers?: unknown;
	/** @defaultValue none */
	readonly body?: unknown;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	readonly [other: string]: unknown;
}
export interface RequestSharing {
	share(request: ShareableRequest, signal: AbortSignal | null, send: (signal: AbortSignal) => Promise<Response>): Promise<Response> | undefined;
}
export interface ResilientFetchListeners {
	readonly stateChange?: ((event: CircuitBreakerEvents["stateChange"] & {
		readonly key: string;
	}) => void) | undefined;
	readonly reject?: ((event: RejectEvent) => void) | undefined;
	readonly retry?: ((event: RetryEvents["retry"] & RequestLabels) => void) | undefined;
	readonly giveUp?: ((event: RetryEvents["giveUp"] & RequestLabels) => void) | undefined;
	readonly timeout?: ((event: FetchTimeoutEvent) => void) | undefined;
	readonly call?: ((event: CallEvent) => void) | undefined;
}
export interface ResilientFetchOptions<F extends FetchLike = typeof globalThis.fetch> {
	/** @defaultValue the global `fetch`, read at each call */
	readonly fetch?: F | undefined;
	/** @defaultValue '30s' */
	readonly timeout?: Duration | undefined;
	/** @defaultValue '10s' */
	readonly attemptTimeout?: Duration | undefined;
	/** @defaultValue Infinity */
	readonly bodyTimeout?: Duration | undefined;
	/** @defaultValue Infinity */
	readonly bodyIdleTimeout?: Duration | undefined;
	/** @defaultValue false */
	readonly resume?: boolean | undefined;
	/** @defaultValue the defaults of `retry`, with the delay added to a `Retry-After`, and with a `RetryBudget({ counts: 'failed' })` */
	readonly retry?: Omit<RetryOptions, "clock" | "random"> | false | undefined;
	/** @defaultValue the defaults of `circuitBreaker`, with an open time from 1 s doubling to 2 s */
	readonly circuitBreaker?: Omit<CircuitBreakerOptions, "clock" | "random"> | false | undefined;
	/** @defaultValue maxConcurrent 256, maxQueue 1024 */
	readonly bulkhead?: FetchBulkheadOptions | false | undefined;
	/** @defaultValue none: the bulkhead */
	readonly limit?: ((key: string, kit: {
		readonly clock: Clock;
	}) => FetchLimit) | undefined;
	/** @defaultValue false */
	readonly rateLimit?: FetchRateLimitOptions | false | undefined;
	/** @defaultValue none */
	readonly policy?: Policy | undefined;
	/** @defaultValue `classifyResponse` */
	readonly classify?: Classify | undefined;
	/** @defaultValue the origin of the URL */
	readonly key?: ((request: OutgoingRequest) => string) | undefined;
	/** @defaultValue the URL of the request */
	readonly route?: ((request: OutgoingRequest, context: CallContext) => Route | PromiseLike<Route>) | undefined;
	/** @defaultValue none */
	readonly dedupe?: RequestDedupe | undefined;
	/** @defaultValue none */
	readonly hedge?: RequestHedging | undefined;
	/** @defaultValue none */
	readonly propagateDeadline?: DeadlineHeader | undefined;
	/** @defaultValue none */
	readonly beforeRetry?: BeforeRetry | undefined;
	/** @defaultValue `isIdempotent`, by the method and the headers of the request */
	readonly repeatable?: ((request: OutgoingRequest) => boolean) | undefined;
	/** @defaultValue 1048576 */
	readonly replayLimit?: number | undefined;
	/** @defaultValue 65536 */
	readonly drainLimit?: number | undefined;
	/** @defaultValue none */
	readonly on?: ResilientFetchListeners | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface ResponseLike {
	readonly status: number;
	readonly headers: {
		get(name: string): string | null;
	};
	readonly body: unknown;
}
export interface Route {
	readonly url: string | URL;
	/** @defaultValue none */
	readonly release?: ((outcome: Outcome) => void) | undefined;
}
export interface ShareableRequest {
	readonly url: URL;
	readonly method: string;
	readonly input: unknown;
	readonly init: {
		readonly [member: string]: unknown;
	} | undefined;
	readonly requestHeaders: unknown;
	readonly terms?: object | undefined;
}
export interface WithCallOptions {
	/** @defaultValue none */
	readonly breakwater?: FetchCallOptions | undefined;
}
export type BeforeRetry = (event: BeforeRetryEvent) => RequestChanges | undefined | PromiseLike<RequestChanges | undefined> | PromiseLike<void>;
export type FetchLike = (input: never, init?: never) => Promise<ResponseLike>;
export type HeaderFields = Iterable<readonly [
	string,
	string
]> | {
	readonly [name: string]: HeaderValue;
};
export type RejectEvent = {
	readonly key: string;
} & ({
	readonly by: "circuit-breaker";
	readonly event: CircuitBreakerEvents["reject"];
} | {
	readonly by: "bulkhead";
	readonly event: BulkheadEvents["reject"];
} | {
	readonly by: "rate-limit";
	readonly event: RateLimitEvents["reject"];
});
export type ResilientFetch<F extends FetchLike = typeof globalThis.fetch> = F & ((input: Parameters<F>[0], init?: Parameters<F>[1] & WithCallOptions) => ReturnType<F>) & {
	readonly breakwater: FetchControl<F>;
};
interface AcquireOptions {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
}
interface AttemptBudget {
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
interface BackoffEvent {
	readonly attempt: number;
	readonly previousDelayMs: number | undefined;
	readonly outcome: Outcome;
	readonly random: Random;
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
interface BulkheadOptions {
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
interface CircuitBreakerEvents {
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
interface CircuitBreakerOptions {
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
interface CircuitBreakerStats {
	readonly calls: number;
	readonly failures: number;
	readonly slow: number;
	readonly failureRate: number;
	readonly slowCallRate: number;
	readonly retryAfterMs: number;
}
interface CircuitSnapshot {
	readonly state: "closed" | "open" | "half-open";
	readonly openings: number;
	readonly remainingOpenMs: number;
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
interface DeadlineHeader {
	readonly name: string;
	format(remainingMs: number): string | undefined;
	parse(value: string): number | undefined;
}
interface Decision {
	readonly allowed: boolean;
	readonly limit: number;
	readonly remaining: number;
	readonly retryAfterMs: number;
	readonly resetAfterMs: number;
	readonly limitedBy?: number | undefined;
}
interface Explanation {
	readonly maxAttempts: number;
	readonly maxDurationMs: number;
	readonly amplification: number;
	readonly warnings: readonly Warning[];
}
interface HalfOpenOptions {
	/** @defaultValue 3 */
	readonly probes?: number | undefined;
	/** @defaultValue 0 */
	readonly maxFailures?: number | undefined;
	/** @defaultValue '30s' */
	readonly probeTimeout?: Duration | undefined;
	/** @defaultValue 0 */
	readonly ramp?: Duration | undefined;
}
interface HedgingOfKey {
	readonly clock: Clock;
	classify(own: Classify | undefined): Classify;
	isSafe(context: CallContext): boolean;
	discard(value: unknown): void;
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
interface RateLimitEvents {
	reject: {
		readonly decision: Decision;
		readonly key: string | undefined;
	};
}
interface RateLimiter {
	tryAcquire(cost?: number): Decision;
	peek(cost?: number): Decision;
	acquire(options?: WaitOptions): Promise<Decision>;
	reserve(options?: ReserveOptions): Reservation;
	refund(cost: number): void;
	reconfigure(options: object): void;
}
interface RequestHedging extends Policy {
	forKey(settings: HedgingOfKey): Policy;
}
interface Reservation {
	readonly decision: Decision;
	readonly delayMs: number;
	cancel(): void;
	[Symbol.dispose](): void;
}
interface ReserveOptions {
	/** @defaultValue 1 */
	readonly cost?: number | undefined;
	/** @defaultValue `Infinity` */
	readonly maxWait?: Duration | undefined;
}
interface RetryBudgetStats {
	readonly requests: number;
	readonly retries: number;
	readonly available: number;
}
interface RetryEvents {
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
interface RetryOptions {
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
interface WaitOptions extends ReserveOptions {
	/** @defaultValue no signal */
	readonly signal?: AbortSignal | null | undefined;
}
interface Warning {
	readonly code: WarningCode;
	readonly message: string;
}
type AttemptSource = "retry" | "hedge";
type Backoff = (event: BackoffEvent) => number | undefined;
type CircuitState = "closed" | "open" | "half-open" | "isolated" | "disabled";
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type GiveUpReason = "attempts" | "elapsed" | "deadline" | "budget" | "retry-after" | "not-retryable" | "aborted" | "backoff";
type HeaderValue = string | number | readonly string[] | undefined;
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Random = () => number;
type TransitionReason = "failure-rate" | "slow-call-rate" | "consecutive-failures" | "probe-failed" | "probe-timeout" | "probes-succeeded" | "open-time-passed" | "isolated" | "disabled" | "released" | "tripped" | "reset";
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";
type WarningCode = "breaker-without-inner-timeout" | "breaker-outside-retry" | "bulkhead-outside-retry" | "fallback-inside-retry" | "no-timeout" | "retry-inside-retry" | "same-policy-twice" | "retries-beyond-budget" | "attempt-timeout-too-long" | "hedge-outside-retry" | "hedge-inside-breaker" | "hedge-inside-bulkhead" | "hedge-inside-hedge" | "hedge-without-cap" | "hedge-after-timeout" | "hedge-of-unsafe-calls" | "faults-not-innermost" | "limit-without-inner-timeout" | "gate-without-limit";

export {};
