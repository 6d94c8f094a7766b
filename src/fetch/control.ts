/// <reference lib="esnext.disposable" preserve="true" />
import type { CircuitBreakerStats, CircuitState } from '../circuit-breaker/index.js';
import type { Decision } from '../core/errors.js';
import type { Explanation } from '../pipeline/index.js';
import type { RetryBudgetStats } from '../retry/index.js';
import type { FetchCallOptions } from './call-options.js';
import type { FetchLike } from './options.js';

/**
 * A fetch function that accepts options of each call, with access to its policies. It has the own enumerable properties
 * of the original fetch.
 */
export type ResilientFetch<F extends FetchLike = typeof globalThis.fetch> = F &
  ((input: Parameters<F>[0], init?: Parameters<F>[1] & WithCallOptions) => ReturnType<F>) & {
    /** Controls the policies of this function. */
    readonly breakwater: FetchControl<F>;
  };

/** The member of the second argument of `fetch` that holds the options of a call. */
export interface WithCallOptions {
  /** Options of this call. They are not passed on. @defaultValue none */
  readonly breakwater?: FetchCallOptions | undefined;
}

/** Controls the policies of a `resilientFetch`, and reports their state. */
export interface FetchControl<F extends FetchLike = typeof globalThis.fetch> {
  /**
   * Returns a function with other options for each of its calls. It belongs to the same instance: breakers, bulkheads,
   * rate limits and the retry budget are shared. Options of a single call take precedence over these. For clients that
   * build a `Request` themselves, and so cannot pass options with a call.
   *
   * @throws InvalidOptionError for invalid options.
   * @example
   * ```ts
   * const fetch = resilientFetch();
   * const slow = fetch.breakwater.with({ timeout: '2m', attemptTimeout: '1m', priority: 9 });
   * const report = await slow('https://example.com/report');
   * ```
   */
  with(options: FetchCallOptions): ResilientFetch<F>;
  /** Returns the current state of all keys, for health pages and debugging. O(keys). Reading it changes nothing. */
  snapshot(): FetchSnapshot;
  /**
   * Rejects all calls of a key with `CircuitOpenError` until the result is disposed. By default, a key is the origin of
   * the URL.
   *
   * @throws InvalidOptionError without circuit breakers: with `circuitBreaker: false`, or with a `policy`.
   */
  isolate(key: string): Disposable;
  /**
   * Closes the circuit of a key, forgets what its server has announced about its limits, and opens the pacing gate. Has
   * no effect for an unknown key. By default, a key is the origin of the URL.
   */
  reset(key: string): void;
  /** Computes the worst case of one call, and finds likely mistakes in the options; as `explain` does. */
  explain(): Explanation;
  /**
   * Rejects new calls with `ClosedError`, and lets the calls in flight end. The promise resolves when all of them have
   * their response headers, or have failed. Bodies that are still being read continue.
   */
  close(): Promise<void>;
}

/** The state of a `resilientFetch` at one time, as plain data. */
export interface FetchSnapshot {
  /** The number of calls that wait for their response headers. */
  readonly inFlight: number;
  /** The shared retry budget; undefined without one. */
  readonly retryBudget: RetryBudgetStats | undefined;
  /** The state of each key that is in use. Empty with a `policy`. */
  readonly keys: readonly KeySnapshot[];
}

/** The state of the policies of one key. A policy that is disabled is undefined. */
export interface KeySnapshot {
  /** The key: by default the origin of the URL. */
  readonly key: string;
  /** The state and the window of the circuit breaker. */
  readonly circuitBreaker: ({ readonly state: CircuitState } & CircuitBreakerStats) | undefined;
  /** The running and the waiting attempts at the bulkhead, or at the `limit`. */
  readonly bulkhead: { readonly active: number; readonly queued: number } | undefined;
  /** The current limit of the result of the option `limit`; undefined with a bulkhead. */
  readonly limit?: number | undefined;
  /** The decision that the limiter of the caller would make now. */
  readonly limiter: Decision | undefined;
  /** The decision that follows from what the server has announced about its limit. */
  readonly serverLimit: Decision | undefined;
  /** The pacing gate; undefined while it delays no calls. */
  readonly pacing: PacingSnapshot | undefined;
}

/** The state of a pacing gate that delays calls. */
export interface PacingSnapshot {
  /** The number of waiting calls. */
  readonly waiting: number;
  /** The rate at which calls are admitted, per second. */
  readonly ratePerSecond: number;
  /** Milliseconds until a call that arrives now would be sent. */
  readonly retryAfterMs: number;
}
