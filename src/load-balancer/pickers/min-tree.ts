/** The least of a list of numbers, and where it is: a binary tree of minima. O(n) to make, O(log n) to change or to find. */
export class MinTree {
  /** The root is at 1, the parts of the minimum at i are at 2i and 2i + 1, and the numbers begin at `#leaves`. */
  readonly #minima: Float64Array;
  readonly #leaves: number;

  constructor(numbers: ArrayLike<number>) {
    this.#leaves = 2 ** Math.ceil(Math.log2(numbers.length));
    this.#minima = new Float64Array(2 * this.#leaves).fill(Infinity);
    this.#minima.set(numbers, this.#leaves);
    for (let at = this.#leaves - 1; at > 0; at--) this.#join(at);
  }

  set(position: number, number: number): void {
    let at = this.#leaves + position;
    this.#minima[at] = number;
    for (at >>= 1; at > 0; at >>= 1) this.#join(at);
  }

  /** The position of the least, of equals the first at or after `start`; after the last position comes the first one. */
  leastFrom(start: number): number {
    const least = this.#minima[1] as number;
    let at = this.#leaves + start;
    while (this.#minima[at] !== least) {
      // To the next part on the right: up for as long as this is a right part itself. Beyond the last one, to the root.
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

  #join(at: number): void {
    this.#minima[at] = Math.min(this.#minima[2 * at] as number, this.#minima[2 * at + 1] as number);
  }
}
