/// <reference lib="esnext.disposable" preserve="true" />
import type { Outcome } from './outcome.js';

/**
 * A permit: the right to perform one operation. Release it when the operation is over; further releases have no effect.
 */
export interface Permit {
  /**
   * Releases the permit. The outcome is counted by policies that measure health, such as a circuit breaker; without an
   * outcome nothing is counted.
   */
  release(outcome?: Outcome): void;
  /** Releases the permit without an outcome, for `using`. */
  [Symbol.dispose](): void;
}

/** Creates a permit that calls `onRelease` once, on the first `release` or dispose. */
export function permit(onRelease: (outcome: Outcome | undefined) => void): Permit {
  let pending: typeof onRelease | undefined = onRelease;
  const release = (outcome?: Outcome): void => {
    const callback = pending;
    pending = undefined;
    callback?.(outcome);
  };
  return { release, [Symbol.dispose]: () => release() };
}
