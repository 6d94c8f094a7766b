import type { CallContext } from '../core/call-context.js';
import { anyClock, type Clock } from '../core/clock.js';
import {
  asContext,
  type Context,
  invoke,
  type Next,
  type PolicyContext,
  rejectNextMicrotask,
} from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { type Decision, InvalidOptionError, RateLimitedError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkInteger, checkName, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { acquireFrom, checkLimiter, clockOf } from './base-limiter.js';
import type { KeyedRateLimiter } from './keyed-rate-limiter.js';
import type { RateLimiter } from './rate-limiter.js';
import { toMicros } from './timeline.js';

/** The types of events. */
const EVENTS = ['reject'] as const;

/** The options of `rateLimit`. */
export interface RateLimitOptions {
  /**
   * The longest time that a call may wait for the limiter, in milliseconds or as a duration; `Infinity` is allowed.
   * With 0 a call that cannot run now is rejected. @defaultValue 0
   */
  readonly maxWait?: Duration | undefined;
  /** The cost of a call: an integer ≥ 0, or a function that returns it. @defaultValue 1 */
  readonly cost?: number | ((context: CallContext) => number) | undefined;
  /** A function that returns the key to limit by; only used with a `KeyedRateLimiter`. @defaultValue the call's key */
  readonly key?: ((context: CallContext) => string) | undefined;
  /**
   * The mode of operation. `enforce` limits calls; `observe` takes from the limiter and emits `reject` as `enforce` does,
   * but starts every call at once. Use `observe` to find the right limit in production.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'rateLimit' */
  readonly name?: string | undefined;
}

/** The events of a `rateLimit` policy. */
export interface RateLimitEvents {
  /** Emitted when a call is rejected; in the mode `observe`, when `enforce` would have rejected it. */
  reject: { readonly decision: Decision; readonly key: string | undefined };
}

/** A policy that asks a rate limiter before each call. Created by `rateLimit`. */
export interface RateLimit extends Policy, Observable<RateLimitEvents> {}

/**
 * Creates a policy that runs a call if the limiter allows it, and otherwise rejects it with a `RateLimitedError`. Use
 * it to keep calls to a dependency within the rate that the dependency allows.
 *
 * With `maxWait`, calls wait in arrival order. If a wait would exceed `maxWait` or the deadline of the call, the call
 * is rejected without waiting. If the call is aborted, it leaves the queue. With a `LeakyBucket` the calls start evenly
 * spaced.
 *
 * Inside a retry, each attempt takes from the limiter. The cost is not refunded, whatever the outcome of the call.
 *
 * O(1) per call.
 *
 * @throws InvalidOptionError if an option is invalid. A call without a key, on a `KeyedRateLimiter`, is rejected with
 * it.
 * @example
 * ```ts
 * const crm = rateLimit(new TokenBucket({ capacity: 10, refill: 10, per: '1s' }), { maxWait: '2s' });
 * const contacts = await crm.execute(({ signal }) => fetch('https://example.com/contacts', { signal }));
 * ```
 */
export function rateLimit(limiter: RateLimiter | KeyedRateLimiter, options?: RateLimitOptions): RateLimit {
  return new RateLimitPolicy(limiter, options);
}

class RateLimitPolicy extends BasePolicy implements RateLimit {
  readonly #limiter: RateLimiter | KeyedRateLimiter;
  readonly #maxWaitMs: number;
  readonly #cost: number | ((context: CallContext) => number);
  readonly #key: ((context: CallContext) => string) | undefined;
  readonly #isObserving: boolean;
  readonly #events = new Emitter<RateLimitEvents>(EVENTS);

  constructor(limiter: RateLimiter | KeyedRateLimiter, options?: RateLimitOptions) {
    const owner = 'rateLimit';
    const own = readOptions(owner, options, { maxWait: 0, cost: 1, key: undefined, mode: 'enforce', name: owner });
    super(checkName(owner, own.name), limiterClock(checkLimiter(owner, 'limiter', limiter as RateLimiter)));
    this.#limiter = limiter;
    this.#maxWaitMs = toMs(owner, 'maxWait', own.maxWait, { orZero: true, orInfinity: true });
    this.#cost = typeof own.cost === 'function' ? own.cost : checkInteger(owner, 'cost', own.cost, { min: 0 });
    this.#key = checkOptionalFunction(owner, 'key', own.key);
    this.#isObserving = checkOneOf(owner, 'mode', own.mode, ['enforce', 'observe']) === 'observe';
  }

  on<K extends keyof RateLimitEvents>(type: K, listener: (event: RateLimitEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    const mode = this.#isObserving ? { mode: 'observe' } : {};
    return { kind: 'rateLimit', name: this.name, maxWaitMs: this.#maxWaitMs, ...mode };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the abort reason and does not start the operation
    let key: string | undefined;
    let answer: Decision | Promise<Decision>;
    try {
      key = this.#keyOf(context);
      answer = this.#isObserving ? this.#observe(asContext(context), key) : this.#ask(asContext(context), key);
    } catch (error) {
      return Promise.reject(error);
    }
    const proceed = (decision: Decision) => {
      if (decision.allowed) return invoke(next, context);
      if (this.#events.has('reject')) this.#events.emit('reject', { decision, key });
      if (this.#isObserving) return invoke(next, context);
      return rejectNextMicrotask(new RateLimitedError({ policy: this.name, decision }));
    };
    // `then` is called here, in the caller's async context, so the operation runs in that context too.
    return answer instanceof Promise ? answer.then(proceed) : proceed(answer);
  }

  /** Takes what the call would take, without the wait. */
  #observe(context: Context, key: string | undefined): Decision {
    const limiter = this.#limiter;
    const cost = this.#costOf(context);
    const maxWait = this.#maxWaitOf(context) / 1000;
    if (this.#maxWaitMs === 0)
      return isKeyed(limiter) ? limiter.tryAcquire(key as string, cost) : limiter.tryAcquire(cost);
    const terms = { cost, maxWait };
    return (isKeyed(limiter) ? limiter.reserve(key as string, terms) : limiter.reserve(terms)).decision;
  }

  #costOf(context: CallContext): number {
    return typeof this.#cost === 'function' ? this.#cost(context) : this.#cost;
  }

  #ask(context: Context, key: string | undefined): Decision | Promise<Decision> {
    const limiter = this.#limiter;
    const cost = this.#costOf(context);
    const maxWait = this.#maxWaitOf(context);
    if (isKeyed(limiter)) {
      if (this.#maxWaitMs === 0) return limiter.tryAcquire(key as string, cost);
      return limiter['~acquire'](key as string, cost, maxWait, context.scope, () => context.signal);
    }
    if (this.#maxWaitMs === 0) return limiter.tryAcquire(cost);
    return acquireFrom(limiter, cost, maxWait, context.scope, () => context.signal);
  }

  /** The longest wait in microseconds. It ends before the deadline: a wait that ends at the deadline ends too late. */
  #maxWaitOf({ deadline, clock }: PolicyContext): number {
    if (deadline === Infinity) return toMicros(this.#maxWaitMs);
    return Math.max(0, toMicros(Math.min(this.#maxWaitMs, deadline - clock.now() - 0.001)));
  }

  #keyOf(context: PolicyContext): string | undefined {
    if (!isKeyed(this.#limiter)) return undefined;
    const key = this.#key === undefined ? context.key : this.#key(context);
    if (typeof key === 'string') return key;
    throw new InvalidOptionError(this.name, 'key', 'must be a string if the limiter is keyed', key);
  }
}

/** Detects a keyed limiter by its shape, so that a policy without keys does not import the key tables. */
function isKeyed(limiter: RateLimiter | KeyedRateLimiter): limiter is KeyedRateLimiter {
  return '~acquire' in limiter;
}

/** Returns the clock of the limiter. A limiter of another package may use any clock. */
function limiterClock(limiter: RateLimiter | KeyedRateLimiter): Clock {
  return isKeyed(limiter) ? limiter.clock : (clockOf(limiter) ?? anyClock);
}
