import { type Clock, checkClock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkMethods, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import { NO_SETTINGS, readCall } from '../fetch/call-options.js';
import { CallerPolicy } from '../fetch/caller-policy.js';
import { CallsInFlight } from '../fetch/calls-in-flight.js';
import { classifyResponse } from '../fetch/classify-response.js';
import type { FetchControl } from '../fetch/control.js';
import { DefaultPolicies } from '../fetch/default-policy.js';
import type { UnreadResponses } from '../fetch/discard.js';
import type { FetchBulkheadOptions, ResilientFetchOptions } from '../fetch/options.js';
import type { FetchPolicies } from '../fetch/policies.js';
import { isIdempotent, type OutgoingRequest } from '../fetch/request.js';
import { DispatchCall, type DispatchSettings, type Downstream } from './dispatch-call.js';
import type { Dispatch, DispatchOptions, ResponseHandler } from './dispatcher.js';
import type { Exchange } from './exchange.js';

/**
 * Options of `resilient`: those of `resilientFetch`, as far as they concern requests and not the `Response` of `fetch`.
 */
export interface ResilientDispatcherOptions
  extends Pick<
    ResilientFetchOptions,
    | 'timeout'
    | 'attemptTimeout'
    | 'retry'
    | 'circuitBreaker'
    | 'rateLimit'
    | 'policy'
    | 'classify'
    | 'beforeRetry'
    | 'key'
    | 'repeatable'
    | 'replayLimit'
    | 'drainLimit'
    | 'propagateDeadline'
    | 'on'
    | 'clock'
    | 'random'
  > {
  /**
   * Options of `bulkhead`, for one bulkhead per key; a slot is held until the response headers. False disables it.
   * @defaultValue maxConcurrent 256, maxQueue 1024
   */
  readonly bulkhead?: Omit<FetchBulkheadOptions, 'holdUntil'> | false | undefined;
}

/** An interceptor for the dispatchers of undici 6, 7 and 8, with access to its policies. */
export interface ResilientInterceptor {
  /** Returns a dispatch function with the policies. */
  <D extends (options: never, handler: never) => boolean>(dispatch: D): D;
  /** Controls the policies, and reports their state. */
  readonly breakwater: Omit<FetchControl, 'with'>;
}

const OWNER = 'resilient';

const NO_DEFAULTS = {
  timeout: undefined,
  attemptTimeout: undefined,
  retry: undefined,
  circuitBreaker: undefined,
  bulkhead: undefined,
  rateLimit: undefined,
  policy: undefined,
  classify: undefined,
  beforeRetry: undefined,
  key: undefined,
  repeatable: undefined,
  replayLimit: undefined,
  drainLimit: undefined,
  propagateDeadline: undefined,
  on: undefined,
  clock: undefined,
  random: undefined,
};

/**
 * Creates an interceptor for undici that applies the policies of `resilientFetch` to every request of a dispatcher: a
 * total timeout, retries with a budget, a pacing gate, a circuit breaker and a bulkhead for each origin, and a timeout
 * for each attempt. With `setGlobalDispatcher`, it guards the global `fetch` of Node and every library that uses undici.
 *
 * A request is repeated only while nothing of its response was passed on, and only if it is idempotent. The verdict is
 * made at the response headers; the body then streams without a further cost. Requests with `CONNECT` or `upgrade` pass
 * unchanged. Errors of this library reach callers of the global `fetch` as the `cause` of a `TypeError`. Options of one
 * request are read from a member `breakwater` of its options.
 *
 * Works with undici 6, 7 and 8. Node 26 ignores a global dispatcher of undici 6. Compose it outside interceptors for
 * caching and DNS, and without undici's own retry interceptor, since attempts multiply.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * import { Agent, setGlobalDispatcher } from 'undici';
 *
 * setGlobalDispatcher(new Agent().compose(resilient({ timeout: '5s', attemptTimeout: '1s' })));
 * const response = await fetch('https://example.com/users/1'); // every fetch of this process
 * ```
 */
export function resilient(options?: ResilientDispatcherOptions): ResilientInterceptor {
  const instance = new Interceptor(options);
  let dispatchers = 0;
  const interceptor = (dispatch: Dispatch): Dispatch => {
    checkFunction(OWNER, 'dispatch', dispatch);
    const downstream = { dispatch, key: `dispatcher ${++dispatchers}` };
    // undici checks that the function has two parameters.
    return (options, handler) => instance.dispatch(downstream, options, handler);
  };
  const breakwater: Omit<FetchControl, 'with'> = {
    snapshot: () => instance.snapshot(),
    isolate: (key) => instance.policies.isolate(key),
    reset: (key) => instance.policies.reset(key),
    explain: () => instance.policies.explain(NO_SETTINGS),
    close: () => instance.calls.close(),
  };
  return Object.assign(interceptor, { breakwater }) as unknown as ResilientInterceptor;
}

/** Responses of this module are exchanges. The policies of `resilientFetch` only pass them on. */
const UNREAD: UnreadResponses = {
  discard: (response) => (response as unknown as Exchange).discard(),
  keep: (response) => (response as unknown as Exchange).keep() as unknown as Response,
};

class Interceptor {
  readonly policies: FetchPolicies;
  readonly #settings: DispatchSettings;
  readonly calls = new CallsInFlight(OWNER);

  constructor(options: ResilientDispatcherOptions | undefined) {
    const own = readOptions<ResilientDispatcherOptions>(OWNER, options, NO_DEFAULTS);
    const clock = checkClock(OWNER, own.clock === undefined ? own.policy?.clock : own.clock);
    const { drainLimit = 65536, replayLimit = 2 ** 20 } = own;
    checkBulkhead(own.bulkhead);
    this.policies =
      own.policy === undefined
        ? new DefaultPolicies(own, { owner: OWNER, clock, unread: UNREAD, bodyTimeoutMs: Infinity })
        : new CallerPolicy(own.policy, own, { owner: OWNER, clock, unread: UNREAD });
    this.#settings = {
      clock,
      policies: this.policies,
      classify: (checkOptionalFunction(OWNER, 'classify', own.classify) ?? classifyResponse) as Classify,
      key: checkOptionalFunction(OWNER, 'key', own.key),
      repeatable: checkOptionalFunction(OWNER, 'repeatable', own.repeatable) ?? isIdempotentRequest,
      mayRepeat: own.policy !== undefined || own.retry !== false,
      replayLimit: checkInteger(OWNER, 'replayLimit', replayLimit, { min: 0, orInfinity: true }),
      drain: { limit: checkInteger(OWNER, 'drainLimit', drainLimit, { min: 0 }), clock },
      deadline: checkDeadline(own.propagateDeadline, clock),
    };
  }

  dispatch(downstream: Downstream, given: DispatchOptions, handler: ResponseHandler): boolean {
    if (given.method === 'CONNECT' || given.upgrade) return downstream.dispatch(given, handler);
    const { init, settings } = readCall(OWNER, undefined, given, NO_SETTINGS);
    this.calls.checkOpen();
    const call = new DispatchCall(downstream, init as DispatchOptions, handler, this.#settings, settings);
    this.calls.enter();
    call.run(() => this.calls.leave());
    return true;
  }

  snapshot() {
    return { inFlight: this.calls.count, retryBudget: this.policies.retryBudget, keys: this.policies.snapshots() };
  }
}

const isIdempotentRequest = ({ method, init }: OutgoingRequest): boolean =>
  isIdempotent({ method, headers: init?.headers });

function checkDeadline(header: ResilientDispatcherOptions['propagateDeadline'], clock: Clock) {
  if (header === undefined) return undefined;
  return { header: checkMethods(OWNER, 'propagateDeadline', header, ['format', 'parse']), clock };
}

/** Rejects the option of `resilientFetch` that is not an option of this interceptor. */
function checkBulkhead(bulkhead: ResilientDispatcherOptions['bulkhead']): void {
  const { holdUntil } = { holdUntil: undefined, ...bulkhead } as FetchBulkheadOptions;
  if (holdUntil === undefined) return;
  const rule = 'has no effect: a slot of this interceptor is held until the response headers';
  throw new InvalidOptionError(OWNER, 'bulkhead.holdUntil', rule, holdUntil);
}
