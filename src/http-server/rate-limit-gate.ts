import { type Decision, InvalidOptionError } from '../core/errors.js';
import { reportUncaught } from '../core/events.js';
import type { Reservation } from '../rate-limit/rate-limiter.js';
import type { Awaitable, RateLimitRefusal, ResponseEnding } from './options.js';
import { missingKeyProblem, type Problem, quotaExceeded } from './problem.js';
import { rateLimitHeaders, retryAfterSeconds } from './rate-limit-headers.js';
import { reportListener } from './report-listener.js';
import type { HttpSettings } from './settings.js';

/** The result of the rate limit check of one request. */
export interface Admission {
  /** The header fields to set on the response. */
  readonly fields: readonly ResponseField[];
  /** The response to send instead of passing the request on. Undefined if the request passes. */
  readonly problem: Problem | undefined;
  /** The details of the rejection, if the limiter rejected the request. */
  readonly refusal: RateLimitRefusal | undefined;
  /** To be called when the response to an allowed request has ended. */
  readonly onEnd: ((ending: ResponseEnding) => void) | undefined;
}

/** A header field to set on the response. */
export interface ResponseField {
  /** The name in lower case. */
  readonly name: string;
  readonly value: string;
  /** Whether the value is a list member that is appended to the members of other limiters. */
  readonly isMember: boolean;
}

/** The part that the middleware and the handler share: all limit logic, but no writing of responses. */
export class RateLimitGate<Args extends readonly unknown[]> {
  readonly #settings: HttpSettings<Args>;
  readonly #addressOf: (...args: Args) => string | undefined | PromiseLike<string | undefined>;

  /** @param addressOf - Returns the client's address as a key. */
  constructor(
    settings: HttpSettings<Args>,
    addressOf: (...args: Args) => string | undefined | PromiseLike<string | undefined>,
  ) {
    this.#settings = settings;
    this.#addressOf = addressOf;
  }

  /** Decides a request. Rejects with the error if a function of the caller throws. */
  async admit(args: Args): Promise<Admission> {
    const { skip, onMissingKey, isEnforced, cost: costOption, limiter, refundWhen, key: keyOption } = this.#settings;
    // All functions are called before the first `await`: after it the connection may be closed or the headers changed.
    const address = keyOption === undefined ? this.#addressOf(...args) : undefined;
    if (skip !== undefined) {
      const skips = skip(...args);
      if (isPromiseLike(address)) ignoreRejection(address);
      if (isPromiseLike(skips) ? await skips : skips) return PASS;
    }
    const pendingKey = keyOption === undefined ? address : keyOption(...args);
    if (isPromiseLike(pendingKey)) ignoreRejection(pendingKey);
    const pendingCost = typeof costOption === 'number' ? costOption : costOption(...args);
    if (isPromiseLike(pendingCost)) ignoreRejection(pendingCost);
    const key = await this.#checkKey(pendingKey);
    if (key === '' && onMissingKey !== 'share') {
      return onMissingKey === 'reject' && isEnforced ? { ...PASS, problem: missingKeyProblem() } : PASS;
    }
    const cost = await pendingCost;
    if (refundWhen === undefined) return this.#applyDecision(key, cost, await limiter.tryAcquire(key, cost), args);
    // A reservation without a wait has the same effect as `tryAcquire`, and it can refund the window it was taken from.
    const reservation = await limiter.reserve!(key, { cost, maxWait: 0 });
    const admission = await this.#applyDecision(key, cost, reservation.decision, args);
    if (!reservation.decision.allowed) return admission;
    return { ...admission, onEnd: (ending) => void this.#refundIfWanted(key, cost, reservation, ending, args) };
  }

  async #checkKey(pendingKey: Awaitable<string | undefined>): Promise<string> {
    const { owner } = this.#settings;
    const key = await pendingKey;
    if (key === undefined || typeof key === 'string') return key ?? '';
    throw new InvalidOptionError(owner, 'key', 'must return a string or undefined', key);
  }

  async #applyDecision(key: string, cost: number, decision: Decision, args: Args): Promise<Admission> {
    const { isEnforced, statusCode, message, on } = this.#settings;
    if (decision.allowed) return isEnforced ? { ...PASS, fields: await this.#fieldsOf(key, decision) } : PASS;
    const refusal = { key, cost, policy: this.#policyOf(decision).name, decision };
    reportListener(on.reject, { ...refusal, enforced: isEnforced, request: args[0] });
    if (!isEnforced) return PASS;
    const problem = quotaExceeded(statusCode, refusal.policy, message);
    return { ...PASS, fields: await this.#fieldsOf(key, decision), problem, refusal };
  }

  async #fieldsOf(key: string, decision: Decision): Promise<ResponseField[]> {
    const { dialects, partitionKey } = this.#settings;
    const reported = dialects.length > 0 ? await this.#withNextIncrease(key, decision) : decision;
    const options = { ...this.#policyOf(reported), partitionKey: partitionKey?.(key) };
    const fields = new Map(
      decision.allowed ? [] : [['retry-after', { value: retryAfterSeconds(decision), isMember: false }]],
    );
    for (const dialect of dialects) {
      const inLists = dialect === 'draft-8' || dialect === 'draft-10';
      for (const [name, value] of Object.entries(rateLimitHeaders(reported, dialect, options))) {
        fields.set(name, { value, isMember: inLists && name !== 'retry-after' });
      }
    }
    return [...fields].map(([name, field]) => ({ name, ...field }));
  }

  /**
   * Returns the decision to report to the client. Its reset is the time at which more than the current rest is
   * available; the reset of the original decision is the time at which the full limit is available. If the higher cost
   * is above one of several limits, the original decision is returned.
   */
  async #withNextIncrease(key: string, decision: Decision): Promise<Decision> {
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

  /** Refunds the cost if `refundWhen` returns true. The response has ended, so an error is reported as uncaught. */
  async #refundIfWanted(
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
      reportListener(on.refund, { key, cost, request: args[0] });
    } catch (error) {
      reportUncaught(error);
    }
  }
}

/** The admission of a request that passes without header fields. */
const PASS: Admission = { fields: [], problem: undefined, refusal: undefined, onEnd: undefined };

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Marks a rejection as handled: the promise is awaited later or its result is not needed. */
function ignoreRejection(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {});
}
