import { LARGEST } from './settings.js';

/**
 * A log of what was taken and when: a ring buffer of runs. A run is a time and the running total at that time,
 * including what was taken then. With running totals, the cost taken between any two times is one subtraction after a
 * binary search.
 *
 * A run keeps its number while it is in the log. `end` is the number after the last run.
 */
export class TakeLog {
  /** The number of the first run in the log. */
  begin = 0;
  /** The number after the last run. */
  end = 0;
  /** The total taken before the first run. */
  forgotten = 0;
  /** Times in microseconds. A plain array, because an empty typed array needs 200 bytes, more than most logs. */
  #times: number[] = [0];
  /** The running totals of the runs. */
  #totals: number[] = [0];

  /** The total taken so far. */
  /** How much has been taken in all. */
  get total(): number {
    return this.totalBefore(this.end);
  }

  /** The total taken before this run. */
  totalBefore(run: number): number {
    return run > this.begin ? (this.#totals[(run - 1) % this.#totals.length] as number) : this.forgotten;
  }

  timeOf(run: number): number {
    return this.#times[run % this.#times.length] as number;
  }

  /** Returns the first run after `time`, or `end`. O(1) if that is the first run of the log. */
  firstAfter(time: number): number {
    if (this.begin === this.end || this.timeOf(this.begin) > time) return this.begin;
    return this.#search((run) => this.timeOf(run) > time);
  }

  /** Returns the first run at which the running total reaches `total`, or `end`. */
  firstReaching(total: number): number {
    return this.#search((run) => this.totalBefore(run + 1) >= total);
  }

  /** Returns the first run for which `isTrue` holds. Requires that it holds for all later runs as well. */
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

  /** Adds `cost` at `time`, which must not be before the last run. */
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

  /** Removes all runs before this one. */
  forgetBefore(run: number): void {
    this.forgotten = this.totalBefore(run);
    this.begin = run;
  }

  /** Removes everything added since the log had this `end` and this `total`. */
  cut(end: number, total: number): void {
    this.end = Math.max(this.begin, end);
    if (this.end > this.begin) this.#write(this.end - 1, this.timeOf(this.end - 1), total);
  }

  /** Removes up to `cost` from one run. O(number of later runs). */
  takeBack(run: number, cost: number): void {
    const taken = this.totalBefore(run + 1) - this.totalBefore(run);
    const back = Math.min(cost, taken);
    const isEmpty = back === taken;
    for (let next = isEmpty ? run + 1 : run; next < this.end; next++) {
      this.#write(isEmpty ? next - 1 : next, this.timeOf(next), this.totalBefore(next + 1) - back);
    }
    if (isEmpty) this.end--;
  }

  /** Removes up to `cost` from the oldest runs. */
  takeBackOldest(cost: number): void {
    this.forgotten = Math.min(this.total, this.forgotten + cost);
    this.begin = this.#search((run) => (this.#totals[run % this.#totals.length] as number) > this.forgotten);
  }

  /** Subtracts the forgotten total from all totals before they become too large to be exact. */
  rebase(): void {
    if (this.forgotten < LARGEST) return;
    for (let run = this.begin; run < this.end; run++) {
      this.#write(run, this.timeOf(run), this.totalBefore(run + 1) - this.forgotten);
    }
    this.forgotten = 0;
  }
}
