import { checkFunction } from '../../core/options.js';

/**
 * Asks a node whether it is well: it is unless this throws, rejects or answers `false`. Stop at once when the signal aborts:
 * the next check of the node does not begin before this one has settled.
 */
export type HealthCheck = (node: string, context: { readonly signal: AbortSignal }) => unknown;

/**
 * A check of your own. It is the function itself, checked.
 *
 * @throws InvalidOptionError when it is no function.
 * @example
 * ```ts
 * const check = customCheck(async (node, { signal }) => {
 *   const response = await fetch(`${node}/stats`, { signal });
 *   const { queueLength } = (await response.json()) as { queueLength: number };
 *   return queueLength < 1000;
 * });
 * ```
 */
export function customCheck(check: HealthCheck): HealthCheck {
  return checkFunction('customCheck', 'check', check);
}
