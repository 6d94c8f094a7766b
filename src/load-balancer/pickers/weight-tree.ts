/**
 * Draws positions of a list at random in proportion to weights: a binary tree of sums (a segment tree). O(n) to build,
 * O(log n) to draw or to change a weight. Each sum is recomputed from its two children, so that rounding errors do not
 * accumulate.
 */
export class WeightTree {
  /** The root is at 1, the children of the node at i are at 2i and 2i + 1, and the weights begin at `#leaves`. */
  readonly #sums: Float64Array;
  readonly #leaves: number;

  constructor(weights: ArrayLike<number>) {
    this.#leaves = 2 ** Math.ceil(Math.log2(weights.length));
    this.#sums = new Float64Array(2 * this.#leaves);
    this.#sums.set(weights, this.#leaves);
    for (let at = this.#leaves - 1; at > 0; at--) this.#updateSum(at);
  }

  /** The sum of all weights. */
  get total(): number {
    return this.#sums[1] as number;
  }

  weightAt(position: number): number {
    return this.#sums[this.#leaves + position] as number;
  }

  set(position: number, weight: number): void {
    let at = this.#leaves + position;
    this.#sums[at] = weight;
    for (at >>= 1; at > 0; at >>= 1) this.#updateSum(at);
  }

  /** Returns the position whose section of the total contains the ticket, a number from 0 to the total (exclusive). */
  find(ticket: number): number {
    let rest = ticket;
    let at = 1;
    while (at < this.#leaves) {
      at *= 2;
      const left = this.#sums[at] as number;
      // Sums are rounded: if the right subtree is empty, the ticket belongs to the left one.
      if (rest < left || this.#sums[at + 1] === 0) continue;
      rest -= left;
      at++;
    }
    return at - this.#leaves;
  }

  #updateSum(at: number): void {
    this.#sums[at] = (this.#sums[2 * at] as number) + (this.#sums[2 * at + 1] as number);
  }
}
