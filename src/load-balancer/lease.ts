/// <reference lib="esnext.disposable" preserve="true" />
import type { CallContext } from '../core/call-context.js';
import type { Outcome } from '../core/outcome.js';
import { type AttemptSettings, endDispatch } from './attempts.js';
import type { Dispatch } from './dispatcher.js';

/**
 * The right to make one call to a node. The caller must release it when the call has ended, with its outcome: the
 * balancer can only exclude a node if it knows the node's failures. Further releases have no effect.
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
  /** The name of the node to call. */
  readonly node: string;
  /**
   * Releases the node. If an outcome is passed, the balancer records it. The method does not use `this`, so it can be
   * destructured: `const { node, release } = balancer.acquire()`.
   */
  release(outcome?: Outcome): void;
  /** Calls `release` without an outcome. */
  [Symbol.dispose](): void;
}

/** A class instead of closures over the call: a lease costs half as much (benchmark `balancer-lease`). */
export class HeldLease implements Lease {
  readonly node: string;
  #dispatch: Dispatch | undefined;
  readonly #settings: AttemptSettings;
  readonly #context: CallContext;

  /** @param context - The context in which the outcome is classified, because a lease does not belong to a call. */
  constructor(dispatch: Dispatch, settings: AttemptSettings, context: CallContext) {
    this.node = dispatch.node;
    this.#dispatch = dispatch;
    this.#settings = settings;
    this.#context = context;
  }

  /** A field, so that it can be destructured. It is the only closure of a lease. */
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
