import { type Clock, checkClock } from '../core/clock.js';
import { DeadlineList } from '../core/deadline-list.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { Policy } from '../core/policy.js';
import { classifyResponse } from './classify-response.js';
import { discard } from './discard.js';
import { type AnyFetch, FetchCall, type FetchSettings } from './fetch-call.js';
import { guardedBodyOf } from './guarded-body.js';
import { onlyOnce } from './only-once.js';
import type {
  FetchControl,
  FetchLike,
  FetchRateLimitOptions,
  ResilientFetch,
  ResilientFetchOptions,
} from './options.js';
import { recommendedPolicy } from './recommended-policy.js';
import { describeRequest, type OutgoingRequest, type RequestOptions, signalOf } from './request.js';

/**
 * `fetch` for a world in which servers fail. It takes and gives what `fetch` does, and adds, from the outside in: a total
 * timeout, retries with a budget, a circuit breaker and a bulkhead for each origin, and a timeout for each try.
 *
 * - Only requests that are safe to repeat are repeated (`isIdempotent`), and only while their body can be sent again: a
 *   stream, or the body of a `Request`, is sent once.
 * - A `Retry-After` is honoured. The last bad response comes back intact, as it would from `fetch`.
 * - Timeouts, slots and verdicts end when the headers are there. The body is the caller's: only the caller's own signal,
 *   and `bodyTimeout` if set, can cut it off.
 * - A URL that cannot be parsed rejects as `fetch` words it.
 *
 * Rejects with what `fetch` rejects with, and with `TimeoutError`, `CircuitOpenError`, `BulkheadFullError` and, if there
 * is a `queueTimeout`, `QueueTimeoutError`; with a `rateLimit`, `RateLimitedError`.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const fetch = resilientFetch({ timeout: '5s', attemptTimeout: '1s' });
 * const response = await fetch('https://example.com/users/1');
 * console.log(response.status);
 * ```
 */
export function resilientFetch<F extends FetchLike>(
  options: ResilientFetchOptions<F> & { readonly fetch: F; readonly rateLimit: FetchRateLimitOptions },
): ResilientFetch<F>;
export function resilientFetch(
  options: ResilientFetchOptions & { readonly rateLimit: FetchRateLimitOptions },
): ResilientFetch;
export function resilientFetch<F extends FetchLike>(options: ResilientFetchOptions<F> & { readonly fetch: F }): F;
export function resilientFetch(options?: ResilientFetchOptions): typeof globalThis.fetch;
export function resilientFetch(options?: ResilientFetchOptions<FetchLike>): FetchLike {
  const guarded = new GuardedFetch(options);
  const fetch: AnyFetch = async (input, init) => guarded.fetch(input, init);
  return (guarded.control === undefined ? fetch : Object.assign(fetch, { breakwater: guarded.control })) as FetchLike;
}

const OWNER = 'resilientFetch';

/** Stands for the origin that a fetch of the caller's own adds to relative URLs. */
const RELATIVE = 'http://localhost';

/** All undefined, since a policy of the caller's own leaves no room for some of them. */
const NO_DEFAULTS = {
  fetch: undefined,
  timeout: undefined,
  attemptTimeout: undefined,
  bodyTimeout: undefined,
  retry: undefined,
  circuitBreaker: undefined,
  bulkhead: undefined,
  rateLimit: undefined,
  policy: undefined,
  classify: undefined,
  key: undefined,
  route: undefined,
  drainLimit: undefined,
  on: undefined,
  clock: undefined,
  random: undefined,
};

class GuardedFetch {
  /** For callers, if there is something to control. */
  readonly control: FetchControl | undefined;
  readonly #settings: FetchSettings;
  readonly #policy: Policy;
  readonly #classify: Classify;
  readonly #key: (request: OutgoingRequest) => string;
  readonly #bodyDeadlines: DeadlineList;
  /** What relative URLs are taken to be relative to, where only the given fetch or route knows. */
  readonly #base: string | undefined;
  /** Whether a slot is held until the end of the body. */
  readonly #holdsSlot: boolean;

