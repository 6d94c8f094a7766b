import { type Bulkhead, bulkhead } from '../bulkhead/index.js';
import { circuitBreaker } from '../circuit-breaker/index.js';
import { exponentialBackoff } from '../core/backoff.js';
import type { CallContext } from '../core/call-context.js';
import { type Clock, checkClock } from '../core/clock.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkOneOf, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import { definePolicy, type Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { keyed } from '../keyed/index.js';
import { pipeline } from '../pipeline/index.js';
import { RetryBudget, retry } from '../retry/index.js';
import { timeout } from '../timeout/index.js';
import { classifyResponse } from './classify-response.js';
import type { FetchBulkheadOptions, FetchLike, ResilientFetchListeners, ResilientFetchOptions, Route } from './options.js';
import { asRequest, describeRequest, isRepeatable, type OutgoingRequest, type RequestOptions, signalOf } from './request.js';
import { discard, guardBody } from './response.js';

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
 * Rejects with what `fetch` rejects with, and with `TimeoutError`, `CircuitOpenError` and `BulkheadFullError`.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const fetch = resilientFetch({ timeout: '5s', attemptTimeout: '1s' });
 * const response = await fetch('https://example.com/users/1');
 * console.log(response.status);
 * ```
 */
export function resilientFetch<F extends FetchLike = typeof globalThis.fetch>(options?: ResilientFetchOptions<F>): F {
  const guarded = new GuardedFetch(options as ResilientFetchOptions | undefined);
  const fetch = (input: unknown, init?: RequestOptions) => guarded.fetch(input, init);
  return fetch as unknown as F;
}

type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

const OWNER = 'resilientFetch';

class GuardedFetch {
  readonly #fetch: AnyFetch;
  readonly #policy: Policy;
  readonly #classify: Classify;
  readonly #key: (request: OutgoingRequest) => string;
  readonly #route: ResilientFetchOptions['route'];
  readonly #bodyTimeoutMs: number;
  readonly #drainLimit: number;
  readonly #clock: Clock;

  constructor(options: ResilientFetchOptions | undefined) {
    const own = readOptions(OWNER, options, [
      ...(['fetch', 'timeout', 'attemptTimeout', 'bodyTimeout', 'retry', 'circuitBreaker', 'bulkhead'] as const),
      ...(['policy', 'classify', 'key', 'route', 'drainLimit', 'on', 'clock', 'random'] as const),
    ]);
    const check = <T>(option: string, value: T | undefined, byDefault: T): T =>
      value === undefined ? byDefault : checkFunction(OWNER, option, value);
    this.#fetch = check<unknown>('fetch', own.fetch, (input: string, init?: RequestInit) =>
      globalThis.fetch(input, init),
    ) as AnyFetch;
    this.#classify = check<Classify>('classify', own.classify, classifyResponse);
    this.#key = check('key', own.key, ({ url }: OutgoingRequest) => url.origin);
    this.#route = check('route', own.route, undefined);
    this.#bodyTimeoutMs = toMs(OWNER, 'bodyTimeout', own.bodyTimeout ?? Infinity, { orInfinity: true });
    this.#drainLimit = checkInteger(OWNER, 'drainLimit', own.drainLimit ?? 65536, { min: 0 });
    this.#clock = checkClock(OWNER, own.clock ?? own.policy?.clock);
    this.#policy = own.policy === undefined ? this.#recommended(own) : checkPolicy(own);
  }

  fetch(input: unknown, init?: RequestOptions): Promise<Response> {
    const request = describeRequest(input, init);
    if (request === undefined) return this.#fetch(input, init);
    const call = new FetchCall(request, this.#fetch, this.#route, (response) => this.#discard(response));
    const classify: Classify = (outcome, context) => {
      const verdict = this.#classify(outcome, context);
      return verdict === 'failure' && !call.repeatable ? 'permanent' : verdict;
    };
    const signal = signalOf(request);
    return this.#policy
      .execute((context) => call.attempt(context), { signal, classify, key: this.#key(request) })
      .then(
        (response) => {
          call.end(response);
          if (signal === null && this.#bodyTimeoutMs === Infinity) return response;
          return guardBody(response, { clock: this.#clock, signal, timeoutMs: this.#bodyTimeoutMs });
        },
        (error) => {
          call.end(undefined);
          throw error;
        },
      );
  }

  #discard(response: unknown): void {
    discard(response, this.#drainLimit, this.#clock);
  }

  /** The policies in the order that DESIGN recommends, each with this clock. */
  #recommended(own: Partial<ResilientFetchOptions>): Policy {
    const clock = this.#clock;
    const random = checkRandom(OWNER, own.random);
    const on = readOptions<ResilientFetchListeners>(OWNER, own.on, ['stateChange', 'reject', 'retry', 'giveUp', 'timeout'], 'on');
    const total = timeout({ duration: own.timeout ?? '30s', clock, name: `${OWNER} call` });
    const single = timeout({ duration: own.attemptTimeout ?? '10s', clock, name: `${OWNER} attempt` });
    if (on.timeout) {
      const { timeout: listener } = on;
      total.on('timeout', (event) => listener({ of: 'call', ...event }));
      single.on('timeout', (event) => listener({ of: 'attempt', ...event }));
    }
    const policies: Policy[] = [total];
    if (own.retry !== false) policies.push(this.#retry(own.retry ?? {}, on, random));
    const gates = (key: string) => pipeline(...this.#gates(key, own, on, random));
    gates('check'); // bad options are refused now, not with the first call
    policies.push(keyed(gates, { clock }), single);
    return pipeline(...policies);
  }

  #retry(own: Exclude<ResilientFetchOptions['retry'], false | undefined>, on: ResilientFetchListeners, random: Random): Policy {
    const clock = this.#clock;
    const again = retry({ ...own, budget: own.budget ?? new RetryBudget({ clock }), clock, random });
    // Before the pause: the connection can then be used by others meanwhile.
    again.on('retry', ({ outcome }) => outcome.ok && this.#discard(outcome.value));
    if (on.retry) again.on('retry', on.retry);
    if (on.giveUp) again.on('giveUp', on.giveUp);
    return again;
  }

  /** What each key has of its own. */
  #gates(key: string, own: Partial<ResilientFetchOptions>, on: ResilientFetchListeners, random: Random): Policy[] {
    const clock = this.#clock;
    const gates: Policy[] = [];
    if (own.circuitBreaker !== false) {
      const openFor = own.circuitBreaker?.openFor ?? exponentialBackoff({ initial: '1s', max: '30s', jitter: 'equal' });
      const breaker = circuitBreaker({ name: key, ...own.circuitBreaker, openFor, clock, random });
      const { stateChange, reject } = on;
      if (stateChange) breaker.on('stateChange', (event) => stateChange({ key, ...event }));
      if (reject) breaker.on('reject', (event) => reject({ key, by: 'circuit-breaker', event }));
      gates.push(breaker);
    }
    if (own.bulkhead !== false) {
      const { until, ...options } = { ...own.bulkhead } as FetchBulkheadOptions;
      const { maxConcurrent = 256, maxQueue = 1024 } = options;
      const slots = bulkhead({ name: key, ...options, maxConcurrent, maxQueue, clock });
      const { reject } = on;
      if (reject) slots.on('reject', (event) => reject({ key, by: 'bulkhead', event }));
      gates.push(this.#holdsUntilBody(until) ? untilBodyEnd(slots, clock) : slots);
    }
    return gates;
  }

  #holdsUntilBody(until: FetchBulkheadOptions['until']): boolean {
    if (checkOneOf(OWNER, 'bulkhead.until', until ?? 'headers', ['headers', 'body']) === 'headers') return false;
    if (this.#bodyTimeoutMs < Infinity) return true;
    const rule = `'body' needs a "bodyTimeout": a body that nobody reads would hold its slot for ever`;
    throw new InvalidOptionError(OWNER, 'bulkhead.until', rule, until);
  }
}

function checkPolicy({ policy, ...others }: Partial<ResilientFetchOptions>): Policy {
  if (typeof policy?.execute !== 'function') throw new InvalidOptionError(OWNER, 'policy', 'must be a policy', policy);
  for (const option of ['timeout', 'attemptTimeout', 'retry', 'circuitBreaker', 'bulkhead', 'on', 'random'] as const) {
    if (others[option] !== undefined) {
      throw new InvalidOptionError(OWNER, option, 'has no effect beside "policy"', others[option]);
    }
  }
  return policy;
}

/** A bulkhead whose slots are held until the body has been read, has failed, or was discarded. */
function untilBodyEnd(slots: Bulkhead, clock: Clock): Policy {
  return definePolicy({
    name: slots.name,
    clock,
    async run(next, context) {
      const permit = await slots.acquire({ signal: context.signal, priority: context.priority });
      try {
        return guardBody((await next(context)) as Response, { clock, onEnd: () => permit.release() });
      } catch (error) {
        permit.release();
        throw error;
      }
    },
    describe: () => slots.describe(),
  });
}

/** The tries of one call. */
class FetchCall {
  readonly #request: OutgoingRequest;
  readonly #fetch: AnyFetch;
  readonly #route: ResilientFetchOptions['route'];
  readonly #discard: (response: unknown) => void;
  readonly repeatable: boolean;
  /** What the last try brought. */
  #last: Response | undefined = undefined;
  #ended = false;

  constructor(
    request: OutgoingRequest,
    fetch: AnyFetch,
    route: ResilientFetchOptions['route'],
    discard: (response: unknown) => void,
  ) {
    this.#request = request;
    this.#fetch = fetch;
    this.#route = route;
    this.#discard = discard;
    this.repeatable = isRepeatable(request);
  }

  attempt(context: CallContext): Promise<Response> {
    this.#discardLast();
    return this.#route === undefined ? this.#send(this.#request.input, context) : this.#sendTo(this.#route, context);
  }

  /** Whatever policy is in use: a response that is not the answer is read by nobody. */
  end(answer: Response | undefined): void {
    this.#ended = true;
    if (this.#last !== answer) this.#discardLast();
  }

  #discardLast(): void {
    if (this.#last !== undefined) this.#discard(this.#last);
    this.#last = undefined;
  }

  async #send(input: unknown, context: CallContext): Promise<Response> {
    const { signal } = context;
    const response = await this.#fetch(input, { ...this.#request.init, signal });
    if (signal.aborted || this.#ended) this.#discard(response); // from a fetch that ignores signals
    else this.#last = response;
    return response;
  }

  async #sendTo(route: NonNullable<ResilientFetchOptions['route']>, context: CallContext): Promise<Response> {
    const target: Route = await route(this.#request, context);
    const original = asRequest(this.#request.input);
    const input =
      original === undefined ? target.url : new (original.constructor as typeof Request)(target.url, original as Request);
    try {
      const response = await this.#send(input, context);
      target.release?.({ ok: true, value: response });
      return response;
    } catch (error) {
      target.release?.({ ok: false, error });
      throw error;
    }
  }
}
