import type { AttemptBudget } from '../core/attempt-budget.js';
import { type Backoff, checkDelay, exponentialBackoff } from '../core/backoff.js';
import { checkClock } from '../core/clock.js';
import type { ChildContext, Next, PolicyContext } from '../core/context.js';
import { discardBody } from '../core/discard-body.js';
import { toMs } from '../core/duration.js';
import { Emitter, type Observable } from '../core/events.js';
import { isNeverSent } from '../core/never-sent.js';
import { checkInteger, checkMethods, checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import { type Classify, defaultClassify, judge, judgeValue, type Outcome, type Verdict } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';
import type { GiveUpReason, RetryEvents } from './events.js';
import type { RetryHooks } from './hooks.js';
import type { RetryChanges, RetryOptions } from './options.js';
import type { PacedCall, PacedOutcome, Pacing } from './pacing.js';

/** The types of events. */
const EVENTS = ['retry', 'giveUp'] as const;

/** A retry policy, as `retry` creates it. */
export interface Retry extends Policy, Observable<RetryEvents> {
  /**
   * Changes the given options; the others stay as they are. A running call decides about its next attempt by the new
   * options, except that `maxElapsed` concerns only calls that begin from now on if it was `Infinity` before.
   * @throws InvalidOptionError for invalid options. The retry is unchanged then.
   */
  reconfigure(options: RetryChanges): void;
}

/**
 * Creates a policy that repeats an operation after a failure, with growing delays. Use it only for operations that are
 * safe to repeat.
 *
 * Only outcomes that are judged `failure` or `throttled` are retried. By default an abort by the caller, a mistake in
 * the program and a rejection by another policy are not. A `Retry-After`, which is the `retryAfterMs` of an error or the header of a
 * response, is a lower bound of the delay. If no further attempt is made, the last error is rethrown unchanged, or the
 * last value is returned unchanged. The body of a response of `undici.request` that is not returned is dropped.
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

/** Creates a retry with hooks, for the policies that are made of one. */
export function retryWithHooks(options: RetryOptions, hooks: RetryHooks): Retry {
  return new RetryPolicy(options, hooks);
}

/** The default backoff. It has no state, so all policies share it. */
const defaultBackoff = /* @__PURE__ */ exponentialBackoff();

/** The options that `reconfigure` can change, checked and in milliseconds. */
interface RetryRules {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly maxElapsedMs: number;
  readonly maxRetryAfterMs: number;
  readonly budget: AttemptBudget | undefined;
  readonly classify: Classify | undefined;
}

const OWNER = 'retry';

class RetryPolicy extends BasePolicy implements Retry {
  #rules: RetryRules;
  readonly #random: Random;
  readonly #pacing: Pacing | undefined;
  readonly #hooks: RetryHooks;
  readonly #events = new Emitter<RetryEvents>(EVENTS);

  constructor(options?: RetryOptions, hooks: RetryHooks = {}) {
    const own = readOptions(OWNER, options, {
      maxAttempts: 3,
      backoff: undefined,
      maxElapsed: Infinity,
      maxRetryAfter: '30s',
      budget: undefined,
      classify: undefined,
      name: OWNER,
      clock: undefined,
      random: undefined,
    });
    super(checkName(OWNER, own.name), checkClock(OWNER, own.clock));
    this.#rules = checkRules(own);
    this.#random = checkRandom(OWNER, own.random);
    this.#pacing = hooks.pacing;
    this.#hooks = hooks;
  }

  reconfigure(options: RetryChanges): void {
    const { maxElapsedMs: maxElapsed, maxRetryAfterMs: maxRetryAfter, ...rules } = this.#rules;
    this.#rules = checkRules(readOptions<RetryChanges>(OWNER, options, { ...rules, maxElapsed, maxRetryAfter }));
  }

  on<K extends keyof RetryEvents>(type: K, listener: (event: RetryEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    const { maxAttempts, maxElapsedMs, maxRetryAfterMs, backoff, budget } = this.#rules;
    return {
      ...{ kind: 'retry', name: this.name, maxAttempts, maxElapsedMs, maxRetryAfterMs, backoff },
      budget: budget && { ratio: budget.ratio, floor: budget.floor },
    };
  }

  /**
   * Starts the first attempt directly. Everything that a second attempt needs is created when the first one has failed.
   */
  run(next: Next, context: PolicyContext): Promise<unknown> {
    const { budget, maxElapsedMs, classify = context.classify } = this.#rules;
    budget?.recordRequest();
    // Without a limit the start is not measured, and nothing elapses, even if a limit is set while the call runs.
    const startedAt = maxElapsedMs === Infinity ? Infinity : this.clock.now();
    const pacing = this.#pacing;
    if (classify === defaultClassify && pacing === undefined && budget?.recordSuccess === undefined) {
      return this.#runDefault(startedAt, next, context);
    }
    const arrival = pacing === undefined ? 0 : pacing.arrive();
    if (pacing?.isOpen(context) === false) {
      return this.#afterFirst(undefined, undefined, classify, startedAt, arrival, next, context);
    }
    const first = next(context.attempt === 1 ? context : context.derive({ attempt: 1 }));
    const onFailure = (error: unknown) =>
      this.#afterFirst({ ok: false, error }, undefined, classify, startedAt, arrival, next, context);
    return first.then((value) => {
      const outcome = { ok: true, value } as const;
      const verdict = this.#judge(classify, outcome, context);
      // A success returns here, without the cost of an async function.
      if (verdict !== 'success') {
        return this.#afterFirst(outcome, verdict, classify, startedAt, arrival, next, context);
      }
      pacing?.succeeded(context);
      budget?.recordSuccess?.();
      return value;
    }, onFailure);
  }

  /**
   * Runs a call under the default judgement, without a gate and without a budget that counts successes. A method of its
   * own, so that the two handlers keep only what they need: 40 bytes less per call (`npm run bench -- retry`).
   */
  #runDefault(startedAt: number, next: Next, context: PolicyContext): Promise<unknown> {
    return next(context.attempt === 1 ? context : context.derive({ attempt: 1 })).then(
      (value) =>
        judgeValue(value) === 'success'
          ? value
          : this.#afterFirst({ ok: true, value }, undefined, defaultClassify, startedAt, 0, next, context),
      (error) => this.#afterFirst({ ok: false, error }, undefined, defaultClassify, startedAt, 0, next, context),
    );
  }

  /**
   * Makes the attempts after the first.
   * @param first - the outcome of the first attempt; undefined if the attempt has to wait at the gate.
   * @param judged - the verdict about it, if it has been judged.
   */
  async #afterFirst(
    first: Outcome | undefined,
    judged: Verdict | undefined,
    classify: Classify,
    startedAt: number,
    arrival: number,
    next: Next,
    context: PolicyContext,
  ): Promise<unknown> {
    const pacing = this.#pacing;
    let outcome = first;
    let previousDelayMs: number | undefined;
    let sentRetries = 0; // retries of requests that were sent
    for (let attempt = 1; ; attempt++) {
      let stop: GiveUpReason | undefined;
      const isUnsent = outcome === undefined || pacing?.isReturned(outcome);
      let verdict = isUnsent
        ? undefined
        : attempt === 1 && judged
          ? judged
          : this.#judge(classify, outcome as Outcome, context);
      if (verdict === 'success') pacing?.succeeded(context);
      else if (pacing !== undefined && (verdict === undefined || verdict === 'throttled')) {
        const latest = Math.min(context.deadline, startedAt + this.#rules.maxElapsedMs);
        const call = { throttled: verdict && outcome, arrival, latest };
        ({ outcome, verdict, stop } = await this.#pass(pacing, call, classify, attempt, next, context));
        if (stop === 'deadline' && latest < context.deadline) stop = 'elapsed';
      }
      if (verdict === 'success') {
        this.#rules.budget?.recordSuccess?.();
        if (sentRetries > 0) this.#rules.budget?.recordRecovery?.(sentRetries);
        break;
      }
      const failure = { attempt, previousDelayMs, outcome: outcome as Outcome, random: this.#random };
      const plan = stop ?? this.#plan(verdict, failure, startedAt, context);
      if (typeof plan === 'string') {
        this.#giveUp(plan, attempt, context);
        break;
      }
      if (this.#rules.budget?.recordRecovery !== undefined && !isNeverSent(failure.outcome)) sentRetries++;
      this.#announce({ attempt, delayMs: plan, outcome: failure.outcome }, context);
      await this.#prepare(plan, attempt, failure.outcome, context);
      if (this.#rules.maxElapsedMs < Infinity && this.clock.now() > startedAt + this.#rules.maxElapsedMs) {
        // The delay took longer than planned, as on a suspended machine, or the preparation did.
        this.#giveUp('elapsed', attempt, context);
        break;
      }
      previousDelayMs = plan;
      const isOpen = pacing?.isOpen(context) !== false;
      outcome = isOpen ? await this.#runAttempt(next, context.derive({ attempt: attempt + 1 })) : undefined;
    }
    if (outcome?.ok) return outcome.value;
    throw outcome?.error;
  }

  /** Returns the delay before the next attempt in milliseconds, or the reason why there is none. */
  #plan(
    verdict: Verdict | undefined,
    failure: Parameters<Backoff>[0],
    startedAt: number,
    context: PolicyContext,
  ): number | GiveUpReason {
    if (context.aborted) return 'aborted';
    // `repeatable` may be undefined in a context of another version of this package.
    const isRetryable = verdict === 'failure' || verdict === 'throttled';
    if (!isRetryable || context.repeatable === false) return 'not-retryable';
    const { maxAttempts, backoff, maxElapsedMs, maxRetryAfterMs, budget } = this.#rules;
    if (failure.attempt >= maxAttempts) return 'attempts';
    const planned = backoff(failure);
    if (planned === undefined) return 'backoff';
    const backoffMs = checkDelay('retry', 'backoff', planned);
    const serverDelayMs = retryAfterMs(failure.outcome) ?? 0;
    if (serverDelayMs > maxRetryAfterMs) return 'retry-after';
    // With unlimited attempts the delay must not be 0, or the retries would starve the event loop.
    const delayMs = Math.max(backoffMs, serverDelayMs, maxAttempts === Infinity ? 1 : 0);
    if (maxElapsedMs < Infinity && this.clock.now() + delayMs > startedAt + maxElapsedMs) return 'elapsed';
    if (context.deadline < Infinity && this.clock.now() + delayMs >= context.deadline) return 'deadline';
    if (budget?.tryRetry(failure.outcome) === false) return 'budget';
    return delayMs;
  }

  /** Runs an attempt at the gate. Creates the closures that only such an attempt needs. */
  #pass(
    pacing: Pacing,
    call: Pick<PacedCall, 'throttled' | 'arrival' | 'latest'>,
    classify: Classify,
    attempt: number,
    next: Next,
    context: PolicyContext,
  ): Promise<PacedOutcome> {
    const run = () => this.#runAttempt(next, context.derive({ attempt }));
    const judge = (outcome: Outcome) => this.#judge(classify, outcome, context);
    return pacing.pass({ ...call, context, run, judge });
  }

  #judge(classify: Classify, outcome: Outcome, context: PolicyContext): Verdict {
    if (context.aborted) return outcome.ok ? 'success' : 'ignore';
    return judge('retry', classify, outcome, context);
  }

  /** Waits until the next attempt may start. */
  async #prepare(delayMs: number, attempt: number, outcome: Outcome, context: PolicyContext): Promise<void> {
    const { beforeRetry } = this.#hooks;
    try {
      if (delayMs > 0) await context.sleep(delayMs);
      if (beforeRetry !== undefined) await context.wait(beforeRetry(attempt, outcome, context));
    } catch (error) {
      this.#giveUp(context.aborted ? 'aborted' : 'not-retryable', attempt, context);
      throw error;
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

  #announce(event: RetryEvents['retry'], context: PolicyContext): void {
    if (this.#events.has('retry')) this.#events.emit('retry', event);
    this.#hooks.onRetry?.(event, context);
    if (event.outcome.ok) discardBody(event.outcome.value);
  }

  #giveUp(reason: GiveUpReason, attempts: number, context: PolicyContext): void {
    if (this.#events.has('giveUp')) this.#events.emit('giveUp', { reason, attempts });
    this.#hooks.onGiveUp?.({ reason, attempts }, context);
  }
}

function checkRules(own: Required<RetryChanges>): RetryRules {
  const { backoff, budget, classify } = own;
  return {
    maxAttempts: checkInteger(OWNER, 'maxAttempts', own.maxAttempts, { min: 1, orInfinity: true }),
    backoff: checkOptionalFunction(OWNER, 'backoff', backoff) ?? defaultBackoff,
    maxElapsedMs: toMs(OWNER, 'maxElapsed', own.maxElapsed, { orInfinity: true }),
    maxRetryAfterMs: toMs(OWNER, 'maxRetryAfter', own.maxRetryAfter, { orInfinity: true }),
    budget: budget === undefined ? undefined : checkBudget(budget),
    classify: checkOptionalFunction(OWNER, 'classify', classify),
  };
}

function checkBudget(budget: AttemptBudget): AttemptBudget {
  checkMethods(OWNER, 'budget', budget, ['recordRequest', 'tryRetry']);
  checkOptionalFunction(OWNER, 'budget.recordSuccess', budget.recordSuccess);
  checkOptionalFunction(OWNER, 'budget.recordRecovery', budget.recordRecovery);
  return budget;
}
