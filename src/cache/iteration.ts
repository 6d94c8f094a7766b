import { weakly } from '../core/weak.js';

/** What an iteration needs of a table. */
interface Iterated<K> {
  /** All slots in order; not used any more after a change. */
  slots(): Iterable<number>;
  keyOf(slot: number): K;
  /** The slot of an entry that is there, or 0. */
  find(key: K): number;
}

/**
 * An iteration over the entries that are there when it begins, in the order of that moment.
 *
 * It follows the order itself, so that its first entry costs no copy of all keys. The table calls `detach` before the
 * first change of the order; the keys that are left are copied then, once, and looked up one by one.
 */
export class Iteration<K> {
  readonly #table: Iterated<K>;
  readonly #slots: Iterator<number>;
  /** The keys that are left, the next one last, once they are copied. */
  #keys: K[] | undefined = undefined;

  constructor(table: Iterated<K>) {
    this.#table = table;
    this.#slots = table.slots()[Symbol.iterator]();
  }

  /** Copies the keys that are left. */
  detach(): void {
    if (this.#keys !== undefined) return;
    const keys: K[] = [];
    for (let next = this.#slots.next(); next.done !== true; next = this.#slots.next()) {
      keys.push(this.#table.keyOf(next.value));
    }
    this.#keys = keys.reverse();
  }

  /** Returns the slot of the next entry that is still there, or 0 at the end. */
  next(): number {
    for (;;) {
      let key: K;
      if (this.#keys === undefined) {
        const next = this.#slots.next();
        if (next.done === true) return 0;
        key = this.#table.keyOf(next.value);
      } else {
        if (this.#keys.length === 0) return 0;
        key = this.#keys.pop() as K;
      }
      const slot = this.#table.find(key);
      if (slot !== 0) return slot;
    }
  }
}

type Reference = Pick<WeakRef<Pick<Iteration<unknown>, 'detach'>>, 'deref'>;

/** How many references are kept at least before those to abandoned iterations are looked for. */
const FEW = 16;

/** The iterations that follow the order of a table. It does not hold on to those that their users have abandoned. */
export class OpenIterations {
  #references = new Set<Reference>();
  #most = FEW;

  /** Returns what `delete` takes. */
  add<K>(iteration: Iteration<K>): Reference {
    if (this.#references.size >= this.#most) {
      this.#references = new Set([...this.#references].filter((one) => one.deref() !== undefined));
      this.#most = Math.max(FEW, 2 * this.#references.size); // O(1) an iteration, on average
    }
    const reference = weakly(iteration);
    this.#references.add(reference);
    return reference;
  }

  delete(reference: Reference): void {
    this.#references.delete(reference);
  }

  /** Before the order changes. */
  detachAll(): void {
    for (const reference of this.#references) reference.deref()?.detach();
    this.#references.clear();
  }
}
