import { checkFunction } from '../../core/options.js';

/**
 * Checks the health of a node. The node is healthy unless the function throws, rejects or returns `false`. When the
 * signal is aborted, the function should end immediately, because the next check of the node waits until it has
 * settled.
 */
export type HealthCheck = (node: string, context: { readonly signal: AbortSignal }) => unknown;

/**
 * Creates a health check from a function. It returns the function itself, after checking its type.
 *
 * @throws InvalidOptionError if `check` is not a function.
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
