import { type LostWrite, LostWritesError } from '../core/errors.js';

interface FlushWait<K, V> {
  /** For each key what must be in the store, that or a later one. */
  readonly numbers: Map<K, number>;
  readonly lost: LostWrite<K, V>[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait for writes to be in the store. */
export class FlushWaits<K, V> {
  readonly #name: string;
  readonly #waits = new Set<FlushWait<K, V>>();

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws LostWritesError (rejection) */
  wait(numbers: Map<K, number>): Promise<void> {
    if (numbers.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waits.add({ numbers, lost: [], resolve, reject }));
  }

  written(key: K, number: number): void {
    this.#tick(key, number, undefined);
  }

  lost(write: LostWrite<K, V>, number: number): void {
    this.#tick(write.key, number, write);
  }

  #tick(key: K, number: number, lost: LostWrite<K, V> | undefined): void {
    for (const wait of this.#waits) {
      if (number < (wait.numbers.get(key) ?? Infinity)) continue;
      wait.numbers.delete(key);
      if (lost !== undefined) wait.lost.push(lost);
      if (wait.numbers.size === 0) this.#end(wait);
    }
  }

  #end(wait: FlushWait<K, V>): void {
    this.#waits.delete(wait);
    if (wait.lost.length === 0) wait.resolve();
    else wait.reject(new LostWritesError({ policy: this.#name, lost: wait.lost }));
  }
}

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
