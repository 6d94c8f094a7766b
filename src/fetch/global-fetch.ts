import { InvalidOptionError } from '../core/errors.js';
import type { AnyFetch } from './fetch-call.js';

/** The instances that a call has come through, by the signal that the last one has given to the global fetch. */
const instancesBehind = new WeakMap<AbortSignal, readonly GlobalFetch[]>();

/**
 * The global `fetch`, looked up at each call so that it can be replaced, for tests for example. Also when it was replaced
 * by the very instance that sends through this: then requests go to the `fetch` that was global when it was made.
 */
export class GlobalFetch {
  readonly #original = globalThis.fetch as AnyFetch | undefined;
  #isCalling = false;

  /** The fetch that a call is to use. */
  forCall(signal: AbortSignal | null): AnyFetch {
    const current = globalThis.fetch as AnyFetch | undefined;
    if (current !== undefined && current === this.#original) return current;
    const behind = [...((signal && instancesBehind.get(signal)) ?? []), this];
    return (input, init) => {
      if (init?.signal) instancesBehind.set(init.signal, behind);
      return this.#call(globalThis.fetch as AnyFetch, input, init);
    };
  }

  /** The original fetch, for a call that has come back to the instance which sent it; undefined for any other call. */
  forReturningCall(signal: AbortSignal | null): AnyFetch | undefined {
    const isBack = this.#isCalling || (signal !== null && instancesBehind.get(signal)?.includes(this));
    if (!isBack) return undefined;
    if (this.#original !== undefined) return this.#original;
    const rule = 'is required, since there was no global fetch to use before this one became global';
    throw new InvalidOptionError('resilientFetch', 'fetch', rule, undefined);
  }

  /** A global fetch that calls the instance back at once is found out even if it has replaced the signal. */
  #call(fetch: AnyFetch, ...args: Parameters<AnyFetch>): Promise<Response> {
    this.#isCalling = true;
    try {
      return fetch(...args);
    } finally {
      this.#isCalling = false;
    }
  }
}
