import type { PlacementKey } from './key-bytes.js';

/** Where keys belong: what rings, rendezvous and Maglev tables have in common. */
export abstract class Placement {
  /** By name, sorted. Replaced, never changed: a reader sees one state or the other. */
  protected weights: ReadonlyMap<string, number>;

  constructor(weights: ReadonlyMap<string, number>) {
    this.weights = weights;
  }

  /** The names of all nodes, sorted; those of weight 0 among them. */
  get nodes(): readonly string[] {
    return [...this.weights.keys()];
  }

  /** How many nodes there are. */
  get size(): number {
    return this.weights.size;
  }

  has(node: string): boolean {
    return this.weights.has(node);
  }

  weightOf(node: string): number | undefined {
    return this.weights.get(node);
  }

  /** The node of a key; undefined only when no node can have any. */
  abstract get(key: PlacementKey): string | undefined;

  /**
   * The nodes for a key and its replicas: `count` different ones, or all there are. The first is `get(key)`; a shorter
   * list is the beginning of a longer one.
   */
  abstract getMany(key: PlacementKey, count: number): string[];
}
