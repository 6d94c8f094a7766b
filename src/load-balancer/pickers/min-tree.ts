/**
 * Finds the minimum of a list of numbers, and its position: a binary tree of minima (a segment tree). O(n) to build,
 * O(log n) to change a number or to find the minimum.
 */
export class MinTree {
  /** The root is at 1, the children of the node at i are at 2i and 2i + 1, and the numbers begin at `#leaves`. */
  readonly #minima: Float64Array;
  readonly #leaves: number;

  constructor(numbers: ArrayLike<number>) {
    this.#leaves = 2 ** Math.ceil(Math.log2(numbers.length));
    this.#minima = new Float64Array(2 * this.#leaves).fill(Infinity);
    this.#minima.set(numbers, this.#leaves);
    for (let at = this.#leaves - 1; at > 0; at--) this.#combine(at);
  }

  /** Changes the number at a position. */
  set(position: number, number: number): void {
    let at = this.#leaves + position;
    this.#minima[at] = number;
    for (at >>= 1; at > 0; at >>= 1) this.#combine(at);
  }

  /**
   * Returns the position of the minimum. If several positions have the minimum, returns the first at or after `start`, with
   * wrap-around.
   */
  leastFrom(start: number): number {
    const least = this.#minima[1] as number;
    let at = this.#leaves + start;
    while (this.#minima[at] !== least) {
      // Moves to the next subtree on the right: up while this is a right child. After the last one, up to the root.
      while ((at & 1) === 1 && at > 1) at >>= 1;
      if (at > 1) at++;
      else break;
    }
    while (at < this.#leaves) {
      at *= 2;
      if (this.#minima[at] !== least) at++;
    }
    return at - this.#leaves;
  }

  #combine(at: number): void {
    this.#minima[at] = Math.min(this.#minima[2 * at] as number, this.#minima[2 * at + 1] as number);
  }
}
