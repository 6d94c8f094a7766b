/**
 * Writes whose time was over before the store had ended them: it may still do them, after whatever comes later. Their keys
 * are not to be relied on before each has ended, and its key has been deleted once more.
 */
export class TimedOutWrites {
  /** How many of each key. */
  readonly #keys = new Map<string, number>();

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * @param write - never rejects.
   * @param undo - called when the write has ended, whichever way. Never rejects.
   */
  async track(key: string, write: Promise<unknown>, undo: () => Promise<unknown>): Promise<void> {
    this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    await write;
    const others = (this.#keys.get(key) ?? 1) - 1;
    const undone = undo(); // which puts the key in doubt before this lets go of it
    if (others === 0) this.#keys.delete(key);
    else this.#keys.set(key, others);
    await undone;
  }
}
