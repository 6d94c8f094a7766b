/**
 * Some runtimes (older Workers, Hermes) lack `WeakRef` and `FinalizationRegistry`. On these, objects are kept alive.
 */

/** Returns a weak reference; a strong one if the runtime has no weak ones. */
export function weakly<T extends object>(target: T): Pick<WeakRef<T>, 'deref'> {
  return typeof WeakRef === 'undefined' ? { deref: () => target } : new WeakRef(target);
}

/**
 * Returns a registry that calls back when a registered object was garbage-collected. Never calls back if the runtime
 * does not report that.
 */
export function whenCollected<H>(
  callback: (held: H) => void,
): Pick<FinalizationRegistry<H>, 'register' | 'unregister'> {
  if (typeof FinalizationRegistry === 'undefined') return { register() {}, unregister: () => false };
  return new FinalizationRegistry(callback);
}
