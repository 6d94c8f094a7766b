import { InvalidOptionError } from '../core/errors.js';
import { checkMethods } from '../core/options.js';
import type { Policy } from '../core/policy.js';

/** A method of a class that returns a promise. */
type AsyncMethod = (...args: never[]) => Promise<unknown>;

/**
 * Returns a decorator that runs a method of a class under a policy. All instances of the class share the policy. It is a
 * standard decorator (stage 3), as TypeScript 5 compiles it without `experimentalDecorators`. Instance, static and
 * private methods can be decorated.
 *
 * @throws InvalidOptionError if `policy` is not a policy, or if anything but a method is decorated.
 * @example
 * ```ts
 * const policy = pipeline(retry(), timeout('2s'));
 *
 * class Users {
 *   @guarded(policy)
 *   async find(id: string): Promise<Response> {
 *     return fetch(`https://example.com/users/${id}`);
 *   }
 * }
 * ```
 */
export function guarded(policy: Policy): <F extends AsyncMethod>(method: F, context: ClassMethodDecoratorContext) => F {
  checkMethods('guarded', 'policy', policy, ['execute', 'wrap']);
  return (method, context) => {
    if (typeof context !== 'object' || context.kind !== 'method' || typeof method !== 'function') {
      const rule = 'must decorate a method, by a standard decorator (without experimentalDecorators)';
      throw new InvalidOptionError('guarded', 'context', rule, context);
    }
    return policy.wrap(method);
  };
}
