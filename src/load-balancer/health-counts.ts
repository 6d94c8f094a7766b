/** The part of a node's state that is counted. */
interface CountedNode {
  readonly weight: number;
  readonly isEjected: boolean;
  readonly isNew: boolean;
  readonly isHealthy: boolean;
}

/** The number of nodes in each health state, and their weights. Nodes of weight 0 are not counted. */
export class HealthCounts {
  weighted = 0;
  ejected = 0;
  /** The number of nodes that have a check result or need none. */
  checked = 0;
  healthy = 0;
  /** The total weight. */
  weight = 0;
  #checkedWeight = 0;
  #healthyWeight = 0;

  /**
   * The number of nodes that the share of healthy nodes refers to. New nodes are not counted before their first check,
   * unless no node has been checked: a new node does not indicate that many nodes are down.
   */
  get counted(): number {
    return this.checked > 0 ? this.checked : this.weighted;
  }

  /** The weight of the healthy nodes as a share of the weight of the counted nodes. */
  get healthyShare(): number {
    if (this.healthy === 0) return 0;
    if (this.healthy === this.counted) return 1; // without the rounding of the sums
    const counted = this.checked > 0 ? this.#checkedWeight : this.weight;
    return Math.max(0, Math.min(1, this.#healthyWeight / counted));
  }

  reset(nodes: Iterable<CountedNode>): void {
    this.weighted = 0;
    this.ejected = 0;
    this.checked = 0;
    this.healthy = 0;
    this.weight = 0;
    this.#checkedWeight = 0;
    this.#healthyWeight = 0;
    for (const state of nodes) this.add(state);
  }

  add(state: CountedNode): void {
    this.#count(state, 1);
  }

  remove(state: CountedNode): void {
    this.#count(state, -1);
  }

  #count(state: CountedNode, by: 1 | -1): void {
    const { weight } = state;
    if (weight === 0) return;
    this.weighted += by;
    this.weight += by * weight;
    if (state.isEjected) this.ejected += by;
    if (!state.isNew) {
      this.checked += by;
      this.#checkedWeight += by * weight;
    }
    if (state.isHealthy) {
      this.healthy += by;
      this.#healthyWeight += by * weight;
    }
  }
}
