import { anyClock, type Clock, checkClock } from './clock.js';
import { checkContexts, type Next, type PolicyContext } from './context.js';
import { InvalidOptionError } from './errors.js';
import { checkFunction, checkName, checkOptionalFunction, readOptions } from './options.js';
import { BasePolicy, type Policy, type PolicyDescription } from './policy.js';

/** The definition of a policy for `definePolicy`. */
export interface PolicyDefinition {
  /** The name of the policy in errors and descriptions: a string that is not empty. Required. */
  readonly name: string;
  /**
   * Runs one step of a pipeline. Calls `next(context)` any number of times, or not at all. To wait for something else,
   * use `context.sleep` and `context.wait`: they reject immediately when the call is aborted.
   */
  run(next: Next, context: PolicyContext): Promise<unknown>;
  /** Returns the settings of the policy, for `explain` and telemetry. @defaultValue no settings */
  readonly describe?: (() => { readonly [setting: string]: unknown }) | undefined;
  /**
   * The clock of the policy. Set it only if `run` reads a clock: the pipeline must then use the same clock.
   * @defaultValue none
   */
  readonly clock?: Clock | undefined;
}

/**
 * Creates a policy from one function. Use it for behaviour that no built-in policy has. `Adds` is the type of values
 * that the policy itself may return in addition to those of the operation. Costs one async function per call.
 *
 * @throws InvalidOptionError if `name` or `run` is missing, or an option has the wrong type.
 * @example
 * ```ts
 * const logged = definePolicy({
 *   name: 'logged',
 *   async run(next, context) {
 *     try {
 *       return await next(context);
 *     } catch (error) {
 *       if (!context.aborted) console.error('attempt', context.attempt, 'failed:', error);
 *       throw error;
 *     }
 *   },
 * });
 * await logged.execute(() => fetch('https://example.com'));
 * ```
 */
export function definePolicy<Adds = never>(definition: PolicyDefinition): Policy<Adds> {
  return new DefinedPolicy<Adds>(definition);
}

function checkRequiredName(owner: string, name: string | undefined): string {
  if (name === undefined) throw new InvalidOptionError(owner, 'name', 'is required', name);
  return checkName(owner, name);
}

class DefinedPolicy<Adds> extends BasePolicy<Adds> {
  readonly #run: PolicyDefinition['run'];
  readonly #describe: NonNullable<PolicyDefinition['describe']>;

  constructor(definition: PolicyDefinition) {
    const owner = 'definePolicy';
    const own = readOptions(owner, definition, {
      name: undefined,
      run: undefined,
      describe: undefined,
      clock: undefined,
    });
    super(checkRequiredName(owner, own.name), own.clock === undefined ? anyClock : checkClock(owner, own.clock));
    this.#run = checkFunction(owner, 'run', own.run);
    this.#describe = checkOptionalFunction(owner, 'describe', own.describe) ?? (() => ({}));
  }

  async run(next: Next, context: PolicyContext): Promise<unknown> {
    return this.#run(checkContexts(next), context);
  }

  describe(): PolicyDescription {
    return { ...this.#describe(), kind: 'custom', name: this.name };
  }
}
