const BUCKETS = 10;

/**
 * Counts of what happened in the last `durationMs`: ten buckets in a ring under running totals, brought up to date before
 * they are read or written. Nothing ticks. O(1) time (at most ten buckets are cleared after a gap, however
 * long), no allocation. A bucket is dropped as a whole, so the window is the last 90 to 100 % of its duration.
 *
 * The structure of resilience4j's SlidingTimeWindowMetrics, for any number of series.
 */
export class TimeWindow {
  readonly #bucketMs: number;
  readonly #series: number;
  /** One row a bucket, one column a series. Plain numbers: a typed array costs 200 bytes more, in each of many windows. */
  readonly #cells: number[];
  readonly #totals: number[];
  /** The bucket that is being filled: how many there were before, where its row begins, and when it is over. */
  #epoch = -Infinity;
  #row = 0;
  #endsAt = -Infinity;

  constructor(durationMs: number, series: number) {
    this.#bucketMs = durationMs / BUCKETS;
    this.#series = series;
    this.#cells = new Array<number>(BUCKETS * series).fill(0);
    this.#totals = new Array<number>(series).fill(0);
  }

  /** Counts one more, in the bucket of the last `advance`. */
  add(series: number): void {
    const cell = this.#row + series;
    this.#cells[cell] = (this.#cells[cell] as number) + 1;
    this.#totals[series] = (this.#totals[series] as number) + 1;
  }

  /** The count as of the last `advance`. */
  total(series: number): number {
    return this.#totals[series] as number;
  }

  clear(): void {
    this.#cells.fill(0);
    this.#totals.fill(0);
  }

  /** Drops what is too old at `now`. To be called before anything is read or written. */
  advance(now: number): void {
    if (now >= this.#endsAt) this.#rotate(Math.floor(now / this.#bucketMs));
  }

  #rotate(epoch: number): void {
    if (epoch <= this.#epoch) return; // the end of a bucket, as rounded
    if (epoch - this.#epoch >= BUCKETS) this.clear();
    else for (let next = this.#epoch + 1; next <= epoch; next++) this.#drop(this.#rowOf(next));
    this.#epoch = epoch;
    this.#row = this.#rowOf(epoch);
    this.#endsAt = (epoch + 1) * this.#bucketMs;
  }

  /** Clocks may start anywhere, below zero too. */
  #rowOf(epoch: number): number {
    return (((epoch % BUCKETS) + BUCKETS) % BUCKETS) * this.#series;
  }

  #drop(row: number): void {
    for (let series = 0; series < this.#series; series++) {
      this.#totals[series] = (this.#totals[series] as number) - (this.#cells[row + series] as number);
      this.#cells[row + series] = 0;
    }
  }
}
