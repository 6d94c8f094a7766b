import type { CallContext } from '../core/call-context.js';
import { anyClock } from '../core/clock.js';
import type { Next, PolicyContext } from '../core/context.js';
import { isResilienceError } from '../core/errors.js';
import { checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Classify, isProgrammingError, judge, type Outcome } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';

export interface FallbackOptions {
  /**
   * Which outcomes are bad: with a judgement of its own, a fallback answers what that calls `failure` or `permanent`,
   * and nothing else. @defaultValue the call's, for values; every error
   */
  readonly classify?: Classify | undefined;
  /** @defaultValue 'fallback' */
  readonly name?: string | undefined;
}

/** The answer itself, or a function that finds one; it may ask somebody else and take its time. */
export type FallbackAnswer<Value> = Value | ((outcome: Outcome, context: CallContext) => Value | PromiseLike<Value>);

/**
 * Answers in place of an operation that failed.
 *
 * It answers bad values and every error, refusals of our own policies included. Never the caller's abort: nobody is
 * there to take the answer. Never a mistake in the program, such as a TypeError: an answer would hide it.
 * When the answering function throws, that error is the call's.
 *
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
    if (!context.aborted && this.#isBad(outcome, context)) return this.#find(outcome, context);
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  #isBad(outcome: Outcome, context: PolicyContext): boolean {
    if (this.#classify === undefined && !outcome.ok) {
      const { error } = outcome;
      if (isResilienceError(error)) return error.code !== 'ERR_INVALID_OPTION';
      return !isProgrammingError(error);
    }
    const verdict = judge('fallback', this.#classify ?? context.classify, outcome, context);
    return verdict === 'failure' || verdict === 'permanent';
  }

  #find(outcome: Outcome, context: PolicyContext): unknown {
    return typeof this.#answer === 'function' ? context.wait(this.#answer(outcome, context)) : this.#answer;
  }
}
