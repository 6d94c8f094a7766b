import { BracketPolicy, bracket } from '../core/bracket-policy.js';
import { anyClock, type Clock, isAnyClock, isSameClock } from '../core/clock.js';
import { asContext, callOperation, type Next, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { formatValue } from '../core/inspect.js';
import type { Outcome } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription, runPolicy } from '../core/policy.js';

/** The types of events. */
const EVENTS = ['success', 'failure'] as const;

/** Events of a pipeline. */
export interface PipelineEvents {
  /** The call has ended with a value that is not judged `failure` or `permanent`. */
  success: PipelineEvent;
  /** The call has ended with an error, or with a value that is judged `failure` or `permanent`. */
  failure: PipelineEvent;
}

/** The end of one call of a pipeline. */
export interface PipelineEvent {
  /** Milliseconds from the start of the call to its end. */
  readonly durationMs: number;
  /** The number of times the operation was called; 0 if a policy rejected the call before. */
  readonly attempts: number;
  /** The value or the error of the call. */
  readonly outcome: Outcome;
}

/** The type of values that a policy itself may return, in addition to those of the operation. */
export type AddsOf<P> = P extends Policy<infer Adds> ? Adds : never;

/** A pipeline, as `pipeline` creates it. */
export interface Pipeline<out Adds = never> extends Policy<Adds>, Observable<PipelineEvents> {
  /** The members, outermost first. */
  readonly policies: readonly Policy<unknown>[];
}

/**
 * Creates a pipeline of policies, `pipeline(outer, …, inner)`: each policy runs the next one inside it, and the
 * innermost one runs the operation.
 *
 * Recommended order: fallback, total timeout, retry, hedge, circuit breaker, rate limit, bulkhead, attempt timeout. With this
 * order the breaker sees every attempt, a rejected attempt holds no slot, and waiting for a slot does not use the time
 * of the attempt.
 *
 * The chain is built once. A pipeline is a policy, so pipelines can be nested. The cost per call is that of the
 * members.
 *
 * @throws InvalidOptionError if a member is not a policy or uses a different clock.
 * @example
 * ```ts
 * const policy = pipeline(timeout('10s'), retry(), circuitBreaker(), bulkhead({ maxConcurrent: 50 }), timeout('2s'));
 * const text = await policy.execute(async ({ signal }) => (await fetch('https://example.com', { signal })).text());
 * ```
 */
export function pipeline<const Policies extends readonly Policy<unknown>[]>(
  ...policies: Policies
): Pipeline<AddsOf<Policies[number]>> {
  return new PipelinePolicy<AddsOf<Policies[number]>>(policies);
}

class PipelinePolicy<Adds> extends BasePolicy<Adds> implements Pipeline<Adds> {
  readonly policies: readonly Policy<unknown>[];
  readonly #events = new Emitter<PipelineEvents>(EVENTS);
  readonly #chain: Next;
  #lastNext: Next = callOperation;
  #lastChain: Next;

  constructor(policies: readonly Policy<unknown>[]) {
    super('pipeline', sharedClock(policies));
    this.policies = Object.freeze([...policies]);
    this.#chain = this.bind(callOperation);
    this.#lastChain = this.#chain;
  }

  on<K extends keyof PipelineEvents>(type: K, listener: (event: PipelineEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  override shareRules(sibling: BasePolicy<unknown>): void {
    if (!(sibling instanceof PipelinePolicy)) return;
    for (const [index, policy] of this.policies.entries()) {
      const other = sibling.policies[index];
      if (policy instanceof BasePolicy && other instanceof BasePolicy) policy.shareRules(other);
    }
  }

  describe(): PolicyDescription {
    return { kind: 'pipeline', name: this.name, policies: this.policies.map((policy) => policy.describe()) };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    if (next === callOperation) return this.#chain(context);
    // As a member of a keyed family, the pipeline always runs in front of the same `next`.
    if (next !== this.#lastNext) {
      this.#lastNext = next;
      this.#lastChain = this.bind(next);
    }
    return this.#lastChain(context);
  }

  /** Returns the whole chain as one step in front of `next`. */
  bind(next: Next): Next {
    const chain = chainOf(this.policies, next);
    return (context) => (this.#isObserved() ? this.#observe(chain, context) : chain(context));
  }

  #isObserved(): boolean {
    return this.#events.has('success') || this.#events.has('failure');
  }

  async #observe(chain: Next, outer: PolicyContext): Promise<unknown> {
    const startedAt = this.clock.now();
    let attempts = 0;
    const call = asContext(outer);
    const context = call.calling((inner) => {
      attempts++;
      return call.operation(inner);
    });
    const report = (outcome: Outcome) =>
      this.#events.emit(isGood(outcome, context) ? 'success' : 'failure', {
        durationMs: this.clock.now() - startedAt,
        attempts,
        outcome,
      });
    try {
      const value = await chain(context);
      report({ ok: true, value });
      return value;
    } catch (error) {
      report({ ok: false, error });
      throw error;
    }
  }
}

/**
 * Whether an outcome is reported as a success. A value judged bad, such as a response with status 503, is a failure. An
 * error that `classify` throws must not change the call, so the value then counts as a success.
 */
function isGood(outcome: Outcome, context: PolicyContext): boolean {
  if (!outcome.ok) return false;
  try {
    const verdict = context.classify(outcome, context);
    return verdict === 'success' || verdict === 'ignore';
  } catch {
    return true;
  }
}

/** Builds the chain from the innermost policy outwards. Adjacent bracket policies become one step. */
function chainOf(policies: readonly Policy<unknown>[], next: Next): Next {
  /** For each member of the first bracket, the chain after it. */
  let rests: Next[] = [];
  let members: BracketPolicy<unknown>[] = [];
  return policies.reduceRight((rest, policy) => {
    if (!(policy instanceof BracketPolicy)) {
      [members, rests] = [[], []];
      return link(rest, policy);
    }
    [members, rests] = [
      [policy, ...members],
      [rest, ...rests],
    ];
    return bracket(members, rests);
  }, next);
}

/** Returns one policy in front of the rest of the chain. */
function link(next: Next, policy: Policy<unknown>): Next {
  if (policy instanceof PipelinePolicy) return policy.bind(next);
  if (policy instanceof BasePolicy) return (context) => policy.run(next, context);
  return (context) => runPolicy(policy, next, context);
}

function sharedClock(policies: readonly Policy<unknown>[]): Clock {
  let shared: Clock = anyClock;
  for (const policy of policies) {
    if (typeof policy?.run !== 'function') {
      throw new InvalidOptionError('pipeline', 'policies', 'must all be policies', policy);
    }
    if (isAnyClock(policy.clock)) continue;
    if (shared !== anyClock && !isSameClock(policy.clock, shared)) {
      const rule = `must all use the same clock, but ${formatValue(policy.name)} uses a different one`;
      throw new InvalidOptionError('pipeline', 'policies', rule, policy.clock);
    }
    shared = policy.clock;
  }
  return shared;
}
