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
  /** Doubles, since a window of days may count past 2^31. One row a bucket, one column a series. */
  readonly #cells: Float64Array;
  readonly #totals: Float64Array;
  #epoch = -Infinity;

  constructor(durationMs: number, series: number) {
    this.#bucketMs = durationMs / BUCKETS;
    this.#series = series;
    this.#cells = new Float64Array(BUCKETS * series);
    this.#totals = new Float64Array(series);
  }

  /** Counts one more, in the bucket of the last `advance`. */
  add(series: number): void {
    const cell = bucketOf(this.#epoch) * this.#series + series;
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
    const epoch = Math.floor(now / this.#bucketMs);
    const gap = epoch - this.#epoch;
    if (gap <= 0) return; // within the bucket, or a clock that stepped back
    if (gap >= BUCKETS) this.clear();
    else for (let next = this.#epoch + 1; next <= epoch; next++) this.#drop(bucketOf(next));
    this.#epoch = epoch;
  }

  #drop(bucket: number): void {
    for (let series = 0; series < this.#series; series++) {
      const cell = bucket * this.#series + series;
      this.#totals[series] = (this.#totals[series] as number) - (this.#cells[cell] as number);
      this.#cells[cell] = 0;
    }
  }
}

/** Clocks may start anywhere, below zero too. */
const bucketOf = (epoch: number): number => ((epoch % BUCKETS) + BUCKETS) % BUCKETS;
