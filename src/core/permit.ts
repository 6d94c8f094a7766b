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
  return new OneTimePermit(onRelease);
}

/** A class, since an object literal with a symbol among its keys costs V8 several times as much. */
class OneTimePermit implements Permit {
  #onRelease: ((outcome: Outcome | undefined) => void) | undefined;

  constructor(onRelease: (outcome: Outcome | undefined) => void) {
    this.#onRelease = onRelease;
  }

  /** A field, so that it can be passed on as a callback. */
  readonly release = (outcome?: Outcome): void => {
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.(outcome);
  };

  [Symbol.dispose](): void {
    this.release();
  }
}
