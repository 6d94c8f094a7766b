import type { CallContext } from '../core/call-context.js';
import { anyClock } from '../core/clock.js';
import type { Next, PolicyContext } from '../core/context.js';
import { discardBody } from '../core/discard-body.js';
import { isResilienceError, unwrapImitation } from '../core/errors.js';
import { checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Classify, isProgrammingError, judge, type Outcome } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';

/** Options of `fallback`. */
export interface FallbackOptions {
  /**
   * Judges outcomes: the fallback replaces those judged `failure`, `permanent` or `throttled`, and no others.
   * @defaultValue every error except a programming error, and values as judged by the call's `classify`
   */
  readonly classify?: Classify | undefined;
  /** The name of the policy in errors and descriptions. @defaultValue 'fallback' */
  readonly name?: string | undefined;
}

/**
 * The substitute value, or a function that returns it. The function may be asynchronous, and may call another
 * dependency.
 */
export type FallbackAnswer<Value> = Value | ((outcome: Outcome, context: CallContext) => Value | PromiseLike<Value>);

/**
 * Creates a policy that returns a substitute value when an operation fails.
 *
 * By default it replaces values judged `failure`, `permanent` or `throttled`, and every error, including rejections by
 * other policies. It does not replace the result of an aborted call, since the caller no longer waits. It does not replace a
 * mistake in the program, such as a TypeError, since a substitute value would hide it. If the answer function throws,
 * the call rejects with that error. The body of a response of `undici.request` that a value replaces is dropped; a function
 * may use it, and otherwise has to drop it. Costs one async frame per call.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const withDefault = pipeline(fallback({ rate: 1, stale: true }), retry(), timeout('1s'));
 * const { rate } = await withDefault.execute(async ({ signal }) => {
 *   const response = await fetch('https://example.com/rate', { signal });
 *   return (await response.json()) as { rate: number; stale: boolean };
 * });
 * ```
 */
export function fallback<Value>(answer: FallbackAnswer<Value>, options?: FallbackOptions): Policy<Awaited<Value>> {
  return new FallbackPolicy<Awaited<Value>>(answer, options);
}

class FallbackPolicy<Value> extends BasePolicy<Value> {
  readonly #answer: unknown;
  readonly #classify: Classify | undefined;

  constructor(answer: unknown, options?: FallbackOptions) {
    const own = readOptions('fallback', options, { classify: undefined, name: 'fallback' });
    super(checkName('fallback', own.name), anyClock);
    this.#answer = answer;
    this.#classify = checkOptionalFunction('fallback', 'classify', own.classify);
  }

  describe(): PolicyDescription {
    return { kind: 'fallback', name: this.name };
  }

  async run(next: Next, context: PolicyContext): Promise<unknown> {
    let outcome: Outcome;
    try {
      outcome = { ok: true, value: await next(context) };
    } catch (error) {
      outcome = { ok: false, error };
    }
    if (!context.aborted && this.#isBad(outcome, context)) return this.#substitute(outcome, context);
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  #isBad(outcome: Outcome, context: PolicyContext): boolean {
    if (this.#classify === undefined && !outcome.ok) {
      const error = unwrapImitation(outcome.error);
      if (isResilienceError(error)) return error.code !== 'ERR_INVALID_OPTION';
      return !isProgrammingError(error);
    }
    const verdict = judge('fallback', this.#classify ?? context.classify, outcome, context);
    return verdict !== 'success' && verdict !== 'ignore';
  }

  #substitute(outcome: Outcome, context: PolicyContext): unknown {
    if (typeof this.#answer === 'function') return context.wait(this.#answer(outcome, context));
    if (outcome.ok) discardBody(outcome.value);
    return this.#answer;
  }
}
