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
import { checkInteger, checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { acquireFrom, checkLimiter, GatedLimiter } from './base-limiter.js';
import type { KeyedRateLimiter } from './keyed-rate-limiter.js';
import type { RateLimiter } from './rate-limiter.js';
import { toMicros } from './timeline.js';

export interface RateLimitOptions {
  /** How long a call may wait to pass; `Infinity` allowed. @defaultValue 0: it passes at once or is refused */
  readonly maxWait?: Duration | undefined;
  /** What a call takes, an integer ≥ 0, or a function that says so. @defaultValue 1 */
  readonly cost?: number | ((context: CallContext) => number) | undefined;
  /** Whose limit a call counts against, for a `KeyedRateLimiter`. @defaultValue the key of the call */
  readonly key?: ((context: CallContext) => string) | undefined;
  /** @defaultValue 'rateLimit' */
  readonly name?: string | undefined;
}

export interface RateLimitEvents {
  /** A call was refused. */
  reject: { readonly decision: Decision; readonly key: string | undefined };
}

export interface RateLimit extends Policy, Observable<RateLimitEvents> {}

/**
 * Lets calls through as the limiter allows, refuses the others with a `RateLimitedError`, or has them wait first.
 *
 * With `maxWait` calls stand in line, first come first served. One whose wait would be longer than that, or would not end
 * before the deadline of the call, is refused at once instead of waiting in vain; an abort gives up the place. With a
 * `LeakyBucket` the calls leave evenly spaced.
 *
 * Inside a retry each try takes from the limiter. What has been taken is not given back, whatever comes of the call.
 *
 * O(1) a call.
 *
 * @throws InvalidOptionError for options that cannot work, and, as a rejection, for a call without a key.
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
  readonly #events = new Emitter<RateLimitEvents>();

  constructor(limiter: RateLimiter | KeyedRateLimiter, options?: RateLimitOptions) {
    const owner = 'rateLimit';
    const own = readOptions(owner, options, { maxWait: 0, cost: 1, key: undefined, name: owner });
    super(checkName(owner, own.name), clockOf(checkLimiter(owner, 'limiter', limiter as RateLimiter)));
    this.#limiter = limiter;
    this.#maxWaitMs = toMs(owner, 'maxWait', own.maxWait, { orZero: true, orInfinity: true });
    this.#cost = typeof own.cost === 'function' ? own.cost : checkInteger(owner, 'cost', own.cost, { min: 0 });
    this.#key = checkOptionalFunction(owner, 'key', own.key);
  }

  on<K extends keyof RateLimitEvents>(type: K, listener: (event: RateLimitEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: 'rateLimit', name: this.name, maxWaitMs: this.#maxWaitMs };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the reason, and starts nothing
    let key: string | undefined;
    let answer: Decision | Promise<Decision>;
    try {
      key = this.#keyOf(context);
      answer = this.#ask(asContext(context), key);
    } catch (error) {
      return Promise.reject(error);
    }
    const goOn = (decision: Decision) => (decision.allowed ? invoke(next, context) : this.#refuse(decision, key));
    // `then` is called here, in the caller's async context, so that is where the operation will run.
    return answer instanceof Promise ? answer.then(goOn) : goOn(answer);
  }

  #ask(context: Context, key: string | undefined): Decision | Promise<Decision> {
    const limiter = this.#limiter;
    const cost = typeof this.#cost === 'function' ? this.#cost(context) : this.#cost;
    const maxWait = this.#maxWaitOf(context);
    if (isKeyed(limiter)) {
      if (this.#maxWaitMs === 0) return limiter.tryAcquire(key as string, cost);
      return limiter['~acquire'](key as string, cost, maxWait, context.scope, () => context.signal);
    }
    if (this.#maxWaitMs === 0) return limiter.tryAcquire(cost);
    return acquireFrom(limiter, cost, maxWait, context.scope, () => context.signal);
  }

  /** In microseconds. A wait that ends with the deadline ends too late. */
  #maxWaitOf({ deadline, clock }: PolicyContext): number {
    if (deadline === Infinity) return toMicros(this.#maxWaitMs);
    return Math.max(0, toMicros(Math.min(this.#maxWaitMs, deadline - clock.now() - 0.001)));
  }

  #keyOf(context: PolicyContext): string | undefined {
    if (!isKeyed(this.#limiter)) return undefined;
    const key = this.#key === undefined ? context.key : this.#key(context);
    if (typeof key === 'string') return key;
    throw new InvalidOptionError(this.name, 'key', 'must be a string: a keyed limiter picks by it', key);
  }

  #refuse(decision: Decision, key: string | undefined): Promise<never> {
    if (this.#events.has('reject')) this.#events.emit('reject', { decision, key });
    return rejectNextMicrotask(new RateLimitedError({ policy: this.name, decision }));
  }
}

/** Told by its shape, so that a policy without keys does not bring the tables for them. */
function isKeyed(limiter: RateLimiter | KeyedRateLimiter): limiter is KeyedRateLimiter {
  return '~acquire' in limiter;
}

/** A limiter of another package may go by any clock. */
function clockOf(limiter: RateLimiter | KeyedRateLimiter): Clock {
  if (isKeyed(limiter)) return limiter.clock;
  return limiter instanceof GatedLimiter ? limiter['~gate'].queue.clock : anyClock;
}
