export declare function admissionHandler<Args extends readonly unknown[] = [
]>(options?: AdmissionHandlerOptions<Args>): AdmissionHandler<Args>;
export declare function admissionMiddleware<Req extends DeadlineRequest = DeadlineRequest, Res extends OutgoingResponse = OutgoingResponse>(options?: AdmissionOptions<[
	request: Req,
	response: Res
]>): AdmissionMiddleware<Req, Res>;
export declare function clientKey(options?: ClientKeyOptions): ClientKey;
export declare function deadlineHandler<Args extends readonly unknown[] = [
]>(options?: DeadlineHandlerOptions<Args>): <More extends readonly unknown[]>(handler: RequestHandler<[
	...Args,
	...More
]>) => (request: Request, ...args: [
	...Args,
	...More
]) => Promise<Response>;
export declare function deadlineMiddleware<Req extends DeadlineRequest = DeadlineRequest, Res extends OutgoingResponse = OutgoingResponse>(options?: DeadlineHttpOptions<[
	request: Req,
	response: Res
]>): (request: Req, response: Res, next: NextFunction) => void;
export declare function parseRateLimit(headers: HeaderFields, options?: ParseRateLimitOptions): RateLimitFields;
export declare function rateLimitHandler<Args extends readonly unknown[] = [
]>(options: RateLimitHandlerOptions<Args>): <More extends readonly unknown[]>(handler: RequestHandler<[
	...Args,
	...More
]>) => (request: Request, ...args: [
	...Args,
	...More
]) => Promise<Response>;
export declare function rateLimitHeaders(decision: Decision, dialect: RateLimitDialect, options?: RateLimitHeadersOptions): Record<string, string>;
export declare function rateLimitMiddleware<Req extends IncomingRequest = IncomingRequest, Res extends OutgoingResponse = OutgoingResponse>(options: RateLimitMiddlewareOptions<Req, Res>): (request: Req, response: Res, next: NextFunction) => void;
export declare function readPriority(headers: RequestHeaders): number | undefined;
export declare function toProblem(error: unknown): ProblemResponse;
export interface AdmissionControl extends Disposable {
	readonly stats: AdmissionStats;
	[Symbol.dispose](): void;
}
export interface AdmissionHandler<Args extends readonly unknown[]> extends AdmissionControl {
	<More extends readonly unknown[]>(handler: RequestHandler<[
		...Args,
		...More
	]>): (request: Request, ...args: [
		...Args,
		...More
	]) => Promise<Response>;
}
export interface AdmissionHandlerOptions<Args extends readonly unknown[] = [
]> extends AdmissionOptions<[
	request: Request,
	...args: Args
]> {
	/** @defaultValue none: no peer is trusted */
	readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
}
export interface AdmissionLimit {
	tryAcquire(): Pick<Permit, "release"> | undefined;
	acquire?(options: {
		readonly signal: AbortSignal;
		readonly priority: number;
	}): Promise<Pick<Permit, "release">>;
}
export interface AdmissionListeners<Req> {
	readonly reject?: ((event: AdmissionRejection<Req>) => void) | undefined;
}
export interface AdmissionMiddleware<Req extends DeadlineRequest, Res extends OutgoingResponse> extends AdmissionControl {
	(request: Req, response: Res, next: NextFunction): void;
}
export interface AdmissionOptions<Args extends readonly unknown[]> {
	/** @defaultValue none */
	readonly limit?: AdmissionLimit | undefined;
	/** @defaultValue `{ maxDelay: '100ms' }` */
	readonly eventLoop?: EventLoopOptions | false | undefined;
	/** @defaultValue false */
	readonly memory?: MemoryOptions | boolean | undefined;
	/** @defaultValue none: the priority is 5 */
	readonly priority?: RequestTermsOptions<Args>["priority"];
	/** @defaultValue all, but none for the priority */
	readonly trustedPeers?: readonly string[] | undefined;
	/** @defaultValue false */
	readonly deadline?: AdmissionDeadlineOptions | boolean | undefined;
	/** @defaultValue none */
	readonly never?: ((...args: Args) => boolean) | undefined;
	/** @defaultValue '1s' */
	readonly retryAfter?: Duration | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue 'admission' */
	readonly name?: string | undefined;
	/** @defaultValue none */
	readonly on?: AdmissionListeners<Args[0]> | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface AdmissionRejection<Req> {
	readonly reason: AdmissionReason;
	readonly priority: number;
	readonly enforced: boolean;
	readonly request: Req;
}
export interface AdmissionStats {
	readonly admitted: number;
	readonly rejected: number;
	readonly eventLoopDelayMs: number;
	readonly shedShare: number;
}
export interface AnnouncedLimit {
	readonly name: string | undefined;
	readonly unit: string | undefined;
	readonly limit: number | undefined;
	readonly remaining: number | undefined;
	readonly resetAfterMs: number | undefined;
	readonly windowMs: number | undefined;
	readonly partitionKey: string | undefined;
}
export interface ClientKeyOptions {
	/** @defaultValue false */
	readonly trustProxy?: TrustProxy | undefined;
	/** @defaultValue 56 */
	readonly ipv6Prefix?: number | undefined;
}
export interface ClientLimitOptions {
	readonly limiter?: undefined;
	readonly limit: number;
	readonly per: Duration;
	/** @defaultValue 10_000 */
	readonly maxKeys?: number | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface ConnectedRequest {
	readonly httpVersionMajor?: number | undefined;
	readonly socket: object;
}
export interface DeadlineHandlerOptions<Args extends readonly unknown[] = [
]> extends DeadlineHttpOptions<[
	request: Request,
	...args: Args
]> {
	/** @defaultValue none: no peer is trusted */
	readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
}
export interface DeadlineHttpListeners<Req> {
	readonly reject?: ((event: {
		readonly remainingMs: number;
		readonly request: Req;
	}) => void) | undefined;
}
export interface DeadlineHttpOptions<Args extends readonly unknown[]> extends RequestTermsOptions<Args> {
	/** @defaultValue none */
	readonly on?: DeadlineHttpListeners<Args[0]> | undefined;
}
export interface EventLoopOptions {
	/** @defaultValue '100ms' */
	readonly maxDelay?: Duration | undefined;
	/** @defaultValue none */
	readonly maxUtilization?: number | undefined;
}
export interface HttpRateLimiter {
	tryAcquire(key: string, cost?: number): Awaitable<Decision>;
	peek?(key: string, cost?: number): Awaitable<Decision>;
	reserve?(key: string, options?: ReserveOptions): Awaitable<Pick<Reservation, "decision" | "cancel">>;
}
export interface IncomingRequest {
	readonly headers: {
		readonly [name: string]: string | readonly string[] | undefined;
	};
	readonly socket: {
		readonly remoteAddress?: string | undefined;
	};
}
export interface MemoryOptions {
	/** @defaultValue 0.9 */
	readonly maxHeapShare?: number | undefined;
}
export interface OutgoingResponse {
	statusCode: number;
	readonly headersSent: boolean;
	readonly writableEnded: boolean;
	readonly writableFinished: boolean;
	readonly destroyed: boolean;
	getHeader(name: string): number | string | readonly string[] | undefined;
	setHeader(name: string, value: string): unknown;
	end(body: string): unknown;
	destroy(): unknown;
	once(event: "close", listener: () => void): unknown;
}
export interface ParseRateLimitOptions {
	/** @defaultValue `Date` plus `Age` of the response, which needs no synchronized clock; `Date.now()` without a valid `Date` */
	readonly now?: number | undefined;
}
export interface PolicyLabel {
	readonly name: string;
	/** @defaultValue not sent */
	readonly window?: Duration | undefined;
}
export interface Problem {
	readonly status: number;
	readonly body: string;
}
export interface ProblemResponse extends Problem {
	readonly headers: Readonly<Record<string, string>>;
}
export interface RateLimitFields {
	readonly limits: readonly AnnouncedLimit[];
	readonly retryAfterMs: number | undefined;
}
export interface RateLimitHeadersOptions {
	/** @defaultValue 'default' */
	readonly name?: string | undefined;
	/** @defaultValue not sent */
	readonly windowMs?: number | undefined;
	/** @defaultValue not sent */
	readonly partitionKey?: string | Uint8Array | undefined;
	/** @defaultValue `Date.now()` */
	readonly now?: number | undefined;
}
export interface RateLimitHttpListeners<Req> {
	readonly reject?: ((event: RateLimitRefusal & {
		readonly enforced: boolean;
		readonly request: Req;
	}) => void) | undefined;
	readonly refund?: ((event: {
		readonly key: string;
		readonly cost: number;
		readonly request: Req;
	}) => void) | undefined;
}
export interface RateLimitHttpOptions<Args extends readonly unknown[]> extends RequestLimitOptions<Args> {
	readonly limiter: HttpRateLimiter;
}
export interface RateLimitRefusal {
	readonly key: string;
	readonly cost: number;
	readonly policy: string;
	readonly decision: Decision;
}
export interface RequestLimitOptions<Args extends readonly unknown[]> extends ClientKeyOptions {
	/** @defaultValue the client's address */
	readonly key?: ((...args: Args) => Awaitable<string | undefined>) | undefined;
	/** @defaultValue 'share' */
	readonly onMissingKey?: "share" | "skip" | "reject" | undefined;
	/** @defaultValue 1 */
	readonly cost?: number | ((...args: Args) => Awaitable<number>) | undefined;
	/** @defaultValue no request is skipped */
	readonly skip?: ((...args: Args) => Awaitable<boolean>) | undefined;
	/** @defaultValue 'draft-10' */
	readonly headers?: RateLimitDialect | readonly RateLimitDialect[] | false | undefined;
	/** @defaultValue 'default' */
	readonly name?: string | undefined;
	/** @defaultValue `per`, otherwise not sent */
	readonly window?: Duration | undefined;
	readonly policies?: readonly PolicyLabel[] | undefined;
	/** @defaultValue not sent */
	readonly partitionKey?: ((key: string) => string) | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue no refund */
	readonly refundWhen?: ((ending: ResponseEnding, ...args: Args) => Awaitable<boolean>) | undefined;
	/** @defaultValue 429 */
	readonly statusCode?: number | undefined;
	/** @defaultValue none */
	readonly message?: string | undefined;
	readonly on?: RateLimitHttpListeners<Args[0]> | undefined;
}
export interface RequestTermsOptions<Args extends readonly unknown[]> {
	/** @defaultValue `deadlineHeader()`, `x-envoy-expected-rq-timeout-ms` */
	readonly header?: DeadlineHeader | undefined;
	/** @defaultValue 0 */
	readonly margin?: Duration | undefined;
	/** @defaultValue all peers for the deadline, and none for the priority */
	readonly trustedPeers?: readonly string[] | undefined;
	/** @defaultValue none: the priority is 5 */
	readonly priority?: "header" | ((...args: Args) => number | undefined) | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface ResponseEnding {
	readonly status: number;
	readonly completed: boolean;
}
export type AdmissionDeadlineOptions = Pick<RequestTermsOptions<[
]>, "header" | "margin">;
export type AdmissionReason = "event-loop" | "utilization" | "memory" | "limit" | "deadline";
export type ClientKey = (address: string | undefined, forwardedFor?: string | readonly string[] | null | undefined) => string | undefined;
export type DeadlineRequest = IncomingRequest & ConnectedRequest;
export type HeaderFields = Iterable<readonly [
	string,
	string
]> | {
	readonly [name: string]: HeaderValue;
};
export type LimiterOrLimit<Args extends readonly unknown[]> = RateLimitHttpOptions<Args> | (RequestLimitOptions<Args> & ClientLimitOptions);
export type NextFunction = (error?: unknown) => void;
export type RateLimitDialect = "x-ratelimit" | "draft-6" | "draft-7" | "draft-8" | "draft-10";
export type RateLimitHandlerOptions<Args extends readonly unknown[] = [
]> = LimiterOrLimit<[
	request: Request,
	...args: Args
]> & {
	readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
	/** @defaultValue a problem document (RFC 9457) of the type `quota-exceeded` */
	readonly onRefused?: ((refusal: RateLimitRefusal, request: Request, ...args: Args) => Awaitable<Response>) | undefined;
};
export type RateLimitMiddlewareOptions<Req extends IncomingRequest = IncomingRequest, Res extends OutgoingResponse = OutgoingResponse> = LimiterOrLimit<[
	request: Req,
	response: Res
]> & {
	/** @defaultValue a problem document (RFC 9457) of the type `quota-exceeded` */
	readonly onRefused?: ((refusal: RateLimitRefusal, request: Req, response: Res, next: NextFunction) => Awaitable<void>) | undefined;
};
export type RequestHandler<Args extends readonly unknown[]> = (request: Request, ...args: Args) => Awaitable<Response>;
export type TrustProxy = false | number | readonly string[];
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
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
interface Permit {
	release(outcome?: Outcome): void;
	[Symbol.dispose](): void;
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
type Awaitable<T> = T | PromiseLike<T>;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type HeaderValue = string | number | readonly string[] | undefined;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Random = () => number;
type RequestHeaders = {
	get(name: string): string | null;
} | {
	readonly [name: string]: string | readonly string[] | undefined;
};

export {};
