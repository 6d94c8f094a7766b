import type { CallContext, Operation } from '../core/call-context.js';
import { type Clock, isAnyClock, isSameClock } from '../core/clock.js';
import { asContext, invoke, type Next, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkMethods } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription, runPolicy } from '../core/policy.js';
import type { Attempts } from './attempts.js';

/** The context of an operation, with the node to call. */
export interface NodeContext extends CallContext {
  /** The name of the node to call. */
  readonly node: string;
}

/** One call: a policy around its attempts. Each attempt gets its own node. */
export class BalancedCall extends BasePolicy {
  readonly #attempts: Attempts;
  readonly #around: Policy<unknown> | undefined;

  constructor(name: string, clock: Clock, attempts: Attempts, around: Policy<unknown> | undefined) {
    super(name, clock);
    this.#attempts = attempts;
    this.#around = around && checkPolicy(name, around, clock);
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    const attempt: Next = (inner) => this.#attempt(next, inner);
    return this.#around === undefined ? attempt(context) : runPolicy(this.#around, attempt, context);
  }

  async #attempt(next: Next, context: PolicyContext): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the abort reason and does not start the operation
    const dispatch = this.#attempts.begin(context.key);
    const call = asContext(context);
    const { operation } = call;
    const withNode: Operation = (inner) => operation(new CallToNode(inner, dispatch.node));
    let value: unknown;
    try {
      value = await invoke(next, call.calling(withNode));
    } catch (error) {
      this.#attempts.end(dispatch, { ok: false, error }, context);
      throw error;
    }
    this.#attempts.end(dispatch, { ok: true, value }, context);
    return value;
  }

  describe(): PolicyDescription {
    return { kind: 'loadBalancer', name: this.name };
  }
}

function checkPolicy(name: string, policy: Policy<unknown>, clock: Clock): Policy<unknown> {
  checkMethods(name, 'policy', policy, ['run']);
  if (isAnyClock(policy.clock) || isSameClock(policy.clock, clock)) return policy;
  throw new InvalidOptionError(name, 'policy', 'must use the clock of the balancer', policy.clock);
}

/** Delegates to the context of the call, so that its signal is only created when it is read. */
class CallToNode implements NodeContext {
  readonly node: string;
  readonly #call: CallContext;

  constructor(call: CallContext, node: string) {
    this.#call = call;
    this.node = node;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get attempt(): number {
    return this.#call.attempt;
  }

  get hedge(): number {
    return this.#call.hedge;
  }

  get deadline(): number {
    return this.#call.deadline;
  }

  get priority(): number {
    return this.#call.priority;
  }

  get key(): string | undefined {
    return this.#call.key;
  }
}
