import { type Backoff, checkDelay, exponentialBackoff } from '../core/backoff.js';
import { type Clock, checkClock } from '../core/clock.js';
import type { ChildContext, Next, PolicyContext } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkInteger, checkMethods, checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Classify, defaultClassify, judge, type Outcome } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';
import type { RetryBudget } from './retry-budget.js';

/** Options of `retry`. */
export interface RetryOptions {
  /** The maximum number of attempts, including the first: an integer ≥ 1, or `Infinity`. @defaultValue 3 */
  readonly maxAttempts?: number | undefined;
  /** Returns the delay between two attempts. @defaultValue `exponentialBackoff()` */
  readonly backoff?: Backoff | undefined;
  /**
   * The time from the first attempt after which no attempt starts. A delay that would end later is not begun either. A
   * duration above 0, or `Infinity`.
   * @defaultValue Infinity
   */
  readonly maxElapsed?: Duration | undefined;
  /**
   * The longest `Retry-After` that the retry waits for: a duration above 0, or `Infinity`. If the server asks for a
   * longer delay, the call ends with its last outcome, since an earlier attempt would ignore the server's request.
   * @defaultValue '30s'
   */
  readonly maxRetryAfter?: Duration | undefined;
  /**
   * The budget that limits retries to a share of the requests. Share it among all call sites of a dependency.
   * @defaultValue none
   */
  readonly budget?: Pick<RetryBudget, keyof RetryBudget> | undefined;
  /** Judges the outcome of each attempt. Only `failure` is retried. @defaultValue the call's `classify` */
  readonly classify?: Classify | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'retry' */
  readonly name?: string | undefined;
  /** The clock that measures delays and `maxElapsed`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source for the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Events of a retry. */
export interface RetryEvents {
  /** An attempt has failed, and the next one starts after `delayMs` milliseconds. */
  retry: { readonly attempt: number; readonly delayMs: number; readonly outcome: Outcome };
  /** The call ends with its last outcome after `attempts` attempts. */
  giveUp: { readonly reason: GiveUpReason; readonly attempts: number };
}

/**
 * The reason why a retry makes no further attempt.
 *
 * - `attempts`: `maxAttempts` is reached.
 * - `elapsed`: the next attempt would start later than `maxElapsed`.
 * - `deadline`: the next attempt would start after the deadline of the call.
 * - `budget`: the budget has no retry left.
 * - `retry-after`: the server has asked for a delay above `maxRetryAfter`.
 * - `not-retryable`: the outcome is not a `failure`, or the call is not repeatable.
 * - `aborted`: the call was aborted.
 * - `backoff`: the backoff returned undefined.
 */
export type GiveUpReason =
  | 'attempts'
  | 'elapsed'
  | 'deadline'
  | 'budget'
  | 'retry-after'
  | 'not-retryable'
  | 'aborted'
  | 'backoff';

/** A retry policy, as `retry` creates it. */
export interface Retry extends Policy, Observable<RetryEvents> {}

/**
 * Creates a policy that repeats an operation after a failure, with growing delays. Use it only for operations that are
 * safe to repeat.
 *
 * Only outcomes that are judged `failure` are retried. By default an abort by the caller, a mistake in the program and
 * a rejection by another policy are not. A `Retry-After`, which is the `retryAfterMs` of an error or the header of a
 * response, is a lower bound of the delay. If no further attempt is made, the last error is rethrown unchanged, or the
 * last value is returned unchanged.
 *
 * O(1) memory for any number of attempts; one timer while the retry waits.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const policy = retry({ maxAttempts: 4, backoff: exponentialBackoff({ initial: '100ms' }) });
 * const user = await policy.execute(({ signal }) => fetch('https://example.com/user/1', { signal }));
 * ```
 */
export function retry(options?: RetryOptions): Retry {
  return new RetryPolicy(options);
}

/** The default backoff. It has no state, so all policies share it. */
const defaultBackoff = /* @__PURE__ */ exponentialBackoff();

class RetryPolicy extends BasePolicy implements Retry {
  readonly #maxAttempts: number;
  readonly #backoff: Backoff;
  readonly #maxElapsedMs: number;
  readonly #maxRetryAfterMs: number;
  readonly #budget: RetryOptions['budget'];
  readonly #classify: Classify | undefined;
  readonly #random: Random;
  readonly #events = new Emitter<RetryEvents>();

  constructor(options?: RetryOptions) {
    const owner = 'retry';
    const own = readOptions(owner, options, {
      maxAttempts: 3,
      backoff: undefined,
      maxElapsed: Infinity,
      maxRetryAfter: '30s',
      budget: undefined,
      classify: undefined,
      name: owner,
      clock: undefined,
      random: undefined,
    });
    super(checkName(owner, own.name), checkClock(owner, own.clock));
    this.#maxAttempts = checkInteger(owner, 'maxAttempts', own.maxAttempts, { min: 1, orInfinity: true });
    this.#backoff = checkOptionalFunction(owner, 'backoff', own.backoff) ?? defaultBackoff;
    this.#maxElapsedMs = toMs(owner, 'maxElapsed', own.maxElapsed, { orInfinity: true });
    this.#maxRetryAfterMs = toMs(owner, 'maxRetryAfter', own.maxRetryAfter, { orInfinity: true });
    this.#budget =
      own.budget === undefined ? undefined : checkMethods(owner, 'budget', own.budget, ['recordRequest', 'tryRetry']);
    this.#classify = checkOptionalFunction(owner, 'classify', own.classify);
    this.#random = checkRandom(owner, own.random);
  }

