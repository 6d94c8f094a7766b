import { type Clock, checkClock } from '../core/clock.js';
import { DeadlineList } from '../core/deadline-list.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMethods,
  checkOptionalFunction,
  readOptions,
} from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { CallOptions, Policy, PolicyDescription } from '../core/policy.js';
import type { RequestSharing } from '../core/request-sharing.js';
import { classifyResponse } from './classify-response.js';
import { buildDefaultPolicy, resumePolicies } from './default-policy.js';
import { discard, keep } from './discard.js';
import { type AnyFetch, FetchCall, type FetchSettings } from './fetch-call.js';
import { GlobalFetch } from './global-fetch.js';
import { bodyGuardOf, guardBody } from './guarded-body.js';
import type {
  FetchControl,
  FetchLike,
  FetchRateLimitOptions,
  ResilientFetch,
  ResilientFetchOptions,
} from './options.js';
import {
  asRequest,
  type CapturedRequest,
  captureRequest,
  isIdempotent,
  type OutgoingRequest,
  type RequestOptions,
  readInit,
  signalOf,
} from './request.js';
import { asResumable, type ResumePolicies, Resumption, type SendResumption } from './resumption.js';

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

/** A placeholder for the origin that a custom fetch function adds to relative URLs. */
const RELATIVE = 'http://localhost';

/** All defaults are undefined, since some options must not be given together with a custom policy. */
const NO_DEFAULTS = {
  fetch: undefined,
  timeout: undefined,
  attemptTimeout: undefined,
  bodyTimeout: undefined,
  bodyIdleTimeout: undefined,
  resume: undefined,
  retry: undefined,
  circuitBreaker: undefined,
  bulkhead: undefined,
  rateLimit: undefined,
  policy: undefined,
  classify: undefined,
  key: undefined,
  route: undefined,
  dedupe: undefined,
  drainLimit: undefined,
  repeatable: undefined,
  replayLimit: undefined,
  on: undefined,
  clock: undefined,
  random: undefined,
};

/** Whether `fetch` accepts the value as its second argument. */
const isInit = (init: unknown): boolean => init === undefined || init === null || typeof init === 'object';

class GuardedFetch {
  /** The control of the policies; undefined without a `rateLimit`. */
  readonly control: FetchControl | undefined;
  readonly #settings: FetchSettings;
  /** The `fetch` option; undefined for the global `fetch`. */
  readonly #fetch: AnyFetch | undefined;
  readonly #global: GlobalFetch | undefined;
  readonly #policy: Policy;
  readonly #classify: Classify;
  readonly #key: (request: OutgoingRequest) => string;
  readonly #bodyDeadlines: DeadlineList;
  readonly #idleDeadlines: DeadlineList;
  /** The calls that share responses; undefined if none do. */
  readonly #sharing: RequestSharing | undefined;
  /** The policies of resumptions; undefined if bodies are not resumed. */
  readonly #resuming: ResumePolicies | undefined;
  /** The base of relative URLs, if only the given fetch or route can resolve them. */
  readonly #base: string | undefined;
  /** Whether an attempt holds its slot until the end of the body. */
  readonly #holdsSlot: boolean;

