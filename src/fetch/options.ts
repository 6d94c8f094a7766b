import type { BulkheadEvents, BulkheadOptions } from '../bulkhead/index.js';
import type { CircuitBreakerEvents, CircuitBreakerOptions } from '../circuit-breaker/index.js';
import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import type { RateLimitEvents } from '../rate-limit/rate-limit.js';
import type { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { RetryEvents, RetryOptions } from '../retry/index.js';
import type { OutgoingRequest } from './request.js';

/** Any function of the shape of `fetch`: the platform's, undici's, a mock. */
export type FetchLike = (input: never, init?: never) => Promise<ResponseLike>;

export interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}

export interface ResilientFetchOptions<F extends FetchLike = typeof globalThis.fetch> {
  /** What does the fetching. @defaultValue the global `fetch`, looked up at each call */
  readonly fetch?: F | undefined;
  /** From the call to the response's headers, all tries together. `Infinity` allowed. @defaultValue '30s' */
  readonly timeout?: Duration | undefined;
  /** One try, to its headers. `Infinity` allowed. @defaultValue '10s' */
  readonly attemptTimeout?: Duration | undefined;
  /** The caller's reading of the body, from the headers on. @defaultValue none */
  readonly bodyTimeout?: Duration | undefined;
  /** Options of `retry`; its budget is shared by all calls of this instance. False turns it off. */
  readonly retry?: Omit<RetryOptions, 'clock' | 'random'> | false | undefined;
  /** Options of `circuitBreaker`; one for each key, which opens for 1 s at first, doubling to 30 s. False turns it off. */
  readonly circuitBreaker?: Omit<CircuitBreakerOptions, 'clock' | 'random'> | false | undefined;
  /** Options of `bulkhead`; one for each key. False turns it off. @defaultValue maxConcurrent 256, maxQueue 1024 */
  readonly bulkhead?: FetchBulkheadOptions | false | undefined;
  /** Waits for a limiter of yours, and for what the server's own headers announce; by key. @defaultValue false */
  readonly rateLimit?: FetchRateLimitOptions | false | undefined;
  /** A policy of your own instead of all the above. */
  readonly policy?: Policy | undefined;
  /** How outcomes are judged. A `failure` that must not be repeated becomes `permanent`. @defaultValue `classifyResponse` */
  readonly classify?: Classify | undefined;
  /** What breakers and bulkheads are told apart by. @defaultValue the origin of the URL */
  readonly key?: ((request: OutgoingRequest) => string) | undefined;
  /** Where each try goes: for load balancers. To breakers and bulkheads all places are one, told apart by `key` alone. */
  readonly route?: ((request: OutgoingRequest, context: CallContext) => Route | PromiseLike<Route>) | undefined;
  /**
   * The most bytes of a body that the caller could change (bytes, `URLSearchParams`, `FormData`) that are copied at the call
   * so that the request can be sent again. A larger one is sent once; it is copied only if that attempt has to wait. Text,
   * Blobs and files are never copied. Integer ≥ 0 or `Infinity`. @defaultValue 1048576
   */
  readonly replayLimit?: number | undefined;
  /** How many bytes of a discarded response are read, to keep its connection, before it is cancelled. @defaultValue 65536 */
  readonly drainLimit?: number | undefined;
  /** Who is told of what happens inside. */
  readonly on?: ResilientFetchListeners | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** For jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

export interface FetchBulkheadOptions extends Omit<BulkheadOptions, 'clock' | 'maxConcurrent'> {
  /** @defaultValue 256 */
  readonly maxConcurrent?: number | undefined;
  /** What a slot is held until: the response's headers, or the end of its body; the latter needs `bodyTimeout`. @defaultValue 'headers' */
  readonly holdUntil?: 'headers' | 'body' | undefined;
}

export interface FetchRateLimitOptions {
  /**
   * What may be sent, how often. Asked for once a key, and again when a key comes back after ten minutes without a
   * request: a limiter with a longer memory is yours to keep.
   * @defaultValue none
   */
  readonly limiter?: ((key: string) => RateLimiter) | undefined;
  /**
   * Whether to heed what responses say of the server's limit (`RateLimit`, `X-RateLimit-*`, and `Retry-After` with a
   * 429 or 503): what it would refuse is not sent.
   * @defaultValue true
   */
  readonly followServerLimits?: boolean | undefined;
  /**
   * The longest time in which no request is sent because of what the server has announced. After it one request passes
   * as a probe, and one more after each further `maxServerPause`; all others are rejected with the time that remains.
   * The response to a probe counts instead of what was announced before. Above 0, and finite. Longer where a server
   * punishes requests that come too early.
   * @defaultValue '1m'
   */
  readonly maxServerPause?: Duration | undefined;
  /** How long a try may wait; one that would have to wait longer is refused at once. @defaultValue '5s' */
  readonly maxWait?: Duration | undefined;
}

/** What can be done to the policies of a fetch that has a `rateLimit`. */
export interface FetchControl {
  /**
   * Forgets what the server of this key has announced of its limits, and closes the circuit of the key. A key that is not
   * known changes nothing. By default a key is the origin of the URL.
   */
  reset(key: string): void;
}

/** A fetch with the control of its policies. */
export type ResilientFetch<F extends FetchLike = typeof globalThis.fetch> = F & { readonly breakwater: FetchControl };

/** Where a try goes, and whom to tell how it went. */
export interface Route {
  readonly url: string | URL;
  readonly release?: ((outcome: Outcome) => void) | undefined;
}

export interface ResilientFetchListeners {
  /** The breaker of a key changed its state. */
  readonly stateChange?: ((event: CircuitBreakerEvents['stateChange'] & { readonly key: string }) => void) | undefined;
  /** A breaker, a bulkhead or a rate limit refused a try. */
  readonly reject?: ((event: RejectEvent) => void) | undefined;
  /** A try failed, and there will be another. */
  readonly retry?: ((event: RetryEvents['retry']) => void) | undefined;
  /** There will be no further try. */
  readonly giveUp?: ((event: RetryEvents['giveUp']) => void) | undefined;
  /** A try, or the whole call, ran out of time. */
  readonly timeout?: ((event: { readonly of: 'attempt' | 'call'; readonly timeoutMs: number }) => void) | undefined;
}

export type RejectEvent = { readonly key: string } & (
  | { readonly by: 'circuit-breaker'; readonly event: CircuitBreakerEvents['reject'] }
  | { readonly by: 'bulkhead'; readonly event: BulkheadEvents['reject'] }
  | { readonly by: 'rate-limit'; readonly event: RateLimitEvents['reject'] }
);