  constructor(options: ResilientFetchOptions<FetchLike> | undefined) {
    const own = readOptions(OWNER, options, NO_DEFAULTS);
    const clock = checkClock(OWNER, own.clock === undefined ? own.policy?.clock : own.clock);
    this.#classify = checkOptionalFunction(OWNER, 'classify', own.classify) ?? classifyResponse;
    this.#key = checkOptionalFunction(OWNER, 'key', own.key) ?? (({ url }) => url.origin);
    const { bodyTimeout = Infinity } = own;
    const bodyTimeoutMs = toMs(OWNER, 'bodyTimeout', bodyTimeout, { orInfinity: true });
    this.#bodyDeadlines = new DeadlineList(clock, bodyTimeoutMs);
    this.#settings = checkSettings(own, clock);
    const recommended =
      own.policy === undefined ? recommendedPolicy(own, clock, bodyTimeoutMs, this.#settings.discard) : undefined;
    this.#policy = recommended?.policy ?? checkPolicy(own.policy as Policy, own);
    this.control = own.rateLimit ? recommended?.control : undefined;
    this.#base = own.fetch === undefined && own.route === undefined ? undefined : RELATIVE;
    this.#holdsSlot = own.bulkhead !== false && own.bulkhead?.until === 'body';
  }

  fetch(input: unknown, init?: RequestOptions): Promise<Response> {
    const request = describeRequest(input, init, this.#base);
    const { fetch } = this.#settings;
    if (request === undefined) return fetch(input, init);
    const signal = signalOf(request);
    const isGuarded = signal !== null || this.#bodyDeadlines.durationMs < Infinity || this.#holdsSlot;
    const call = new FetchCall(request, this.#settings, isGuarded);
    const classify = call.repeatable ? this.#classify : onlyOnce(this.#classify);
    return this.#policy
      .execute((context) => call.attempt(context), { signal, classify, key: this.#key(request) })
      .then(
        (response) => {
          call.end(response);
          if (isGuarded) this.#guard(response, signal, request);
          return response;
        },
        (error) => {
          call.end(undefined);
          throw error;
        },
      );
  }

  /** What reaches beyond the headers: the caller's signal, and the time to read the body in. */
  #guard(response: Response, signal: AbortSignal | null, request: OutgoingRequest): void {
    const body = guardedBodyOf(response);
    // The signal of a Request follows the caller's only as long as somebody holds the Request.
    body?.whenEnded(() => void request);
    if (signal !== null) body?.follow(signal);
    if (this.#bodyDeadlines.durationMs < Infinity) body?.limit(this.#bodyDeadlines);
  }
}

function checkSettings(own: Partial<ResilientFetchOptions<FetchLike>>, clock: Clock): FetchSettings {
  const drainLimit =
    own.drainLimit === undefined ? 65536 : checkInteger(OWNER, 'drainLimit', own.drainLimit, { min: 0 });
  return {
    fetch: (checkOptionalFunction(OWNER, 'fetch', own.fetch) as AnyFetch | undefined) ?? platformFetch,
    route: checkOptionalFunction(OWNER, 'route', own.route),
    discard: (response) => discard(response, drainLimit, clock),
  };
}

/** Looked up at each call, so that it can be replaced for tests. */
const platformFetch: AnyFetch = (input, init) => globalThis.fetch(input as string, init as RequestInit);

function checkPolicy(policy: Policy, given: Partial<ResilientFetchOptions<FetchLike>>): Policy {
  checkFunction(OWNER, 'policy', policy?.execute);
  for (const option of [
    'timeout',
    'attemptTimeout',
    'retry',
    'circuitBreaker',
    'bulkhead',
    'rateLimit',
    'on',
    'random',
  ] as const) {
    if (given[option] === undefined) continue;
    throw new InvalidOptionError(OWNER, option, 'has no effect beside "policy"', given[option]);
  }
  return policy;
}
