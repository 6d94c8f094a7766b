import { LARGEST } from './settings.js';

/**
 * What was taken when: a ring of runs, each a time and how much had been taken in all by then, itself included. Totals
 * rather than counts, so that what lies between any two times is one subtraction after a binary search.
 *
 * A run has a number that stays the same for as long as it is there; the one after the last is `end`.
 */
export class TakeLog {
  /** The first run that is there. */
  begin = 0;
  end = 0;
  /** How much had been taken before the first run. */
  forgotten = 0;
  /** Plain arrays: a typed one alone is 200 bytes, more than most logs. */
  #times: number[] = [0];
  #totals: number[] = [0];

  /** How much has been taken in all. */
  get total(): number {
    return this.totalBefore(this.end);
  }

  /** How much had been taken before this run. */
  totalBefore(run: number): number {
    return run > this.begin ? (this.#totals[(run - 1) % this.#totals.length] as number) : this.forgotten;
  }

  timeOf(run: number): number {
    return this.#times[run % this.#times.length] as number;
  }

  /** The first run later than this time, or `end`. O(1) when that is the first of all. */
  firstAfter(time: number): number {
    if (this.begin === this.end || this.timeOf(this.begin) > time) return this.begin;
    return this.#search((run) => this.timeOf(run) > time);
  }

  /** The first run by which so much had been taken, or `end`. */
  firstReaching(total: number): number {
    return this.#search((run) => this.totalBefore(run + 1) >= total);
  }

  /** The first run of which this is true, if it is true of all that follow. */
  #search(isTrue: (run: number) => boolean): number {
    let low = this.begin;
    let high = this.end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (isTrue(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Times never go back. */
  add(time: number, cost: number): void {
    const total = this.total + cost;
    const isNew = this.begin === this.end || this.timeOf(this.end - 1) !== time;
    if (isNew && this.end - this.begin === this.#times.length) this.#grow();
    if (isNew) this.end++;
    this.#write(this.end - 1, time, total);
  }

  #write(run: number, time: number, total: number): void {
    this.#times[run % this.#times.length] = time;
    this.#totals[run % this.#totals.length] = total;
  }

  #grow(): void {
    const [times, totals] = [this.#times, this.#totals];
    this.#times = new Array(2 * times.length).fill(0);
    this.#totals = new Array(2 * totals.length).fill(0);
    for (let run = this.begin; run < this.end; run++) {
      this.#write(run, times[run % times.length] as number, totals[run % totals.length] as number);
    }
  }

  /** Forgets all runs before this one. */
  forgetBefore(run: number): void {
    this.forgotten = this.totalBefore(run);
    this.begin = run;
  }

  /** Cuts off what was added since this was the `end`, and this the `total`. */
  cut(end: number, total: number): void {
    this.end = Math.max(this.begin, end);
    if (this.end > this.begin) this.#write(this.end - 1, this.timeOf(this.end - 1), total);
  }

  /** Takes back up to `cost` of what one run took. O(runs after it). */
  takeBack(run: number, cost: number): void {
    const taken = this.totalBefore(run + 1) - this.totalBefore(run);
    const back = Math.min(cost, taken);
    const isEmpty = back === taken;
    for (let next = isEmpty ? run + 1 : run; next < this.end; next++) {
      this.#write(isEmpty ? next - 1 : next, this.timeOf(next), this.totalBefore(next + 1) - back);
    }
    if (isEmpty) this.end--;
  }

  /** Takes back up to `cost` of the oldest. */
  takeBackOldest(cost: number): void {
    this.forgotten = Math.min(this.total, this.forgotten + cost);
    this.begin = this.#search((run) => (this.#totals[run % this.#totals.length] as number) > this.forgotten);
  }

  /** Counts from 0 again, before totals become too large to be exact. */
  rebase(): void {
    if (this.forgotten < LARGEST) return;
    for (let run = this.begin; run < this.end; run++) {
      this.#write(run, this.timeOf(run), this.totalBefore(run + 1) - this.forgotten);
    }
    this.forgotten = 0;
  }
}
