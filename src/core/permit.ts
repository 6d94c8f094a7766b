/// <reference lib="esnext.disposable" preserve="true" />
import type { Outcome } from './outcome.js';

/** The right to one piece of work, taken from a gate. Give it back once the work is done; a second time does nothing. */
export interface Permit {
  /** How the work ended, for gates that learn from it; without an outcome they learn nothing. */
  release(outcome?: Outcome): void;
  [Symbol.dispose](): void;
}
