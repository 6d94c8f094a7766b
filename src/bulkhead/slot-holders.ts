import { RequestLife } from '../core/request-life.js';

/**
 * The calls that hold a slot, where timers belong to requests. A request that is cancelled there runs no more code, so
 * it does not give its slot back.
 */
export class SlotHolders {
  readonly #release: () => void;
  readonly #holders = new Map<() => void, RequestLife>();

  /** @param release - gives one slot back. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Registers the current request as the holder of a slot. Returns a function that gives the slot back, once. */
  add(): () => void {
    const life = new RequestLife();
    const release = (): void => {
      if (!this.#holders.delete(release)) return;
      life.end();
      this.#release();
    };
    this.#holders.set(release, life);
    return release;
  }

  /** Gives back the slots of requests that have ended. O(slots). */
  releaseLost(): void {
    for (const [release, life] of this.#holders) if (life.isOver) release();
  }
}
