/**
 * Maglev hashing (Eisenbud et al., 2016): a lookup is one read from a table of prime size. The nodes fill the table in
 * turn, each in a pseudo-random order of its own, so all get equally many slots (± 1). When a node leaves, its slots
 * are filled again, and a few slots change between other nodes: with 100 nodes and 65,537 slots about 0.5 % of the
 * keys. O(1) per lookup; a change of the nodes builds the table again, O(size log size) on average.
 */
export class MaglevTable {
  readonly #table: readonly string[];

  constructor(
    nodes: Iterable<string>,
    readonly size: number, // a prime, so that each order visits all slots; at least the number of nodes
    readonly hash: (text: string) => number,
  ) {
    this.#table = fillTable([...nodes].sort(), size, hash); // sorted: the order of the list must not matter
  }

  get(key: string): string | undefined {
    return this.#table[this.hash(key) % this.size];
  }
}

function fillTable(nodes: readonly string[], size: number, hash: (text: string) => number): string[] {
  const table = new Array<string | undefined>(size).fill(undefined);
  if (nodes.length === 0) return [];
  const orders = nodes.map((node) => ({
    node,
    slot: hash(`0:${node}`) % size, // the next slot to try
    skip: (hash(`1:${node}`) % (size - 1)) + 1, // from 1 to size − 1: two nodes that meet do not follow each other
  }));
  for (let filled = 0; ; ) {
    for (const order of orders) {
      while (table[order.slot] !== undefined) order.slot = (order.slot + order.skip) % size;
      table[order.slot] = order.node;
      if (++filled === size) return table as string[];
    }
  }
}
