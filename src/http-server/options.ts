import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { Decision } from '../core/errors.js';
import type { Reservation, ReserveOptions } from '../rate-limit/rate-limiter.js';
import type { ClientKeyOptions } from './client-key.js';
import type { RateLimitDialect } from './rate-limit-headers.js';

/** A value or a promise of it, for example from a store that is asked over the network. */
export type Awaitable<T> = T | PromiseLike<T>;

/** The methods of a keyed limiter that the middleware needs. `KeyedRateLimiter` has them; a custom limiter can too. */
export interface HttpRateLimiter {
  /** Takes `cost` for the key, or returns a decision with the time after which it will be possible. */
  tryAcquire(key: string, cost?: number): Awaitable<Decision>;
  /**
   * Returns the decision that `tryAcquire` would return, and takes nothing. With it, the reset in the header fields is
   * the time of the next increase; without it, the time at which the full limit is available. Omit it if it would need
   * a network request.
   */
  peek?(key: string, cost?: number): Awaitable<Decision>;
  /** Reserves `cost` for the key. Only needed for `refundWhen`. */
  reserve?(key: string, options?: ReserveOptions): Awaitable<Pick<Reservation, 'decision' | 'cancel'>>;
}

/** The options of the middleware and of the handler, with a limiter from the caller. */
export interface RateLimitHttpOptions<Args extends readonly unknown[]> extends RequestLimitOptions<Args> {
  /** The limiter that decides. If several routes use the same limiter, they share its limit. */
  readonly limiter: HttpRateLimiter;
}

/** A limit per client, instead of a `limiter`. Each client has its own `SlidingWindowCounter`. */
export interface ClientLimitOptions {
  /** Not allowed together with `limit`. */
  readonly limiter?: undefined;
  /**
   * The number of requests that one client may send in any `per`: an integer from 1 to 10^15. While `maxKeys` clients
   * are in use, a new client shares the limit of its network, an IPv4 /24 or IPv6 /48. With a custom `key`, all new
   * keys share one limit in that case.
   */
  readonly limit: number;
  /** The length of the window of `limit`. It is sent to clients, unless `window` is set. */
  readonly per: Duration;
  /** The maximum number of clients in memory: an integer from 1 to 16,777,215. @defaultValue 10_000 */
  readonly maxKeys?: number | undefined;
  /** The clock of the windows. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Either a limiter or a limit per client, with the options that are the same for both. */
export type LimiterOrLimit<Args extends readonly unknown[]> =
  | RateLimitHttpOptions<Args>
  | (RequestLimitOptions<Args> & ClientLimitOptions);

/**
 * The options that the middleware and the handler share. Functions are called with the arguments of the middleware or
 * handler: `Args`.
 */
export interface RequestLimitOptions<Args extends readonly unknown[]> extends ClientKeyOptions {
  /**
   * Returns the key that a request is counted for, for example an account or an API key. With it, `trustProxy` and
   * `ipv6Prefix` have no effect. If the key contains an address, see `clientKey`.
   * @defaultValue the client's address
   */
  readonly key?: ((...args: Args) => Awaitable<string | undefined>) | undefined;
  /**
   * What happens to a request without a key. `'share'` counts it together with all other requests without a key,
   * `'skip'` lets it pass uncounted, and `'reject'` answers it with status 400.
   * @defaultValue 'share'
   */
  readonly onMissingKey?: 'share' | 'skip' | 'reject' | undefined;
  /** The cost of a request: an integer ≥ 0, or a function that returns it. @defaultValue 1 */
  readonly cost?: number | ((...args: Args) => Awaitable<number>) | undefined;
  /** Returns true for a request that passes uncounted. @defaultValue no request is skipped */
  readonly skip?: ((...args: Args) => Awaitable<boolean>) | undefined;
  /**
   * The header fields that show clients their limit: one dialect, `x-ratelimit` and one draft, or `false` for none.
   * `Retry-After` is sent with every rejection in any case. The default is the latest draft of the standard. It does
   * not depend on the clocks of client and server and contains the name of the policy. Add `'x-ratelimit'` for clients
   * that only read those fields.
   * @defaultValue 'draft-10'
   */
  readonly headers?: RateLimitDialect | readonly RateLimitDialect[] | false | undefined;
  /**
   * The name of the policy in header fields and responses: printable ASCII. If a request passes several limiters, give
   * each of them a different name.
   * @defaultValue 'default'
   */
  readonly name?: string | undefined;
  /** The window of the limiter's `limit`, sent to clients. @defaultValue `per`, otherwise not sent */
  readonly window?: Duration | undefined;
  /**
   * For a limiter made by `allOf`, instead of `name` and `window`: those of each combined limiter, in the same order.
   */
  readonly policies?: readonly PolicyLabel[] | undefined;
  /**
   * Returns the partition key to send to clients, from the key of the request. It is sent unchanged, so it must not
   * contain personal data.
   * @defaultValue not sent
   */
  readonly partitionKey?: ((key: string) => string) | undefined;
  /**
   * Whether limits are enforced. `'observe'` counts and emits events, but rejects no request and sends no header
   * fields; use it to test a limit before enforcing it.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /**
   * Called when the response has ended; returns true to refund the cost, for example to count only failed logins. The
   * refund goes to the window that the cost was taken from, never to a later one. With this option, the cost is taken
   * with `reserve`, without waiting. A `LeakyBucket` spaces reservations, so it admits such a request only if it is
   * empty.
   * @defaultValue no refund
   */
  readonly refundWhen?: ((ending: ResponseEnding, ...args: Args) => Awaitable<boolean>) | undefined;
  /** The status code of rejections, from 400 to 599. @defaultValue 429 */
  readonly statusCode?: number | undefined;
  /** The `detail` member of the problem document sent to a rejected request: a text for people. @defaultValue none */
  readonly message?: string | undefined;
  /** The listeners to notify about rejections and refunds. */
  readonly on?: RateLimitHttpListeners<Args[0]> | undefined;
}

/** The name and the window of one limiter of `allOf`, as sent to clients. */
export interface PolicyLabel {
  /** The name of the policy: printable ASCII. */
  readonly name: string;
  /** The window of the policy's limit. @defaultValue not sent */
  readonly window?: Duration | undefined;
}

/** How a response has ended. */
export interface ResponseEnding {
  /** The status code of the response; 500 if a handler failed instead. */
  readonly status: number;
  /** Whether the response was sent completely. False if the client disconnected before the end or a handler failed. */
  readonly completed: boolean;
}

/** A request that was above the limit. */
export interface RateLimitRefusal {
  /** The key that the request was counted for; '' for a request without a key. */
  readonly key: string;
  /** The cost of the request. */
  readonly cost: number;
  /** The name of the policy that rejected the request. */
  readonly policy: string;
  /** The decision of the limiter. */
  readonly decision: Decision;
}

/** Listeners of the middleware and of the handler. */
export interface RateLimitHttpListeners<Req> {
  /** Called for a request above the limit. In mode 'observe', `enforced` is false and the request passes. */
  readonly reject?:
    | ((event: RateLimitRefusal & { readonly enforced: boolean; readonly request: Req }) => void)
    | undefined;
  /** Called when the cost of a request was refunded. */
  readonly refund?:
    | ((event: { readonly key: string; readonly cost: number; readonly request: Req }) => void)
    | undefined;
}
