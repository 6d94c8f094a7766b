import { type CallSettings, NO_SETTINGS } from './call-options.js';
import type { FetchControl, ResilientFetch } from './control.js';
import type { AnyFetch } from './fetch-call.js';
import { GuardedFetch } from './guarded-fetch.js';
import type { FetchLike, ResilientFetchOptions } from './options.js';

/**
 * Creates a `fetch` that handles failures of servers. It has the parameters and the result of `fetch`, and adds, from
 * the outside in: a total timeout, retries with a budget, a pacing gate, a circuit breaker and a bulkhead for each
 * origin, and a timeout for each attempt. Use one instance for each kind of dependency. It costs what its policies cost.
 *
 * - Only requests that are safe to repeat are repeated (`repeatable`), and only if their body can be sent again: a
 *   stream is sent once, and the body of a `Request` is kept up to `replayLimit`.
 * - After a 429, the calls of the origin wait in arrival order until `Retry-After` has passed. They then leave at the
 *   rate that the server admits, and a 429 is no failure for the breaker.
 * - A `Retry-After` is honoured. The last response is returned unread, even if it is judged a failure.
 * - Timeouts, slots and verdicts end when the headers have arrived. The body belongs to the caller: only the caller's
 *   signal, and `bodyTimeout` and `bodyIdleTimeout` if they are set, can abort it. With `resume`, a body that breaks off
 *   continues.
 * - With `dedupe`, concurrent equal requests share one response.
 * - A URL that cannot be parsed rejects with the error of `fetch`.
 *
 * The returned promise rejects with the error of `fetch`, or with `TimeoutError`, `CircuitOpenError`,
 * `BulkheadFullError`, `QueueTimeoutError` (only with a `queueTimeout`) or `RateLimitedError` (a call that was never
 * sent because of the server's limit, or of a `rateLimit`).
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const fetch = resilientFetch({ timeout: '5s', attemptTimeout: '1s' });
 * const response = await fetch('https://example.com/users/1');
 * console.log(response.status);
 * ```
 */
export function resilientFetch<F extends FetchLike>(
  options: ResilientFetchOptions<F> & { readonly fetch: F },
): ResilientFetch<F>;
export function resilientFetch(options?: ResilientFetchOptions): ResilientFetch;
export function resilientFetch(options?: ResilientFetchOptions<FetchLike>): ResilientFetch<FetchLike> {
  return fetchWith(new GuardedFetch(options), NO_SETTINGS);
}

/** Returns the fetch function of an instance, with settings for calls that have no options. */
function fetchWith(instance: GuardedFetch, settings: CallSettings): ResilientFetch<FetchLike> {
  const fetch: AnyFetch = async (input, init) => instance.fetch(input, init, settings);
  const breakwater: FetchControl<FetchLike> = {
    with: (options) => fetchWith(instance, instance.checkedSettings(options, settings)),
    snapshot: () => instance.snapshot(),
    isolate: (key) => instance.policies.isolate(key),
    reset: (key) => instance.policies.reset(key),
    explain: () => instance.explain(settings),
    close: () => instance.calls.close(),
  };
  // Defined and not assigned, because some properties of a function, such as `name`, are not writable.
  const properties = Object.getOwnPropertyDescriptors({ ...instance.given, breakwater });
  return Object.defineProperties(fetch, properties) as unknown as ResilientFetch<FetchLike>;
}
