/// <reference lib="esnext.disposable" preserve="true" />
import type { CallContext } from '../core/call-context.js';
import type { Outcome } from '../core/outcome.js';
import { type AttemptSettings, endDispatch } from './attempts.js';
import type { Dispatch } from './dispatcher.js';

/**
 * The right to one call to a node. Give it back when the call has ended, whatever its end, and say how: a node whose failures
 * are kept from the balancer is never left out. A second time does nothing.
 *
 * @example
 * ```ts
 * const balancer = new LoadBalancer(['http://10.0.0.1:8080', 'http://10.0.0.2:8080'], { outlier: {} });
 * using lease = balancer.acquire();
 * try {
 *   const value = await (await fetch(`${lease.node}/users`)).json();
 *   lease.release({ ok: true, value });
 * } catch (error) {
 *   lease.release({ ok: false, error });
 *   throw error;
 * }
 * ```
 */
export interface Lease {
  readonly node: string;
  /**
   * Frees the node. The balancer learns from the outcome, if one is given, how the call ended. Works as a function by
   * itself: `const { node, release } = balancer.acquire()`.
   */
  release(outcome?: Outcome): void;
  [Symbol.dispose](): void;
}

/** A class rather than closures over the call: a lease costs half as much (the bench `balancer-lease`). */
export class HeldLease implements Lease {
  readonly node: string;
  #dispatch: Dispatch | undefined;
  readonly #settings: AttemptSettings;
  readonly #context: CallContext;

  /** @param context - what the outcome is judged in, since a lease belongs to no call. */
  constructor(dispatch: Dispatch, settings: AttemptSettings, context: CallContext) {
    this.node = dispatch.node;
    this.#dispatch = dispatch;
    this.#settings = settings;
    this.#context = context;
  }

  /** A field, so that it may be taken off the lease: the one closure of a lease. */
  readonly release = (outcome?: Outcome): void => {
    const dispatch = this.#dispatch;
    this.#dispatch = undefined;
    if (dispatch === undefined) return;
    if (outcome === undefined) dispatch.end(undefined);
    else endDispatch(this.#settings, dispatch, outcome, this.#context);
  };

  [Symbol.dispose](): void {
    this.release();
  }
}
