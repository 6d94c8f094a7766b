import { BracketPolicy, bracket } from '../core/bracket-policy.js';
import { anyClock, type Clock, isAnyClock, isSameClock } from '../core/clock.js';
import { asContext, callOperation, type Next, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { formatValue } from '../core/inspect.js';
import type { Outcome } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription, runPolicy } from '../core/policy.js';

export interface PipelineEvents {
  /** The call ended with a value that is not judged bad. */
  success: PipelineEvent;
  /** The call ended with an error, or with a value judged `failure` or `permanent`. */
  failure: PipelineEvent;
}

export interface PipelineEvent {
  /** From the call to its settling. */
  readonly durationMs: number;
  /** How many times the operation was called; 0 when a policy refused before. */
  readonly attempts: number;
  readonly outcome: Outcome;
}

/** What a policy adds to the answers of an operation. */
export type AddsOf<P> = P extends Policy<infer Adds> ? Adds : never;

export interface Pipeline<out Adds = never> extends Policy<Adds>, Observable<PipelineEvents> {
  /** The members, outermost first. */
  readonly policies: readonly Policy<unknown>[];
}

/**
 * Policies around each other, `pipeline(outer, …, inner)`: each sees what the next one inside answers.
 *
 * Recommended order: fallback, total timeout, retry, circuit breaker, rate limit, bulkhead, attempt timeout. So the
 * breaker sees every try, a refused try holds no slot, and waiting for a slot does not use up the try's own time.
 *
 * The chain is built once; a call walks it. A pipeline is a policy, and may stand in another one.
 *
 * @throws InvalidOptionError for members that are no policies or do not share one clock.
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
  readonly #events = new Emitter<PipelineEvents>();
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
    // As a member of a family it is run by hand, always in front of the same rest.
    if (next !== this.#lastNext) {
      this.#lastNext = next;
      this.#lastChain = this.bind(next);
    }
    return this.#lastChain(context);
  }

  /** The whole chain as one step in front of `next`. */
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

/** A bad value counts as a failure, a response of 503 for instance. Watching must not change what is watched. */
function isGood(outcome: Outcome, context: PolicyContext): boolean {
  if (!outcome.ok) return false;
  try {
    const verdict = context.classify(outcome, context);
    return verdict === 'success' || verdict === 'ignore';
  } catch {
    return true;
  }
}

/** Built from the inside out. Members next to each other that are brackets become one step. */
function chainOf(policies: readonly Policy<unknown>[], next: Next): Next {
  /** For each member of the bracket in front of the chain, what follows it. */
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

/** One member in front of the rest. */
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
      const rule = `must share one clock, but ${formatValue(policy.name)} has another one`;
      throw new InvalidOptionError('pipeline', 'policies', rule, policy.clock);
    }
    shared = policy.clock;
  }
  return shared;
}
