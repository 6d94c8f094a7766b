/**
 * Turns by weight among the least loaded, in O(log n): the smooth weighted round robin of nginx without its pass over all
 * candidates.
 *
 * Each turn, every one of the least loaded is credited its weight; the one with most credit wins, of equals the first, and
 * pays for all of them. Between its own turns a credit is a line over time whose slope is the weight. So this is a kinetic
 * segment tree (Basch, Guibas and Hershberger, "Data Structures for Mobile Data", 1999): each node keeps the winner of its
 * part and the number of turns for which no other can overtake that winner, and a turn is left pending at a node until its
 * parts are needed. O(n) to make; O(log n) a turn or change, and on average O(log n) overtakings a turn.
 *
 * With whole numbers as weights all credits are exact.
 */
export class SmoothWeightTree {
  readonly #leaves: number;
  /** The root is at 1, the parts of the node at i are at 2i and 2i + 1, and the leaves begin at `#leaves`. */
  readonly #winner: Uint32Array;
  /** Of the least loaded in each part: their load. */
  readonly #load: Float64Array;
  /** Of the winner in each part: its credit with that of the coming turn, and its weight. */
  readonly #credit: Float64Array;
  readonly #weight: Float64Array;
  /** The weight of all least loaded in each part. */
  readonly #total: Float64Array;
  /** The number of turns before any winner in a part can change. */
  readonly #steady: Float64Array;
  /** Turns that a part has had and its own parts have not. */
  readonly #pending: Float64Array;

  /** @param lines - the load, weight and credit of each, by position. */
  constructor(lines: readonly { readonly load: number; readonly weight: number; readonly credit: number }[]) {
    this.#leaves = 2 ** Math.ceil(Math.log2(lines.length));
    const size = 2 * this.#leaves;
    this.#winner = new Uint32Array(size);
    for (let at = 0; at < size; at++) this.#winner[at] = at;
    this.#load = new Float64Array(size).fill(Infinity);
    this.#credit = new Float64Array(size).fill(-Infinity);
    this.#weight = new Float64Array(size);
    this.#total = new Float64Array(size);
    this.#steady = new Float64Array(size).fill(Infinity);
    this.#pending = new Float64Array(size);
    for (const [position, { load, weight, credit }] of lines.entries()) {
      this.#setLeaf(this.#leaves + position, load, weight, credit + weight);
    }
    for (let at = this.#leaves - 1; at > 0; at--) this.#join(at);
  }

  /** The position whose turn it is. */
  get next(): number {
    return (this.#winner[1] as number) - this.#leaves;
  }

  /** Takes the turn of `next`. */
  take(): void {
    const leaf = this.#winner[1] as number;
    const total = this.#total[1] as number;
    this.#pass(1, 1);
    this.#open(leaf);
    this.#credit[leaf] = (this.#credit[leaf] as number) - total;
    this.#close(leaf);
  }

  /** Changes the load and the weight of a position. Its credit stays. */
  set(position: number, load: number, weight: number): void {
    const leaf = this.#leaves + position;
    if (this.#load[leaf] === load && this.#weight[leaf] === weight) return;
    this.#open(leaf);
    this.#setLeaf(leaf, load, weight, (this.#credit[leaf] as number) - (this.#weight[leaf] as number) + weight);
    this.#close(leaf);
  }

  /** The credits by position, without the coming turn's. */
  credits(): Float64Array {
    for (let at = 1; at < this.#leaves; at++) this.#passOn(at);
    const credits = this.#credit.slice(this.#leaves);
    for (let i = 0; i < credits.length; i++) {
      credits[i] = (credits[i] as number) - (this.#weight[this.#leaves + i] as number);
    }
    return credits;
  }

  #setLeaf(leaf: number, load: number, weight: number, credit: number): void {
    this.#load[leaf] = load;
    this.#weight[leaf] = weight;
    this.#total[leaf] = weight;
    this.#credit[leaf] = credit;
  }

  /** Gives turns to the least loaded of a part. */
  #pass(at: number, turns: number): void {
    this.#credit[at] = (this.#credit[at] as number) + turns * (this.#weight[at] as number);
    this.#steady[at] = (this.#steady[at] as number) - turns;
    this.#pending[at] = (this.#pending[at] as number) + turns;
  }

  /** Gives the turns that are pending to those parts that have the least loaded. */
  #passOn(at: number): void {
    const turns = this.#pending[at] as number;
    if (turns === 0) return;
    this.#pending[at] = 0;
    const left = 2 * at;
    const lead = (this.#load[left] as number) - (this.#load[left + 1] as number);
    if (!(lead > 0)) this.#pass(left, turns);
    if (!(lead < 0)) this.#pass(left + 1, turns);
  }

  /** Brings a leaf up to date, from the root down. */
  #open(leaf: number): void {
    for (let level = 31 - Math.clz32(leaf); level > 0; level--) this.#passOn(leaf >> level);
  }

  /** Finds the winners again on the way from a leaf to the root. */
  #close(leaf: number): void {
    for (let at = leaf; at > 1; at >>= 1) {
      if ((this.#steady[at ^ 1] as number) <= 0) this.#settle(at ^ 1);
      this.#join(at >> 1);
    }
  }

  /** Finds the winners again where one may have been overtaken. */
  #settle(at: number): void {
    this.#passOn(at);
    if ((this.#steady[2 * at] as number) <= 0) this.#settle(2 * at);
    if ((this.#steady[2 * at + 1] as number) <= 0) this.#settle(2 * at + 1);
    this.#join(at);
  }

  /** Makes a node from its two parts. */
  #join(at: number): void {
    const left = 2 * at;
    const right = left + 1;
    const leftLoad = this.#load[left] as number;
    const rightLoad = this.#load[right] as number;
    const isLeft =
      leftLoad === rightLoad ? (this.#credit[left] as number) >= (this.#credit[right] as number) : leftLoad < rightLoad;
    const best = isLeft ? left : right;
    this.#winner[at] = this.#winner[best] as number;
    this.#load[at] = this.#load[best] as number;
    this.#credit[at] = this.#credit[best] as number;
    this.#weight[at] = this.#weight[best] as number;
    this.#total[at] = this.#total[best] as number;
    this.#steady[at] = this.#steady[best] as number;
    if (leftLoad !== rightLoad) return;
    this.#total[at] = (this.#total[left] as number) + (this.#total[right] as number);
    const steady = Math.min(this.#steady[left] as number, this.#steady[right] as number);
    this.#steady[at] = Math.min(steady, this.#turnsUntilOvertaken(best, best ^ 1));
  }

  /** At least one, and never too many: a comparison too early does no harm. */
  #turnsUntilOvertaken(best: number, other: number): number {
    const gain = (this.#weight[other] as number) - (this.#weight[best] as number);
    if (gain <= 0) return Infinity;
    const lead = (this.#credit[best] as number) - (this.#credit[other] as number);
    return Math.max(1, Math.floor(lead / gain));
  }
}