  constructor(options: ResilientFetchOptions<FetchLike> | undefined) {
    const own = readOptions(OWNER, options, NO_DEFAULTS);
    const clock = checkClock(OWNER, own.clock === undefined ? own.policy?.clock : own.clock);
    this.#classify = checkOptionalFunction(OWNER, 'classify', own.classify) ?? classifyResponse;
    this.#key = checkOptionalFunction(OWNER, 'key', own.key) ?? (({ url }) => url.origin);
    const { bodyTimeout = Infinity } = own;
    const bodyTimeoutMs = toMs(OWNER, 'bodyTimeout', bodyTimeout, { orInfinity: true });
    this.#bodyDeadlines = new DeadlineList(clock, bodyTimeoutMs, { keepsAlive: false });
    const { bodyIdleTimeout = Infinity, resume = false } = own;
    const idleMs = toMs(OWNER, 'bodyIdleTimeout', bodyIdleTimeout, { orInfinity: true });
    this.#idleDeadlines = new DeadlineList(clock, idleMs);
    this.#fetch = checkOptionalFunction(OWNER, 'fetch', own.fetch) as AnyFetch | undefined;
    this.#global = this.#fetch === undefined ? new GlobalFetch() : undefined;
    this.#settings = checkSettings(own, clock);
    const built = own.policy === undefined ? buildDefaultPolicy(own, clock, bodyTimeoutMs, this.#settings) : undefined;
    this.#policy = built?.policy ?? checkPolicy(own.policy as Policy, own);
    if (checkBoolean(OWNER, 'resume', resume))
      this.#resuming = built?.resuming() ?? resumingUnder(this.#policy, clock, this.#settings.discard);
    if (own.dedupe !== undefined) this.#sharing = checkMethods(OWNER, 'dedupe', own.dedupe, ['start']).start();
    this.control = own.rateLimit ? built?.control : undefined;
    this.#base = own.fetch === undefined && own.route === undefined ? undefined : RELATIVE;
    this.#holdsSlot = own.bulkhead !== false && own.bulkhead?.holdUntil === 'body';
  }

  /**
   * Sends a request. Everything that the caller has passed is read before this method returns, since the caller may
   * change it afterwards.
   */
  fetch(input: unknown, init?: RequestOptions): Promise<Response> {
    const other = asRequest(init);
    // In `fetch(url, request)`, everything except the URL comes from the Request.
    if (other !== undefined)
      return this.fetch(new (other.constructor as typeof Request)(input as string, other as Request));
    const own = readInit(init);
    const request = isInit(init) ? captureRequest(input, own, this.#base) : undefined;
    const signal = request === undefined ? null : signalOf(request);
    const direct = this.#global?.forRecursiveCall(signal);
    const fetch = direct ?? this.#fetch ?? (this.#global as GlobalFetch).forCall(signal);
    if (request === undefined || direct !== undefined) return fetch(input, own ?? init);
    return this.#run(request, fetch, signal);
  }

  #run(request: CapturedRequest, fetch: AnyFetch, signal: AbortSignal | null): Promise<Response> {
    const shared = this.#sharing?.share(request, signal, (own) => this.#send(request, fetch, own, false));
    if (shared === undefined) return this.#send(request, fetch, signal, true);
    return shared.then((response) => {
      const guarded = bodyGuardOf(response) === undefined && this.#isGuarded(signal) ? guardBody(response) : response;
      this.#guard(guarded, signal, request);
      return guarded;
    });
  }

  /**
   * Sends a request under the policy.
   *
   * @param isForOne - whether the body is for the caller alone, whose signal and time limit then apply to it.
   */
  #send(request: CapturedRequest, fetch: AnyFetch, signal: AbortSignal | null, isForOne: boolean): Promise<Response> {
    const resumable = this.#resuming && asResumable(request);
    const limitsSource = resumable !== undefined || this.#idleDeadlines.durationMs < Infinity;
    const isGuarded = limitsSource || this.#isGuarded(signal);
    const call = new FetchCall(resumable ?? request, fetch, this.#settings, isGuarded);
    const key = this.#key(request);
    const options = { signal, classify: this.#classify, key, repeatable: call.repeatable };
    if (!isGuarded) return this.#execute(call, this.#policy, options, undefined);
    return this.#execute(call, this.#policy, options, (response) => {
      if (limitsSource) this.#limitSource(response, resumable, fetch, key);
      if (isForOne) this.#guard(response, signal, request);
    });
  }

