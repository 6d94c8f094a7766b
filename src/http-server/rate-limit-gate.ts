import { type Decision, InvalidOptionError } from '../core/errors.js';
import { reportUncaught } from '../core/events.js';
import type { Reservation } from '../rate-limit/rate-limiter.js';
import type { Awaitable, RateLimitRefusal, ResponseEnding } from './options.js';
import { missingKeyProblem, type Problem, quotaExceeded } from './problem.js';
import { rateLimitHeaders, retryAfterSeconds } from './rate-limit-headers.js';
import type { HttpSettings } from './settings.js';

/** What becomes of a request. */
export interface Admission {
  /** For the response, whoever writes it. */
  readonly fields: readonly ResponseField[];
  /** What to answer instead of passing the request on. */
  readonly problem: Problem | undefined;
  /** Why, if a limiter said so. */
  readonly refusal: RateLimitRefusal | undefined;
  /** Wants to know how the response of a request that has passed has ended. */
  readonly onEnd: ((ending: ResponseEnding) => void) | undefined;
}

export interface ResponseField {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  /** Whether it is one more member of a list that other limiters may have begun. */
  readonly isMember: boolean;
}

/**
 * What the middleware and the handler do alike: everything that has to do with limits and nothing with writing
 * responses.
 */
export class RateLimitGate<Args extends readonly unknown[]> {
  readonly #settings: HttpSettings<Args>;
  readonly #addressOf: (...args: Args) => string | undefined | PromiseLike<string | undefined>;

  /** @param addressOf - the client's address as a key. */
  constructor(
    settings: HttpSettings<Args>,
    addressOf: (...args: Args) => string | undefined | PromiseLike<string | undefined>,
  ) {
    this.#settings = settings;
    this.#addressOf = addressOf;
  }

  /** Rejects with what a function of the caller's throws. */
  async admit(args: Args): Promise<Admission> {
    const { skip, onMissingKey, isEnforced, cost: price, limiter, refundWhen, key: ownKey } = this.#settings;
    // All is read before the first wait: until its end the connection may be gone, or the headers changed.
    const address = ownKey === undefined ? this.#addressOf(...args) : undefined;
    if (skip !== undefined) {
      const skips = skip(...args);
      if (isPromiseLike(address)) watch(address);
      if (isPromiseLike(skips) ? await skips : skips) return PASS;
    }
    const given = ownKey === undefined ? address : ownKey(...args);
    if (isPromiseLike(given)) watch(given);
    const priced = typeof price === 'number' ? price : price(...args);
    if (isPromiseLike(priced)) watch(priced);
    const key = await this.#checkKey(given);
    if (key === '' && onMissingKey !== 'share') {
      return onMissingKey === 'reject' && isEnforced ? { ...PASS, problem: missingKeyProblem() } : PASS;
    }
    const cost = await priced;
    if (refundWhen === undefined) return this.#judge(key, cost, await limiter.tryAcquire(key, cost), args);
    // A reservation that has not to be waited for is as good as taking; and it knows the window it came from.
    const reservation = await limiter.reserve!(key, { cost, maxWait: 0 });
    const admission = await this.#judge(key, cost, reservation.decision, args);
    if (!reservation.decision.allowed) return admission;
    return { ...admission, onEnd: (ending) => void this.#settle(key, cost, reservation, ending, args) };
  }

  async #checkKey(given: Awaitable<string | undefined>): Promise<string> {
    const { owner } = this.#settings;
    const key = await given;
    if (key === undefined || typeof key === 'string') return key ?? '';
    throw new InvalidOptionError(owner, 'key', 'must give a string or undefined', key);
  }

  async #judge(key: string, cost: number, decision: Decision, args: Args): Promise<Admission> {
    const { isEnforced, statusCode, message, on } = this.#settings;
    if (decision.allowed) return isEnforced ? { ...PASS, fields: await this.#fieldsOf(key, decision) } : PASS;
    const refusal = { key, cost, policy: this.#policyOf(decision).name, decision };
    report(on.reject, { ...refusal, enforced: isEnforced, request: args[0] });
    if (!isEnforced) return PASS;
    const problem = quotaExceeded(statusCode, refusal.policy, message);
    return { ...PASS, fields: await this.#fieldsOf(key, decision), problem, refusal };
  }

  async #fieldsOf(key: string, decision: Decision): Promise<ResponseField[]> {
    const { dialects, partitionKey } = this.#settings;
    const told = dialects.length > 0 ? await this.#outlook(key, decision) : decision;
    const options = { ...this.#policyOf(told), partitionKey: partitionKey?.(key) };
    const fields = new Map(
      decision.allowed ? [] : [['retry-after', { value: retryAfterSeconds(decision), isMember: false }]],
    );
    for (const dialect of dialects) {
      const inLists = dialect === 'draft-8' || dialect === 'draft-10';
      for (const [name, value] of Object.entries(rateLimitHeaders(told, dialect, options))) {
        fields.set(name, { value, isMember: inLists && name !== 'retry-after' });
      }
    }
    return [...fields].map(([name, field]) => ({ name, ...field }));
  }

  /**
   * What a client had best know, which is when there will be more than what is left. The decision alone says when all
   * will be back. What is asked can be above what another one of several limits ever allows; then that must do.
   */
  async #outlook(key: string, decision: Decision): Promise<Decision> {
    const { limiter } = this.#settings;
    if (!decision.allowed || decision.remaining >= decision.limit || limiter.peek === undefined) return decision;
    try {
      const next = await limiter.peek(key, decision.remaining + 1);
      return next.allowed ? next : { ...next, allowed: true, resetAfterMs: next.retryAfterMs };
    } catch (error) {
      if (error instanceof RangeError) return decision;
      throw error;
    }
  }

  #policyOf(decision: Decision): { readonly name: string; readonly windowMs: number | undefined } {
    const { policies } = this.#settings;
    const limitedBy = Object.hasOwn(decision, 'limitedBy') ? decision.limitedBy : undefined;
    return policies[limitedBy ?? 0] ?? policies[0]!;
  }

  /** The response is under way or gone: what goes wrong now can only surface by itself. */
  async #settle(
    key: string,
    cost: number,
    reservation: Pick<Reservation, 'cancel'>,
    ending: ResponseEnding,
    args: Args,
  ): Promise<void> {
    const { refundWhen, on } = this.#settings;
    try {
      if (!(await refundWhen?.(ending, ...args))) return;
      await reservation.cancel();
      report(on.refund, { key, cost, request: args[0] });
    } catch (error) {
      reportUncaught(error);
    }
  }
}

const PASS: Admission = { fields: [], problem: undefined, refusal: undefined, onEnd: undefined };

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Its rejection is looked at later, or does not matter any more. */
function watch(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {});
}

/** A listener that throws changes nothing. */
function report<E>(listener: ((event: E) => void) | undefined, event: E): void {
  try {
    listener?.(event);
  } catch (error) {
    reportUncaught(error);
  }
}
