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

export interface RetryOptions {
  /** All tries, the first included: an integer ≥ 1, or `Infinity`. @defaultValue 3 */
  readonly maxAttempts?: number | undefined;
  /** How long to wait between two tries. @defaultValue `exponentialBackoff()` */
  readonly backoff?: Backoff | undefined;
  /** No try starts, and no wait is begun that would end, later than this after the first. @defaultValue Infinity */
  readonly maxElapsed?: Duration | undefined;
  /** A `Retry-After` above this stops, since coming back early would be rude and waiting is too long. @defaultValue '30s' */
  readonly maxRetryAfter?: Duration | undefined;
  /** Shared among call sites, it keeps retries to a share of the requests. @defaultValue none */
  readonly budget?: RetryBudget | undefined;
  /** Only `failure` is tried again. @defaultValue the call's */
  readonly classify?: Classify | undefined;
  /** @defaultValue 'retry' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** For the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

export interface RetryEvents {
  /** A try failed, and there will be another after `delayMs`. */
  retry: { readonly attempt: number; readonly delayMs: number; readonly outcome: Outcome };
  /** The call ends as it stands after `attempts` tries. */
  giveUp: { readonly reason: GiveUpReason; readonly attempts: number };
}

export type GiveUpReason =
  | 'attempts'
  | 'elapsed'
  | 'deadline'
  | 'budget'
  | 'retry-after'
  | 'not-retryable'
  | 'aborted'
  | 'backoff';

export interface Retry extends Policy, Observable<RetryEvents> {}

/**
 * Tries again after a failure, later each time.
 *
 * Only outcomes judged `failure` are tried again: not the caller's abort, not mistakes in the program, not refusals of
 * our own policies. A `Retry-After`, whether the `retryAfterMs` of an error or the header of a response, is a lower
 * bound of the delay. When there is no further try the last error is rethrown unchanged, the last bad value returned
 * unchanged. The operation must be safe to repeat.
 *
 * O(1) memory, whatever the number of tries; one timer while it waits.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const policy = retry({ maxAttempts: 4, backoff: exponentialBackoff({ initial: '100ms' }) });
 * const user = await policy.execute(({ signal }) => fetch('https://example.com/user/1', { signal }));
 * ```
 */
export function retry(options?: RetryOptions): Retry {
  return new RetryPolicy(options);
}

/** One for all: it keeps no state. */
const defaultBackoff = /* @__PURE__ */ exponentialBackoff();

class RetryPolicy extends BasePolicy implements Retry {
  readonly #maxAttempts: number;
  readonly #backoff: Backoff;
  readonly #maxElapsedMs: number;
  readonly #maxRetryAfterMs: number;
  readonly #budget: RetryBudget | undefined;
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

  /** The first try goes out without ceremony; everything a second one needs is made when the first has failed. */
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
        this.#giveUp('elapsed', attempt); // the wait took longer than planned: a machine that was suspended
        break;
      }
      previousDelayMs = plan;
      const child = context.derive({ attempt: attempt + 1 });
      outcome = await this.#try(next, child);
    }
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  /** The delay before the next try, or why there will be none. */
  #plan(
    verdict: 'failure' | 'permanent' | 'ignore',
    failure: Parameters<Backoff>[0],
    startedAt: number,
    context: PolicyContext,
  ): number | GiveUpReason {
    if (context.aborted) return 'aborted';
    // A context of another version of this package may not say whether the operation is repeatable.
    if (verdict !== 'failure' || context.repeatable === false) return 'not-retryable';
    if (failure.attempt >= this.#maxAttempts) return 'attempts';
    const planned = this.#backoff(failure);
    if (planned === undefined) return 'backoff';
    const backoffMs = checkDelay('retry', 'backoff', planned);
    const askedMs = retryAfterMs(failure.outcome) ?? 0;
    if (askedMs > this.#maxRetryAfterMs) return 'retry-after';
    // Tries without end need a pause, or they would starve the event loop.
    const delayMs = Math.max(backoffMs, askedMs, this.#maxAttempts === Infinity ? 1 : 0);
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

  async #try(next: Next, child: ChildContext): Promise<Outcome> {
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
