export declare function cachedFetch<F extends CacheableFetch>(fetch: F, options?: CachedFetchOptions): CachedFetch<F>;
export interface CacheUserRequest {
	readonly url: string;
	readonly headers: Headers;
	readonly init: Readonly<Record<PropertyKey, unknown>>;
}
export interface CachedFetchOptions {
	/** @defaultValue 10_000 */
	readonly capacity?: number | undefined;
	/** @defaultValue 50 MiB */
	readonly maxBytes?: number | undefined;
	/** @defaultValue 5 MiB */
	readonly maxEntryBytes?: number | undefined;
	/** @defaultValue none */
	readonly store?: CacheLike<string, StoredResponses> | undefined;
	/** @defaultValue 0.1 */
	readonly heuristic?: number | undefined;
	/** @defaultValue none: users are distinguished by `userHeaders` and `init` */
	readonly user?: ((request: CacheUserRequest) => string) | undefined;
	/** @defaultValue all headers, except those that never name a user: the CORS-safelisted ones, the conditional, range and preference fields of RFC 9110, `cache-control`, `pragma`, `user-agent`, `traceparent`, `tracestate`, `baggage`, `b3`, `x-b3-*`, `sentry-trace`, `x-request-id`, `x-correlation-id`, `x-amzn-trace-id`, `idempotency-key` */
	readonly userHeaders?: readonly string[] | undefined;
	/** @defaultValue `'5s'`, as nginx's `proxy_cache_lock_timeout` */
	readonly lockTimeout?: Duration | undefined;
	/** @defaultValue `'breakwater'` */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Date.now` */
	readonly now?: (() => number) | undefined;
}
export interface HttpCache {
	readonly stats: HttpCacheStats;
	delete(url: string | URL): boolean;
	clear(): void;
}
export interface HttpCacheStats {
	readonly hits: number;
	readonly staleHits: number;
	readonly forwards: number;
	readonly validations: number;
	readonly collapsed: number;
	readonly bypassed: number;
	readonly stored: number;
}
export interface StoredResponses {
	readonly variants: readonly StoredResponse[];
	readonly bytes: number;
}
export type CacheableFetch = (input: never, init?: never) => Promise<{
	readonly status: number;
	readonly headers: {
		get(name: string): string | null;
	};
	readonly body: unknown;
}>;
export type CachedFetch<F extends CacheableFetch> = F & {
	readonly cache: HttpCache;
};
interface CacheLike<K, V> {
	get(key: K): V | undefined;
	set(key: K, value: V): unknown;
	delete(key: K): boolean;
	clear?(): void;
	/** @defaultValue `get` */
	peek?(key: K): V | undefined;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface ResponseShape {
	readonly make: typeof Response;
	readonly url: string;
	readonly redirected: boolean;
	readonly type: string;
	readonly status: number;
	readonly statusText: string;
}
interface StoredResponse {
	readonly number: number;
	readonly shape: ResponseShape;
	readonly headers: HeaderPairs;
	readonly directives: CacheDirectives;
	readonly body: Uint8Array | null;
	readonly selectedBy: ReadonlyMap<string, string | null>;
	readonly isPublic: boolean;
	readonly receivedAt: number;
	readonly receivedDate: number;
	readonly initialAgeMs: number;
	readonly lifetimeMs: number;
	readonly bytes: number;
}
type CacheDirectives = ReadonlyMap<string, string | null>;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type HeaderPairs = readonly (readonly [
	string,
	string
])[];

export {};
