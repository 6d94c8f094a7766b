import type { AbortScope } from '../core/abort-scope.js';
import type { Context, Next } from '../core/context.js';
import { rejectNextMicrotask } from '../core/context.js';
import { discardResponse } from '../core/discard-body.js';
import { InvalidOptionError } from '../core/errors.js';
import type { FaultPlan } from '../core/fault-plan.js';
import { checkName, readOptions } from '../core/options.js';
import type { ChaosRun } from './chaos-run.js';
import { FaultScript } from './fault-script.js';
import { refusedError, statusError } from './imitations.js';
import { chaosError, InjectionPolicy } from './injection-policies.js';

/** Options of `control.plan`. */
export interface PlanOptions {
  /** The name of the dependency in the plan: a string that is not empty. Faults without a target concern it too. */
  readonly target: string;
  /** The name of the policy in errors, events and descriptions. @defaultValue the name of the control */
  readonly name?: string | undefined;
}

/** Injects the faults of a plan. */
export class PlanPolicy extends InjectionPolicy {
  readonly #script: FaultScript;
  readonly #target: string;

  constructor(chaos: ChaosRun, plan: FaultPlan, options: PlanOptions) {
    const { name, maxDurationMs } = chaos.rules;
    const own = readOptions<PlanOptions>('plan', options, { target: undefined, name });
    super(chaos, 'plan', checkName('plan', own.name));
    this.#target = checkTarget('plan', own.target);
    this.#script = new FaultScript('plan', plan, maxDurationMs);
  }

  protected override inject(next: Next, context: Context): Promise<unknown> {
    const effect = this.#script.effectOn(this.#target, this.chaos);
    if (effect === undefined) return next(context);
    this.chaos.record(this.name, effect.kind, this.#target);
    switch (effect.fate) {
      case 'refused':
        return rejectNextMicrotask(chaosError(this.name, refusedError(this.#target)));
      case 'error':
        return rejectNextMicrotask(chaosError(this.name, statusError(this.#target, 500)));
      case 'no-request':
        return this.#neverSend(next, context);
      case 'no-answer':
        return deliverLate(this.chaos, () => next(context), context.scope, Infinity);
      case 'late':
        return deliverLate(this.chaos, () => next(context), context.scope, effect.by);
    }
  }

  /** Waits for the abort of the call. If the chaos ends before, the call proceeds as if nothing had happened. */
  async #neverSend(next: Next, context: Context): Promise<unknown> {
    await this.chaos.hold(context.scope, Infinity)?.done;
    return next(context);
  }

  protected override settings(): { readonly [setting: string]: unknown } {
    const script = this.#script;
    const target = this.#target;
    return { target, faults: script.countOf(target, true), ignoredFaults: script.countOf(target, false) };
  }
}

/** Returns the name of a target. @throws InvalidOptionError if it is no text. */
export function checkTarget(owner: string, target: string): string {
  if (typeof target === 'string' && target !== '') return target;
  throw new InvalidOptionError(owner, 'target', 'must be a string that is not empty', target);
}

/**
 * Runs something and delivers its result when `by` times its duration has passed. The result is discarded if the call is
 * aborted before. With `Infinity` it is delivered only if the chaos ends.
 */
export async function deliverLate<T>(
  chaos: ChaosRun,
  run: () => Promise<T>,
  scope: AbortScope | undefined,
  by: number,
): Promise<T> {
  const startedAt = chaos.clock.now();
  const wait = async (): Promise<void> => {
    const lateMs = by === Infinity ? Infinity : (by - 1) * (chaos.clock.now() - startedAt);
    await chaos.hold(scope, lateMs)?.done;
  };
  let value: T;
  try {
    value = await run();
  } catch (error) {
    await wait();
    throw error;
  }
  try {
    await wait();
  } catch (reason) {
    discardResponse(value);
    throw reason;
  }
  return value;
}
