import { type AmbientContext, type AmbientSlot, ambientSlot, setAmbientSlot } from '../core/ambient.js';

/** The part of `AsyncLocalStorage` that is used. */
interface Storage {
  getStore(): AmbientContext | undefined;
  run<T>(store: AmbientContext | undefined, fn: () => T): T;
}

interface NodeProcess {
  getBuiltinModule?(name: 'node:async_hooks'): { readonly AsyncLocalStorage: new () => Storage } | undefined;
}

/**
 * Returns the function in the ambient slot, and creates it on first use. `AsyncLocalStorage` is not imported, because
 * `breakwater/http-server` also runs where that module does not exist.
 *
 * @throws TypeError if the runtime has no `AsyncLocalStorage`.
 */
export function requireAmbientSlot(): AmbientSlot {
  const existing = ambientSlot();
  if (existing !== undefined) return existing;
  const { process } = globalThis as unknown as { readonly process?: NodeProcess };
  const hooks = process?.getBuiltinModule?.('node:async_hooks');
  if (hooks === undefined) {
    throw new TypeError(
      'This runtime has no process.getBuiltinModule("node:async_hooks"), which a request context needs. ' +
        'In Cloudflare Workers, set the compatibility flag nodejs_compat',
    );
  }
  const storage = new hooks.AsyncLocalStorage();
  const slot: AmbientSlot = Object.assign(() => storage.getStore(), {
    run: <T>(context: AmbientContext | undefined, fn: () => T): T => storage.run(context, fn),
  });
  setAmbientSlot(slot);
  return slot;
}
