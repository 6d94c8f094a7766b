import type { PlacementKey } from './key-bytes.js';

/** The base of rings, rendezvous and Maglev tables: maps keys to nodes. */
export abstract class Placement {
  /**
   * The weights by node name, sorted. The map is replaced, never changed, so a reader always sees a consistent state.
   */
  protected weights: ReadonlyMap<string, number>;

  constructor(weights: ReadonlyMap<string, number>) {
    this.weights = weights;
  }

  /** The names of all nodes, sorted, including nodes of weight 0. */
  get nodes(): readonly string[] {
    return [...this.weights.keys()];
  }

  /** The number of nodes, including nodes of weight 0. */
  get size(): number {
    return this.weights.size;
  }

  /** Returns whether a node with this name exists. */
  has(node: string): boolean {
    return this.weights.has(node);
  }

  /** Returns the weight of a node; undefined for an unknown node. */
  weightOf(node: string): number | undefined {
    return this.weights.get(node);
  }

  /** Returns the node of a key; undefined only if no node has a weight above 0. */
  abstract get(key: PlacementKey): string | undefined;

  /**
   * Returns the nodes for a key and its replicas: `count` different nodes, or all nodes if there are fewer. The first
   * is `get(key)`. The result for a smaller count is a prefix of the result for a larger one.
   */
  abstract getMany(key: PlacementKey, count: number): string[];
}
