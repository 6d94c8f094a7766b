/// <reference lib="esnext.disposable" preserve="true" />
import type { Outcome } from './outcome.js';

/** The right to one piece of work, taken from a gate. Give it back once the work is done; a second time does nothing. */
export interface Permit {
  /** How the work ended, for gates that learn from it; without an outcome they learn nothing. */
  release(outcome?: Outcome): void;
  [Symbol.dispose](): void;
}

/** A permit that is given back once, whatever is called how often. */
export function permit(giveBack: (outcome: Outcome | undefined) => void): Permit {
  let pending: typeof giveBack | undefined = giveBack;
  const release = (outcome?: Outcome): void => {
    const give = pending;
    pending = undefined;
    give?.(outcome);
  };
  return { release, [Symbol.dispose]: () => release() };
}
