interface Node {
  readonly name: string;
  readonly weight: number;
  credit: number;
}

/**
 * Smooth weighted round robin (nginx, 2012): in each turn every node is credited its weight, the node with the most
 * credit is picked, and it pays the sum of all weights. So each node is picked in proportion to its weight, and its
 * turns are spread evenly: weights 5, 1, 1 give a a b a c a a instead of a a a a a b c. O(nodes) per pick.
 */
export class SmoothWeightedRoundRobin {
  readonly #nodes: readonly Node[];
  readonly #totalWeight: number;

  constructor(weights: ReadonlyMap<string, number>) {
    this.#nodes = Array.from(weights, ([name, weight]) => ({ name, weight, credit: 0 }));
    this.#totalWeight = this.#nodes.reduce((sum, { weight }) => sum + weight, 0);
  }

  pick(): string | undefined {
    let best: Node | undefined;
    for (const node of this.#nodes) {
      node.credit += node.weight;
      if (best === undefined || node.credit > best.credit) best = node; // the first of equals
    }
    if (best !== undefined) best.credit -= this.#totalWeight; // the sum of all credits stays 0
    return best?.name;
  }
}
