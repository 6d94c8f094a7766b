interface Node {
  readonly name: string;
  active: number; // calls in flight
}

/**
 * Power of two choices (Mitzenmacher, 2001): draw two different nodes and take the one with fewer calls in flight. With
 * n calls on n nodes the longest queue is about log log n instead of log n / log log n for one random choice. Taking
 * the least loaded of all would send every client that reads the same counters to the same node at once. O(1) per pick.
 */
export class PowerOfTwoChoices {
  readonly #nodes: readonly Node[];

  constructor(
    names: Iterable<string>,
    readonly random: () => number = Math.random,
  ) {
    this.#nodes = Array.from(names, (name) => ({ name, active: 0 }));
  }

  /** Returns a node and a function to call when the call to it has ended. */
  acquire(): { readonly node: string; readonly release: () => void } {
    const node = this.#pick();
    node.active++;
    return { node: node.name, release: () => node.active-- };
  }

  #pick(): Node {
    const count = this.#nodes.length;
    if (count === 1) return this.#nodes[0]!;
    const first = Math.floor(this.random() * count);
    const other = Math.floor(this.random() * (count - 1));
    const second = other < first ? other : other + 1; // one of the others, each equally likely
    const [a, b] = [this.#nodes[first]!, this.#nodes[second]!];
    return b.active < a.active ? b : a;
  }
}
