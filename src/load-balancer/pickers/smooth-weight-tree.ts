/**
 * Smooth weighted round robin (nginx) among the least loaded candidates, in O(log n) instead of a pass over all of
 * them.
 *
 * In each turn, the weight of every least loaded candidate is added to its credit. The candidate with the highest
 * credit wins (the first of equal ones), and the sum of all weights is subtracted from its credit. Between its own
 * wins, a credit is a linear function of the number of turns, with the weight as slope. The data structure is a kinetic
 * segment tree (Basch, Guibas and Hershberger, "Data Structures for Mobile Data", 1999) with lazy propagation: each
 * node keeps the winner of its subtree and the number of turns in which no other candidate can overtake that winner;
 * turns are pending at a node until its children are needed. O(n) to build; O(log n) per turn or change, and on average
 * O(log n) changes of a winner per turn.
 *
 * If weights are integers, all credits are exact.
 */
export class SmoothWeightTree {
  readonly #leaves: number;
  /** The root is at 1, the children of the node at i are at 2i and 2i + 1, and the leaves begin at `#leaves`. */
  readonly #winner: Uint32Array;
  /** The load of the least loaded candidates in each subtree. */
  readonly #load: Float64Array;
  /** The credit of the winner in each subtree, including the coming turn. */
  readonly #credit: Float64Array;
  /** The weight of the winner in each subtree. */
  readonly #weight: Float64Array;
  /** The total weight of all least loaded candidates in each subtree. */
  readonly #total: Float64Array;
  /** The number of turns before any winner in a subtree can change. */
  readonly #steady: Float64Array;
  /** The number of turns that a node has had and its children have not. */
  readonly #pending: Float64Array;

  /** @param lines - The load, weight and credit of each candidate, by position. */
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
    for (let at = this.#leaves - 1; at > 0; at--) this.#combine(at);
  }

  /** The position of the candidate whose turn it is. */
  get next(): number {
    return (this.#winner[1] as number) - this.#leaves;
  }

  /** Takes the turn of `next`. */
  take(): void {
    const leaf = this.#winner[1] as number;
    const total = this.#total[1] as number;
    this.#applyTurns(1, 1);
    this.#pushDownTo(leaf);
    this.#credit[leaf] = (this.#credit[leaf] as number) - total;
    this.#rebuildFrom(leaf);
  }

  /** Changes the load and the weight of a position. Its credit stays. */
  set(position: number, load: number, weight: number): void {
    const leaf = this.#leaves + position;
    if (this.#load[leaf] === load && this.#weight[leaf] === weight) return;
    this.#pushDownTo(leaf);
    this.#setLeaf(leaf, load, weight, (this.#credit[leaf] as number) - (this.#weight[leaf] as number) + weight);
    this.#rebuildFrom(leaf);
  }

  /** Returns the credits by position, without the coming turn. */
  credits(): Float64Array {
    for (let at = 1; at < this.#leaves; at++) this.#pushDown(at);
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

  /** Applies turns to the least loaded candidates of a subtree. */
  #applyTurns(at: number, turns: number): void {
    this.#credit[at] = (this.#credit[at] as number) + turns * (this.#weight[at] as number);
    this.#steady[at] = (this.#steady[at] as number) - turns;
    this.#pending[at] = (this.#pending[at] as number) + turns;
  }

  /** Applies pending turns to those children that have the least loaded candidates. */
  #pushDown(at: number): void {
    const turns = this.#pending[at] as number;
    if (turns === 0) return;
    this.#pending[at] = 0;
    const left = 2 * at;
    const lead = (this.#load[left] as number) - (this.#load[left + 1] as number);
    if (!(lead > 0)) this.#applyTurns(left, turns);
    if (!(lead < 0)) this.#applyTurns(left + 1, turns);
  }

  /** Applies pending turns on the path from the root to a leaf. */
  #pushDownTo(leaf: number): void {
    for (let level = 31 - Math.clz32(leaf); level > 0; level--) this.#pushDown(leaf >> level);
  }

  /** Recomputes the winners on the path from a leaf to the root. */
  #rebuildFrom(leaf: number): void {
    for (let at = leaf; at > 1; at >>= 1) {
      if ((this.#steady[at ^ 1] as number) <= 0) this.#refresh(at ^ 1);
      this.#combine(at >> 1);
    }
  }

  /** Recomputes the winners in a subtree where one may have been overtaken. */
  #refresh(at: number): void {
    this.#pushDown(at);
    if ((this.#steady[2 * at] as number) <= 0) this.#refresh(2 * at);
    if ((this.#steady[2 * at + 1] as number) <= 0) this.#refresh(2 * at + 1);
    this.#combine(at);
  }

  /** Recomputes a node from its two children. */
  #combine(at: number): void {
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

  /** Returns at least one and never too many turns: an early comparison does no harm. */
  #turnsUntilOvertaken(best: number, other: number): number {
    const gain = (this.#weight[other] as number) - (this.#weight[best] as number);
    if (gain <= 0) return Infinity;
    const lead = (this.#credit[best] as number) - (this.#credit[other] as number);
    return Math.max(1, Math.floor(lead / gain));
  }
}
