/** The number of priorities that are distinguished: 0 to 14, and all less important ones. */
const PRIORITIES = 16;

/** The number of requests after which the weight of the earlier ones is halved. */
const WINDOW = 1000;

/** The distribution of the priorities of recent requests. It decides which requests are shed first. */
export class PriorityShares {
  readonly #counts = new Float64Array(PRIORITIES);
  #total = 0;

  /** Counts a request. */
  add(priority: number): void {
    this.#counts[indexOf(priority)]! += 1;
    this.#total += 1;
    if (this.#total < WINDOW) return;
    for (let index = 0; index < PRIORITIES; index++) this.#counts[index]! /= 2;
    this.#total /= 2;
  }

  /**
   * Returns the probability with which a request must be shed, so that `share` of all requests are shed and the least
   * important ones first: 0 if shedding all less important requests is enough, 1 if it must be shed with all of them.
   */
  probability(priority: number, share: number): number {
    if (share <= 0) return 0;
    if (share >= 1 || this.#total === 0) return share >= 1 ? 1 : share;
    const own = indexOf(priority);
    let lessImportant = 0;
    for (let index = own + 1; index < PRIORITIES; index++) lessImportant += this.#counts[index] as number;
    const rest = share * this.#total - lessImportant;
    if (rest <= 0) return 0;
    return Math.min(1, rest / Math.max(1, this.#counts[own] as number));
  }
}

const indexOf = (priority: number): number => Math.min(PRIORITIES - 1, Math.max(0, Math.round(priority)));
