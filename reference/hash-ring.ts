/**
 * Consistent hashing (Karger et al., 1997): each node owns `virtualNodes` points on a circle of 32-bit numbers, and a
 * key belongs to the node with the first point at or after the key's hash. A node that joins takes 1/n of the keys, a
 * node that leaves gives up its own; no other key moves. A lookup is O(log points), a change O(points log points).
 */
export class HashRing {
  #points: { readonly hash: number; readonly node: string }[] = []; // in the order of the circle

  constructor(
    readonly hash: (text: string) => number,
    readonly virtualNodes = 160, // shares then vary by about 1/√160 = 8 %
  ) {}

  add(node: string, weight = 1): void {
    this.remove(node);
    const count = Math.max(1, Math.round(weight * this.virtualNodes));
    for (let i = 0; i < count; i++) this.#points.push({ hash: this.hash(`${node}#${i}`), node });
    this.#points.sort((a, b) => a.hash - b.hash || (a.node < b.node ? -1 : 1)); // ties: by name, not by order of `add`
  }

  remove(node: string): void {
    this.#points = this.#points.filter((point) => point.node !== node);
  }

  get(key: string): string | undefined {
    return this.getMany(key, 1)[0];
  }

  /** Returns up to `count` different nodes, clockwise: the owner first, then the nodes for its replicas. */
  getMany(key: string, count: number): string[] {
    const nodes = new Set<string>();
    const first = this.#firstPointFrom(this.hash(key));
    for (let step = 0; step < this.#points.length && nodes.size < count; step++) {
      nodes.add(this.#points[(first + step) % this.#points.length]!.node); // the last point is followed by the first
    }
    return [...nodes];
  }

  /** Binary search: the index of the first point at or after `target`; the number of points if there is none. */
  #firstPointFrom(target: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]!.hash < target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
