import { type LostWrite, LostWritesError } from '../core/errors.js';

/** The one closing for which everybody waits who closes, and what was lost since it began. */
export class Closing<K, V> {
  readonly promise: Promise<void>;
  readonly lost: LostWrite<K, V>[] = [];
  /** Its time was over before all was written. */
  isGivenUp = false;
  readonly #name: string;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(name: string) {
    this.#name = name;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(): void {
    if (this.lost.length === 0) this.#resolve();
    else this.#reject(new LostWritesError({ policy: this.#name, lost: this.lost }));
  }
}
