/** What was asked for, in that order: a key log. */
export interface Trace {
  readonly name: string;
  /** Each request is the number of a key. */
  readonly requests: Int32Array;
  /** Each key once, in the order in which they first appear. */
  readonly keys: readonly Key[];
}

export type Key = string | number;

/** A log that grows as it is read: four bytes a request, and each key once. */
export class TraceBuilder {
  #requests = new Int32Array(1 << 16);
  #length = 0;
  readonly #keys: Key[] = [];
  readonly #numbers = new Map<Key, number>();

  get length(): number {
    return this.#length;
  }

  add(key: Key): void {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#keys.push(key) - 1;
      this.#numbers.set(key, number);
    }
    if (this.#length === this.#requests.length) {
      const longer = new Int32Array(2 * this.#length);
      longer.set(this.#requests);
      this.#requests = longer;
    }
    this.#requests[this.#length++] = number;
  }

  build(name: string): Trace {
    return { name, requests: this.#requests.subarray(0, this.#length), keys: this.#keys };
  }
}

export function traceOf(name: string, keys: Iterable<Key>): Trace {
  const builder = new TraceBuilder();
  for (const key of keys) builder.add(key);
  return builder.build(name);
}
