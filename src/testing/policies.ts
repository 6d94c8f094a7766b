/// <reference lib="esnext.disposable" preserve="true" />
import { definePolicy } from '../core/define-policy.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Policy } from '../core/policy.js';

/**
 * Returns a policy that only runs the operation: a stand-in for a policy that a test does not need. It can be a member
 * of a pipeline with any clock.
 *
 * @example
 * ```ts
 * const service = { policy: passThrough(), load: () => 'loaded' };
 * console.log(await service.policy.execute(service.load)); // loaded
 * ```
 */
export function passThrough(): Policy {
  return definePolicy({ name: 'passThrough', run: (next, context) => next(context) });
}

/** The part of a circuit breaker that forces it open. */
interface CanIsolate {
  isolate(): Disposable;
}

/**
 * Forces all circuit breakers of a policy open, also those inside pipelines, and those that a keyed family has created so
 * far. Every call is then rejected with CircuitOpenError, until the result is disposed. The breakers then return to their
 * previous states.
 *
 * @throws InvalidOptionError if the policy contains no circuit breaker.
 * @example
 * ```ts
 * const policy = pipeline(fallback('cached'), circuitBreaker());
 * const outage = forceOpen(policy);
 * console.log(await policy.execute(() => 'fresh')); // cached
 * outage[Symbol.dispose]();
 * console.log(await policy.execute(() => 'fresh')); // fresh
 * ```
 */
export function forceOpen(policy: Policy<unknown>): Disposable {
  const breakers = [...breakersOf(policy)];
  if (breakers.length === 0) {
    throw new InvalidOptionError('forceOpen', 'policy', 'must contain a circuit breaker', policy);
  }
  const isolations = breakers.map((breaker) => breaker.isolate());
  return {
    [Symbol.dispose]: () => {
      for (const isolation of isolations) isolation[Symbol.dispose]();
    },
  };
}

interface Composite {
  readonly policies?: readonly Policy<unknown>[];
  keys?(): Iterable<string>;
  for?(key: string): Policy<unknown>;
}

function* breakersOf(policy: Policy<unknown>): Generator<CanIsolate> {
  if (typeof policy !== 'object' || policy === null) return;
  if (typeof (policy as Partial<CanIsolate>).isolate === 'function') yield policy as Policy<unknown> & CanIsolate;
  const composite = policy as Composite;
  for (const member of composite.policies ?? []) yield* breakersOf(member);
  if (typeof composite.keys !== 'function' || typeof composite.for !== 'function') return;
  for (const key of composite.keys()) yield* breakersOf(composite.for(key));
}
