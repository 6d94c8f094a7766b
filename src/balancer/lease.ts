/// <reference lib="esnext.disposable" preserve="true" />
import type { Outcome } from '../core/outcome.js';

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
  /** How the call ended, from which the balancer learns; without an outcome it learns nothing. */
  release(outcome?: Outcome): void;
  [Symbol.dispose](): void;
}