  on<K extends keyof RetryEvents>(type: K, listener: (event: RetryEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return {
      kind: 'retry',
      name: this.name,
      maxAttempts: this.#maxAttempts,
      maxElapsedMs: this.#maxElapsedMs,
      maxRetryAfterMs: this.#maxRetryAfterMs,
      backoff: this.#backoff,
      budget: this.#budget && { ratio: this.#budget.ratio, floor: this.#budget.floor },
    };
  }

  /**
   * Starts the first attempt directly. Everything that a second attempt needs is created when the first one has failed.
   */
  run(next: Next, context: PolicyContext): Promise<unknown> {
    this.#budget?.recordRequest();
    const startedAt = this.#maxElapsedMs === Infinity ? 0 : this.clock.now();
    const classify = this.#classify ?? context.classify;
    const first = next(context.attempt === 1 ? context : context.derive({ attempt: 1 }));
    const onFailure = (error: unknown) => this.#afterFirst({ ok: false, error }, classify, startedAt, next, context);
    if (classify === defaultClassify) return first.then(undefined, onFailure);
    return first.then((value) => this.#afterFirst({ ok: true, value }, classify, startedAt, next, context), onFailure);
  }

  async #afterFirst(
    first: Outcome,
    classify: Classify,
    startedAt: number,
    next: Next,
    context: PolicyContext,
  ): Promise<unknown> {
    let outcome = first;
    let previousDelayMs: number | undefined;
    for (let attempt = 1; ; attempt++) {
      const verdict = outcome.ok && context.aborted ? 'success' : this.#judge(classify, outcome, context);
      if (verdict === 'success') break;
      const plan = this.#plan(verdict, { attempt, previousDelayMs, outcome, random: this.#random }, startedAt, context);
      if (typeof plan === 'string') {
        this.#giveUp(plan, attempt);
        break;
      }
      if (this.#events.has('retry')) this.#events.emit('retry', { attempt, delayMs: plan, outcome });
      if (plan > 0) await this.#sleep(plan, attempt, context);
      if (this.#maxElapsedMs < Infinity && this.clock.now() > startedAt + this.#maxElapsedMs) {
        this.#giveUp('elapsed', attempt); // the delay took longer than planned, as on a suspended machine
        break;
      }
      previousDelayMs = plan;
      const child = context.derive({ attempt: attempt + 1 });
      outcome = await this.#runAttempt(next, child);
    }
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  /** Returns the delay before the next attempt in milliseconds, or the reason why there is none. */
  #plan(
    verdict: 'failure' | 'permanent' | 'ignore',
    failure: Parameters<Backoff>[0],
    startedAt: number,
    context: PolicyContext,
  ): number | GiveUpReason {
    if (context.aborted) return 'aborted';
    // `repeatable` may be undefined in a context of another version of this package.
    if (verdict !== 'failure' || context.repeatable === false) return 'not-retryable';
    if (failure.attempt >= this.#maxAttempts) return 'attempts';
    const planned = this.#backoff(failure);
    if (planned === undefined) return 'backoff';
    const backoffMs = checkDelay('retry', 'backoff', planned);
    const serverDelayMs = retryAfterMs(failure.outcome) ?? 0;
    if (serverDelayMs > this.#maxRetryAfterMs) return 'retry-after';
    // With unlimited attempts the delay must not be 0, or the retries would starve the event loop.
    const delayMs = Math.max(backoffMs, serverDelayMs, this.#maxAttempts === Infinity ? 1 : 0);
    if (this.#maxElapsedMs < Infinity && this.clock.now() + delayMs > startedAt + this.#maxElapsedMs) return 'elapsed';
    if (context.deadline < Infinity && this.clock.now() + delayMs >= context.deadline) return 'deadline';
    if (this.#budget?.tryRetry() === false) return 'budget';
    return delayMs;
  }

  #judge(classify: Classify, outcome: Outcome, context: PolicyContext) {
    return context.aborted ? 'ignore' : judge('retry', classify, outcome, context);
  }

  async #sleep(delayMs: number, attempt: number, context: PolicyContext): Promise<void> {
    try {
      await context.sleep(delayMs);
    } catch (reason) {
      this.#giveUp('aborted', attempt);
      throw reason;
    }
  }

  async #runAttempt(next: Next, child: ChildContext): Promise<Outcome> {
    try {
      return { ok: true, value: await next(child) };
    } catch (error) {
      return { ok: false, error };
    } finally {
      child[Symbol.dispose]();
    }
  }

  #giveUp(reason: GiveUpReason, attempts: number): void {
    if (this.#events.has('giveUp')) this.#events.emit('giveUp', { reason, attempts });
  }
}