  /** Runs a call under a policy. Calls `onResponse` before the response is returned. */
  #execute(
    call: FetchCall,
    policy: Policy,
    options: CallOptions,
    onResponse: ((response: Response) => void) | undefined,
  ): Promise<Response> {
    const running = policy.execute((context) => call.attempt(context), options);
    call.captureIfWaiting();
    return running.then(
      (response) => {
        call.end(response);
        if (!call.takeOwnership(response)) throw mixesCallers(this.#policy);
        onResponse?.(response);
        return response;
      },
      (error) => {
        call.end(undefined);
        throw error;
      },
    );
  }

  /** Whether a body for a caller with this signal needs a guard. */
  #isGuarded(signal: AbortSignal | null): boolean {
    return signal !== null || this.#bodyDeadlines.durationMs < Infinity || this.#holdsSlot;
  }

  /** Applies what concerns the connection that the body comes from: the time limit for a chunk, and resumptions. */
  #limitSource(response: Response, request: CapturedRequest | undefined, fetch: AnyFetch, key: string): void {
    const body = bodyGuardOf(response);
    if (this.#idleDeadlines.durationMs < Infinity) body?.limitIdle(this.#idleDeadlines);
    if (request === undefined || this.#resuming === undefined || body === undefined) return;
    const send: SendResumption = (part, policy, signal) => {
      const call = new FetchCall(part, fetch, this.#settings, this.#holdsSlot);
      return this.#execute(call, policy, { signal, classify: this.#classify, key, repeatable: false }, undefined);
    };
    const isRouted = this.#settings.route !== undefined;
    const resumption = Resumption.of(request, response, isRouted, this.#resuming, this.#classify, send);
    if (resumption !== undefined) body.continueWith(resumption);
  }

  /** Applies what continues after the headers: the caller's signal, and the time limit for reading the body. */
  #guard(response: Response, signal: AbortSignal | null, request: OutgoingRequest): void {
    const body = bodyGuardOf(response);
    // The signal of a Request follows the caller's only as long as the Request is referenced.
    body?.whenEnded(() => void request);
    if (signal !== null) body?.follow(signal);
    if (this.#bodyDeadlines.durationMs < Infinity) body?.limit(this.#bodyDeadlines);
    else if (signal === null) body?.closeWhenDropped();
  }
}

/** Returns the policies of resumptions under a policy of the caller. */
function resumingUnder(policy: Policy, clock: Clock, discard: (response: Response) => void): ResumePolicies {
  return { ...resumePolicies(false, {}, clock, Math.random, discard), single: policy };
}

function checkSettings(own: Partial<ResilientFetchOptions<FetchLike>>, clock: Clock): FetchSettings {
  const drainLimit =
    own.drainLimit === undefined ? 65536 : checkInteger(OWNER, 'drainLimit', own.drainLimit, { min: 0 });
  return {
    route: checkOptionalFunction(OWNER, 'route', own.route),
    repeatable: own.repeatable === undefined ? isIdempotentRequest : checkRepeatable(own.repeatable),
    replayLimit:
      own.replayLimit === undefined
        ? 2 ** 20
        : checkInteger(OWNER, 'replayLimit', own.replayLimit, { min: 0, orInfinity: true }),
    mayRepeat: own.policy !== undefined || own.retry !== false,
    checksOwners: own.policy !== undefined,
    discard: (response) => discard(response, drainLimit, clock),
    keep: (response) => keep(response, drainLimit, clock),
  };
}

/** Returns the function, which then throws if its result is not a boolean. */
function checkRepeatable(repeatable: (request: OutgoingRequest) => boolean): (request: OutgoingRequest) => boolean {
  checkFunction(OWNER, 'repeatable', repeatable);
  return (request) => {
    const isRepeatable = repeatable(request);
    if (typeof isRepeatable === 'boolean') return isRepeatable;
    throw new InvalidOptionError(OWNER, 'repeatable', 'must return true or false', isRepeatable);
  };
}

/** Whether a request is idempotent by its method or its headers. */
const isIdempotentRequest = ({ method, input, init }: OutgoingRequest): boolean =>
  isIdempotent({ method, headers: init?.headers ?? asRequest(input)?.headers });

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
  if (typeof policy.describe === 'function' && sharesResults(policy.describe())) throw mixesCallers(policy);
  return policy;
}

/** Whether `coalesce` is among the policies. */
function sharesResults({ kind, policies = [] }: PolicyDescription): boolean {
  return kind === 'coalesce' || policies.some(sharesResults);
}

/**
 * Returns the error for a policy that shares results between calls. The key of a call does not identify its request:
 * URL, method, headers, body and user may differ under one key.
 */
function mixesCallers(value: unknown): InvalidOptionError {
  const rule =
    'must not share responses between calls, as coalesce does: one caller would get the response to the request of ' +
    'another; wrap this fetch in cachedFetch() of "breakwater/http-cache", which shares equal requests of one user';
  return new InvalidOptionError(OWNER, 'policy', rule, value);
}
