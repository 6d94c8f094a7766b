import { RequestLife } from '../core/request-life.js';

/**
 * The calls that hold a slot, where timers belong to requests. A request that is cancelled there runs no more code, so
 * it does not release its slot.
 */
export class SlotHolders {
  readonly #release: () => void;
  readonly #holders = new Map<() => void, RequestLife>();

  /** @param release - releases one slot. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Registers the current request as the holder of a slot. Returns a function that releases the slot, once. */
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

  /** Releases the slots of requests that have ended. O(slots). */
  releaseLost(): void {
    for (const [release, life] of this.#holders) if (life.isOver) release();
  }
}
