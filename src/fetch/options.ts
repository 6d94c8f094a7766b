import type { AcquireOptions, BulkheadEvents, BulkheadOptions } from '../bulkhead/index.js';
import type { CircuitBreakerEvents, CircuitBreakerOptions } from '../circuit-breaker/index.js';
import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import type { DeadlineHeader } from '../core/deadline-field.js';
import type { Duration } from '../core/duration.js';
import type { RequestHedging } from '../core/hedging.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { Permit } from '../core/permit.js';
import type { Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import type { RequestDedupe } from '../core/request-sharing.js';
import type { RateLimitEvents } from '../rate-limit/rate-limit.js';
import type { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { RetryEvents, RetryOptions } from '../retry/index.js';
import type { BeforeRetry } from './before-retry.js';
import type { OutgoingRequest } from './request.js';

/** Any function with the signature of `fetch`: the platform's, undici's, or a mock. */
export type FetchLike = (input: never, init?: never) => Promise<ResponseLike>;

/** The part of a response that `resilientFetch` uses. */
export interface ResponseLike {
  /** The HTTP status code. */
  readonly status: number;
  /** The response headers. */
  readonly headers: { get(name: string): string | null };
  /** The response body, such as a `ReadableStream`. */
  readonly body: unknown;
}

/** Options of `resilientFetch`. */
export interface ResilientFetchOptions<F extends FetchLike = typeof globalThis.fetch> {
  /** The function that sends requests. @defaultValue the global `fetch`, read at each call */
  readonly fetch?: F | undefined;
  /**
   * The time from the call to the headers of the final response, including all attempts: a duration above 0, or
   * `Infinity`.
   * @defaultValue '30s'
   */
  readonly timeout?: Duration | undefined;
  /**
   * The time from the start of an attempt to the headers of its response: a duration above 0, or `Infinity`.
   * @defaultValue '10s'
   */
  readonly attemptTimeout?: Duration | undefined;
  /**
   * The time from the headers to the end of the body: a duration above 0, or `Infinity`. Set it to protect against
   * servers that stall while they send a body.
   * @defaultValue Infinity
   */
  readonly bodyTimeout?: Duration | undefined;
  /**
   * The time that a read of the body waits for the next chunk: a duration above 0, or `Infinity`. It does not pass while
   * nothing reads the body, so a slow reader is not idle. Set it to detect a connection that has stalled without a limit
   * for the whole body. Bodies whose chunks cannot be observed, as in React Native, have no such limit.
   * @defaultValue Infinity
   */
  readonly bodyIdleTimeout?: Duration | undefined;
  /**
   * Whether the body of a GET continues after its connection has failed, or was idle for `bodyIdleTimeout`: the missing
   * bytes are requested with `Range` and `If-Range`. The response must have the status 200 and a strong `ETag`, and
   * neither a `Content-Encoding` nor `Accept-Ranges: none`. Requests are sent with `Accept-Encoding: identity`, unless
   * they have an `Accept-Encoding`: ranges of a body that `fetch` decodes cannot be put together. At most `maxAttempts`
   * of `retry` requests are sent for one body (3 with `retry: false` or a `policy`), each after a delay of its `backoff`.
   * If the representation has changed, or no attempt is left, reading rejects with the error that has interrupted the
   * body.
   * @defaultValue false
   */
  readonly resume?: boolean | undefined;
  /**
   * Options of `retry`. All calls of this instance share one retry budget. False disables retries, and with them the
   * pacing gate.
   * @defaultValue the defaults of `retry`, with the delay added to a `Retry-After`, and with a
   * `RetryBudget({ counts: 'failed' })`
   */
  readonly retry?: Omit<RetryOptions, 'clock' | 'random'> | false | undefined;
  /**
   * Options of `circuitBreaker`, for one breaker per key. False disables it.
   * @defaultValue the defaults of `circuitBreaker`, with an open time from 1 s doubling to 2 s
   */
  readonly circuitBreaker?: Omit<CircuitBreakerOptions, 'clock' | 'random'> | false | undefined;
  /**
   * Options of `bulkhead`, for one bulkhead per key. False disables it.
   * @defaultValue maxConcurrent 256, maxQueue 1024
   */
  readonly bulkhead?: FetchBulkheadOptions | false | undefined;
  /**
   * Returns the limit of concurrent attempts of a key, in place of the bulkhead: an `adaptiveLimit()` of
   * `breakwater/overload`, with the clock that is passed. Called once per key, and again when the key is used after ten
   * minutes without a request; `explain` calls it too.
   * @defaultValue none: the bulkhead
   */
  readonly limit?: ((key: string, kit: { readonly clock: Clock }) => FetchLimit) | undefined;
  /**
   * Rate limits per key: a limiter of the caller, and the limit that the server announces in its headers. Attempts wait
   * for both. False disables it.
   * @defaultValue false
   */
  readonly rateLimit?: FetchRateLimitOptions | false | undefined;
  /** A policy that replaces all of the above. @defaultValue none */
  readonly policy?: Policy | undefined;
  /**
   * Judges outcomes. A `failure` of a request that must not be repeated becomes `permanent`. A `throttled` outcome
   * closes the pacing gate of its key.
   * @defaultValue `classifyResponse`
   */
  readonly classify?: Classify | undefined;
  /**
   * Returns the key that selects the breaker, bulkhead, pacing gate and rate limits of a request.
   * @defaultValue the origin of the URL
   */
  readonly key?: ((request: OutgoingRequest) => string) | undefined;
  /**
   * Returns the address of an attempt; for load balancers. Breakers, bulkheads and rate limits do not distinguish
   * addresses, only keys.
   * @defaultValue the URL of the request
   */
  readonly route?: ((request: OutgoingRequest, context: CallContext) => Route | PromiseLike<Route>) | undefined;
  /**
   * Concurrent equal GET and HEAD requests share one response: the result of `dedupe()` of `breakwater/dedupe`.
   * @defaultValue none
   */
  readonly dedupe?: RequestDedupe | undefined;
  /**
   * Sends a request a second time if its response takes unusually long: the result of `hedge()` of `breakwater/hedge`.
   * Each key has its own latencies and its own cap. A hedge passes the breaker, the rate limits and the bulkhead of its
   * key, and it has its own `attemptTimeout`; a balancer in `route` selects another node for it. Hedged are requests that
   * are safe (GET, HEAD, OPTIONS, TRACE), have an `Idempotency-Key`, or are repeatable by a `repeatable` of the caller.
   * @defaultValue none
   */
  readonly hedge?: RequestHedging | undefined;
  /**
   * The header field with the time that each attempt may take: the result of `deadlineHeader()` of
   * `breakwater/overload`. Its value is the time until the attempt times out, or until an earlier deadline of the call or
   * of its request context, less the margin. A smaller value that the request already has is kept. If nothing is left,
   * the attempt rejects with `DeadlineExceededError` and is not sent.
   * @defaultValue none
   */
  readonly propagateDeadline?: DeadlineHeader | undefined;
  /**
   * Prepares a request before it is repeated: it may return another URL, other headers such as a fresh token, another
   * method or another body. It is called and awaited after the delay, when the failed attempt has released everything,
   * so it may send requests with the same instance. It is not called for a repetition by the pacing gate. If it rejects,
   * the call rejects with that error. The timeout of the call limits it.
   * @defaultValue none
   */
  readonly beforeRetry?: BeforeRetry | undefined;
  /**
   * Returns whether a request may be sent more than once: true or false. A body that can be sent only once prevents it
   * anyway. A request that was never sent, because there was no connection, may be sent again whatever this function
   * returns (RFC 9110, 9.2.2). With `hedge`, a request for which this function returns true may also be sent a second
   * time before the first response.
   * @defaultValue `isIdempotent`, by the method and the headers of the request
   */
  readonly repeatable?: ((request: OutgoingRequest) => boolean) | undefined;
  /**
   * The largest body that is kept so that it can be sent again, in bytes: an integer ≥ 0, or `Infinity`. A mutable body
   * (bytes, `URLSearchParams`, `FormData`) is copied at the call, and the body of a `Request` is read before the first
   * attempt. A request with a larger one is sent once. Text, Blobs and files are never copied.
   * @defaultValue 1048576
   */
  readonly replayLimit?: number | undefined;
  /**
   * The number of bytes of a discarded response that are read, to reuse its connection, before it is cancelled; and of
   * a 429 that a waiting call keeps: an integer ≥ 0.
   * @defaultValue 65536
   */
  readonly drainLimit?: number | undefined;
  /** Listeners for the events of the policies. @defaultValue none */
  readonly on?: ResilientFetchListeners | undefined;
  /** The clock of all policies. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source for jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Options of the bulkhead of each key. */
export interface FetchBulkheadOptions extends Omit<BulkheadOptions, 'clock' | 'maxConcurrent'> {
  /** The maximum number of concurrent attempts per key: an integer ≥ 1. @defaultValue 256 */
  readonly maxConcurrent?: number | undefined;
  /**
   * When an attempt releases its slot: at the response headers, or at the end of the body. The latter requires
   * `bodyTimeout`.
   * @defaultValue 'headers'
   */
  readonly holdUntil?: 'headers' | 'body' | undefined;
}

/** A limit of concurrent attempts, as `adaptiveLimit` of `breakwater/overload` returns it. */
export interface FetchLimit extends Policy {
  /** The maximum number of concurrent attempts now. */
  readonly limit: number;
  /** The number of running attempts. */
  readonly active: number;
  /** The number of waiting attempts. */
  readonly queued: number;
  /** When an attempt releases its slot: at the response headers, or at the end of the body. */
  readonly holdUntil: 'headers' | 'body';
  /** Acquires a slot, after waiting in the queue if no slot is free. */
  acquire(options: AcquireOptions): Promise<Permit>;
  /** Adds a listener for rejected attempts. */
  on(type: 'reject', listener: (event: BulkheadEvents['reject']) => void): unknown;
}

/** Options of the rate limits of each key. */
export interface FetchRateLimitOptions {
  /**
   * Returns the limiter of a key. Called once per key, and again when the key is used after ten minutes without a
   * request. For a limiter with a longer memory, return the same one each time.
   * @defaultValue none
   */
  readonly limiter?: ((key: string) => RateLimiter) | undefined;
  /**
   * Whether to follow the limit that the server announces in its responses (`RateLimit`, `X-RateLimit-*`, and
   * `Retry-After` with a 429, 403 or 503): requests that the server would reject are not sent. A limit of one
   * resource (`X-RateLimit-Resource`) is not followed, since it does not concern the others.
   * @defaultValue true
   */
  readonly followServerLimits?: boolean | undefined;
  /**
   * The longest time without requests because of an announced limit: a finite duration ≥ 1 ms. After it, one request
   * passes as a probe, and one more after each further `maxServerPause`; all others are rejected with the remaining
   * time. The response to a probe replaces what was announced before. Set a longer time for a server that penalizes
   * early requests.
   * @defaultValue '1m'
   */
  readonly maxServerPause?: Duration | undefined;
  /**
   * The longest time that an attempt waits for its limits: a duration ≥ 0, or `Infinity`. An attempt that would have to
   * wait longer is rejected immediately.
   * @defaultValue '5s'
   */
  readonly maxWait?: Duration | undefined;
}

/** The address of an attempt, and a callback for its outcome. */
export interface Route {
  /** The address to send the request to. */
  readonly url: string | URL;
  /** Receives the outcome of the attempt. @defaultValue none */
  readonly release?: ((outcome: Outcome) => void) | undefined;
}

/** Listeners for the events of the policies of `resilientFetch`. */
export interface ResilientFetchListeners {
  /** The breaker of a key has changed its state. */
  readonly stateChange?: ((event: CircuitBreakerEvents['stateChange'] & { readonly key: string }) => void) | undefined;
  /** A breaker, a bulkhead or adaptive limit (`bulkhead`), or a rate limit or the pacing gate (`rate-limit`) has rejected an attempt. */
  readonly reject?: ((event: RejectEvent) => void) | undefined;
  /** An attempt has failed, and another one follows. */
  readonly retry?: ((event: RetryEvents['retry'] & RequestLabels) => void) | undefined;
  /** No further attempt is made. */
  readonly giveUp?: ((event: RetryEvents['giveUp'] & RequestLabels) => void) | undefined;
  /** An attempt, or the whole call, has timed out. */
  readonly timeout?: ((event: FetchTimeoutEvent) => void) | undefined;
  /** A call has ended: its response headers are there, or it has failed. Calls that share a request are one call. */
  readonly call?: ((event: CallEvent) => void) | undefined;
}

/** What identifies the kind of a request in events. */
export interface RequestLabels {
  /** The key that has selected the policies of the request: by default the origin. */
  readonly key: string;
  /** The method, in upper case. */
  readonly method: string;
}

/** An attempt, or a whole call, has timed out after `timeoutMs` milliseconds. */
export interface FetchTimeoutEvent extends RequestLabels {
  readonly of: 'attempt' | 'call';
  readonly timeoutMs: number;
}

/** The end of a call. */
export interface CallEvent extends RequestLabels {
  /** The response, whose body the listener must not read, or the error. */
  readonly outcome: Outcome;
  /** Milliseconds from the start of the call to the response headers, or to the error. */
  readonly durationMs: number;
  /** The number of attempts that were made, without hedges; 0 if a policy has rejected the call before. */
  readonly attempts: number;
  /** The number of hedges that were sent. */
  readonly hedges: number;
}

/** The rejection of an attempt: the key, the policy that rejected it, and that policy's event. */
export type RejectEvent = { readonly key: string } & (
  | { readonly by: 'circuit-breaker'; readonly event: CircuitBreakerEvents['reject'] }
  | { readonly by: 'bulkhead'; readonly event: BulkheadEvents['reject'] }
  | { readonly by: 'rate-limit'; readonly event: RateLimitEvents['reject'] }
);
