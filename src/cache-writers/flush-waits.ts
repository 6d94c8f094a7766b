import { type LostWrite, LostWritesError } from '../core/errors.js';

interface FlushWait<K, V> {
  /** For each key, the number of the write that must be in the store, that one or a later one. */
  readonly numbers: Map<K, number>;
  readonly lost: LostWrite<K, V>[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The `flush` calls that wait for writes to reach the store. */
export class FlushWaits<K, V> {
  readonly #name: string;
  readonly #waits = new Set<FlushWait<K, V>>();

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws LostWritesError (as a rejection) */
  wait(numbers: Map<K, number>): Promise<void> {
    if (numbers.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waits.add({ numbers, lost: [], resolve, reject }));
  }

  written(key: K, number: number): void {
    this.#update(key, number, undefined);
  }

  lost(write: LostWrite<K, V>, number: number): void {
    this.#update(write.key, number, write);
  }

  #update(key: K, number: number, lost: LostWrite<K, V> | undefined): void {
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

/** The state of closing, shared by all callers of `close`: its promise, and the writes lost since the first call. */
export class Closing<K, V> {
  readonly promise: Promise<void>;
  readonly lost: LostWrite<K, V>[] = [];
  /** Whether the timeout of `close` ended before all writes were in the store. */
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
