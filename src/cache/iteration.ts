import { weakly } from '../core/weak.js';

/** The part of a table that an iteration uses. */
interface Iterated<K> {
  /** Returns all slots in order; must not be used after a change. */
  slots(): Iterable<number>;
  keyOf(slot: number): K;
  /** Returns the slot of an entry that has not expired, or 0. */
  find(key: K): number;
}

/**
 * An iteration over the entries that are present when it begins, in the order of that moment.
 *
 * It follows the order itself, so that the first entry does not cost a copy of all keys. The table calls `detach`
 * before the first change of the order. The remaining keys are then copied once and looked up one by one.
 */
export class Iteration<K> {
  readonly #table: Iterated<K>;
  readonly #slots: Iterator<number>;
  /** The remaining keys in reverse order, once they have been copied. */
  #keys: K[] | undefined = undefined;

  constructor(table: Iterated<K>) {
    this.#table = table;
    this.#slots = table.slots()[Symbol.iterator]();
  }

  /** Copies the remaining keys. */
  detach(): void {
    if (this.#keys !== undefined) return;
    const keys: K[] = [];
    for (let next = this.#slots.next(); next.done !== true; next = this.#slots.next()) {
      keys.push(this.#table.keyOf(next.value));
    }
    this.#keys = keys.reverse();
  }

  /** Returns the slot of the next entry that is still present, or 0 at the end. */
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

/** The number of references from which `add` looks for abandoned iterations. */
const FEW = 16;

/** The open iterators that read the eviction order of a table directly. They are held weakly, so that abandoned ones can be collected. */
export class OpenIterations {
  #references = new Set<Reference>();
  #most = FEW;

  /** Adds an iteration and returns its reference, for `delete`. */
  add<K>(iteration: Iteration<K>): Reference {
    if (this.#references.size >= this.#most) {
      this.#references = new Set([...this.#references].filter((one) => one.deref() !== undefined));
      this.#most = Math.max(FEW, 2 * this.#references.size); // amortized O(1) per iteration
    }
    const reference = weakly(iteration);
    this.#references.add(reference);
    return reference;
  }

  delete(reference: Reference): void {
    this.#references.delete(reference);
  }

  /** Detaches all iterations. Must be called before the order changes. */
  detachAll(): void {
    for (const reference of this.#references) reference.deref()?.detach();
    this.#references.clear();
  }
}
