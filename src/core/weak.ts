/** Some runtimes (older Workers, Hermes) have neither `WeakRef` nor `FinalizationRegistry`. There, objects are kept alive. */

/** A weak reference; a strong one where the runtime has no weak ones. */
export function weakly<T extends object>(target: T): Pick<WeakRef<T>, 'deref'> {
  return typeof WeakRef === 'undefined' ? { deref: () => target } : new WeakRef(target);
}

/** Calls back for what was collected as garbage; never where the runtime does not report that. */
export function whenCollected<H>(
  callback: (held: H) => void,
): Pick<FinalizationRegistry<H>, 'register' | 'unregister'> {
  if (typeof FinalizationRegistry === 'undefined') return { register() {}, unregister: () => false };
  return new FinalizationRegistry(callback);
}
