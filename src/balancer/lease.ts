/// <reference lib="esnext.disposable" preserve="true" />
import type { Outcome } from '../core/outcome.js';

/**
 * The right to one call to a node. Give it back when the call has ended, whatever its end; a second time does nothing.
 *
 * @example
 * ```ts
 * using lease = balancer.acquire();
 * const response = await fetch(`${lease.node}/users`);
 * lease.release({ ok: true, value: response });
 * ```
 */
export interface Lease {
  readonly node: string;
  /** How the call ended, from which the balancer learns; without an outcome it learns nothing. */
  release(outcome?: Outcome): void;
  [Symbol.dispose](): void;
}
