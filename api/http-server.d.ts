export declare function clientKey(options?: ClientKeyOptions): ClientKey;
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
export interface ResponseEnding {
	readonly status: number;
	readonly completed: boolean;
}
export type ClientKey = (address: string | undefined, forwardedFor?: string | readonly string[] | null | undefined) => string | undefined;
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
interface Decision {
	readonly allowed: boolean;
	readonly limit: number;
	readonly remaining: number;
	readonly retryAfterMs: number;
	readonly resetAfterMs: number;
	readonly limitedBy?: number | undefined;
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

export {};
