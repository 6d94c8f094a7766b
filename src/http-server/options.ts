import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { Decision } from '../core/errors.js';
import type { Reservation, ReserveOptions } from '../rate-limit/rate-limiter.js';
import type { ClientKeyOptions } from './client-key.js';
import type { RateLimitDialect } from './rate-limit-headers.js';

/** Now or later: what may also come from a store that is asked over the network. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What is needed of a limiter that knows its clients by a key: a `KeyedRateLimiter`, or one of your own. */
export interface HttpRateLimiter {
  tryAcquire(key: string, cost?: number): Awaitable<Decision>;
  /** Tells clients when there will be more; without it, when all will be back. Not worth a round trip of its own. */
  peek?(key: string, cost?: number): Awaitable<Decision>;
  /** Needed for `refundWhen` only. */
  reserve?(key: string, options?: ReserveOptions): Awaitable<Pick<Reservation, 'decision' | 'cancel'>>;
}

/** The options of the middleware and of the handler, with a limiter of the caller's own. */
export interface RateLimitHttpOptions<Args extends readonly unknown[]> extends RequestLimitOptions<Args> {
  /** Decides. One limiter may serve several routes, which then share what it allows. */
  readonly limiter: HttpRateLimiter;
}

/** A limit for each client, instead of a `limiter`: a `SlidingWindowCounter` that is made for each of them. */
export interface ClientLimitOptions {
  readonly limiter?: undefined;
  /**
   * The number of requests of one client in any `per`: an integer from 1 to 10^15. While `maxKeys` clients are in use, a
   * new client shares the limit of its network, an IPv4 /24 or IPv6 /48; with a `key` of your own, that of all new keys.
   */
  readonly limit: number;
  /** The length of the window of `limit`. Clients see it, unless there is a `window`. */
  readonly per: Duration;
  /** The number of clients that are kept: an integer from 1 to 16,777,215. @defaultValue 10_000 */
  readonly maxKeys?: number | undefined;
  /** The clock of the windows. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Either a limiter or a limit for each client, and all that does not depend on which of them it is. */
export type LimiterOrLimit<Args extends readonly unknown[]> =
  | RateLimitHttpOptions<Args>
  | (RequestLimitOptions<Args> & ClientLimitOptions);

/**
 * What the middleware and the handler have in common. Functions get what the middleware, or the handler, got: `Args`.
 */
export interface RequestLimitOptions<Args extends readonly unknown[]> extends ClientKeyOptions {
  /**
   * Whom a request is counted for: an account, an API key. Leaves `trustProxy` and `ipv6Prefix` without effect; for a
   * key that has an address in it, see `clientKey`.
   * @defaultValue the client's address
   */
  readonly key?: ((...args: Args) => Awaitable<string | undefined>) | undefined;
  /**
   * What happens to a request without a key: it is counted together with all others that have none, passes uncounted,
   * or is answered with 400.
   * @defaultValue 'share'
   */
  readonly onMissingKey?: 'share' | 'skip' | 'reject' | undefined;
  /** What a request takes: an integer ≥ 0. @defaultValue 1 */
  readonly cost?: number | ((...args: Args) => Awaitable<number>) | undefined;
  /** True lets a request pass uncounted. @defaultValue none is skipped */
  readonly skip?: ((...args: Args) => Awaitable<boolean>) | undefined;
  /**
   * Which fields tell clients about their limit: a dialect, `x-ratelimit` and one draft, or none. `Retry-After` goes
   * with every refusal in any case. The default is the present text of the standard to be, needs no clock that is
   * right, and is the only one that names the policy; add 'x-ratelimit' for clients that know nothing else.
   * @defaultValue 'draft-10'
   */
  readonly headers?: RateLimitDialect | readonly RateLimitDialect[] | false | undefined;
  /**
   * The policy's name, in fields and answers: printable ASCII, other than that of another limiter.
   * @defaultValue 'default'
   */
  readonly name?: string | undefined;
  /** The time in which the limiter's `limit` passes, for clients to see. @defaultValue `per`, or not sent */
  readonly window?: Duration | undefined;
  /** Instead of `name` and `window`, for a limiter made by `allOf`: those of each of its members, in the same order. */
  readonly policies?: readonly PolicyLabel[] | undefined;
  /**
   * What clients are told of whose share it is, by the request's key. It is sent as it is: no personal data.
   * @defaultValue not told
   */
  readonly partitionKey?: ((key: string) => string) | undefined;
  /**
   * 'observe' counts and reports, but refuses nothing and sends no fields: to try a limit out.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /**
   * True gives the cost back, once, when the response has ended: to count failed logins only, say. It comes from what
   * was taken, never from a later window. Such requests take their share with `reserve`, without waiting: of a
   * `LeakyBucket`, which spaces what is reserved, only one that finds it empty is let through.
   * @defaultValue nothing is given back
   */
  readonly refundWhen?: ((ending: ResponseEnding, ...args: Args) => Awaitable<boolean>) | undefined;
  /** Of refusals. 400 to 599. @defaultValue 429 */
  readonly statusCode?: number | undefined;
  /** The `detail` of the answer to a refused request, for people to read. @defaultValue none */
  readonly message?: string | undefined;
  /** Who is told of what happens. */
  readonly on?: RateLimitHttpListeners<Args[0]> | undefined;
}

export interface PolicyLabel {
  readonly name: string;
  readonly window?: Duration | undefined;
}

/** How a response has ended. */
export interface ResponseEnding {
  /** Its status; 500 when a handler failed instead. */
  readonly status: number;
  /** False when the client left before the end, or a handler failed. */
  readonly completed: boolean;
}

/** A request that was one too many. */
export interface RateLimitRefusal {
  /** Whom it was counted for; '' for those without a key. */
  readonly key: string;
  readonly cost: number;
  /** The name of the policy it went against. */
  readonly policy: string;
  readonly decision: Decision;
}

export interface RateLimitHttpListeners<Req> {
  /** A request was one too many. It passed all the same where it was not `enforced`: in mode 'observe'. */
  readonly reject?:
    | ((event: RateLimitRefusal & { readonly enforced: boolean; readonly request: Req }) => void)
    | undefined;
  /** A request's cost was given back. */
  readonly refund?:
    | ((event: { readonly key: string; readonly cost: number; readonly request: Req }) => void)
    | undefined;
}
