import { InvalidOptionError } from '../core/errors.js';
import { requireGlobal } from '../core/require-global.js';
import { sharedWeakMap } from '../core/shared-map.js';
import type { AnyFetch } from './fetch-call.js';

/**
 * The instances that a call has passed through, by the signal that the last of them has passed to the global fetch. They
 * may belong to several copies of the package.
 */
let instancesBySignal: WeakMap<AbortSignal, readonly unknown[]> | undefined;

function callsBySignal(): WeakMap<AbortSignal, readonly unknown[]> {
  instancesBySignal ??= sharedWeakMap('global-fetch');
  return instancesBySignal;
}

/**
 * The global `fetch`, read at each call so that it can be replaced, for example in tests. The global `fetch` may be the
 * instance that uses this object. In that case requests are sent with the `fetch` that was global when the instance was
 * created.
 */
export class GlobalFetch {
  readonly #original = globalThis.fetch as AnyFetch | undefined;
  #isCalling = false;

  /** Returns the fetch function for a call. */
  forCall(signal: AbortSignal | null): AnyFetch {
    const current = requireGlobal('fetch') as AnyFetch;
    if (current === this.#original) return current;
    const instances = [...((signal && callsBySignal().get(signal)) ?? []), this];
    return (input, init) => {
      if (init?.signal) callsBySignal().set(init.signal, instances);
      return this.#call(globalThis.fetch as AnyFetch, input, init);
    };
  }

  /**
   * Returns the original fetch for a call that has come back to the instance that sent it; undefined for any other
   * call.
   */
  forRecursiveCall(signal: AbortSignal | null): AnyFetch | undefined {
    const isRecursive = this.#isCalling || (signal !== null && callsBySignal().get(signal)?.includes(this));
    if (!isRecursive) return undefined;
    if (this.#original !== undefined) return this.#original;
    const rule = 'is required: there was no global fetch when this instance was created';
    throw new InvalidOptionError('resilientFetch', 'fetch', rule, undefined);
  }

  /** Calls the global fetch. A synchronous call back to this instance is recognised even if it has another signal. */
  #call(fetch: AnyFetch, ...args: Parameters<AnyFetch>): Promise<Response> {
    this.#isCalling = true;
    try {
      return fetch(...args);
    } finally {
      this.#isCalling = false;
    }
  }
}
