const BUCKETS = 10;
/** The cells of a series. */
const CELLS = 1 + BUCKETS;

/**
 * Counts of what happened in the last `durationMs`: ten buckets in a ring under running totals, brought up to date before
 * they are read or written. Nothing ticks. O(1) time (at most ten buckets are cleared after a gap, however
 * long), no allocation. A bucket is dropped as a whole, so the window is the last 90 to 100 % of its duration.
 *
 * The structure of resilience4j's SlidingTimeWindowMetrics, for any number of series.
 */
export class TimeWindow {
  readonly #bucketMs: number;
  /**
   * For each series its total and then its buckets. A series has cells from its first event on: most windows of a family
   * of breakers never count a failure or a slow call. Plain numbers: a typed array costs 200 bytes more
   * (`npm run bench -- keyed-memory`).
   */
  #cells: number[] = [];
  /** The number of the bucket that is being filled, its index, and when it is over. */
  #epoch = -Infinity;
  #bucket = 0;
  #endsAt = -Infinity;

  constructor(durationMs: number) {
    this.#bucketMs = durationMs / BUCKETS;
  }

  /** Counts one more, in the bucket of the last `advance`. */
  add(series: number): void {
    const total = series * CELLS;
    if (total >= this.#cells.length) this.#extend(total + CELLS);
    const cells = this.#cells;
    const cell = total + 1 + this.#bucket;
    cells[cell] = (cells[cell] as number) + 1;
    cells[total] = (cells[total] as number) + 1;
  }

  /** The count as of the last `advance`. */
  total(series: number): number {
    const total = series * CELLS;
    return total < this.#cells.length ? (this.#cells[total] as number) : 0;
  }

  clear(): void {
    this.#cells.fill(0);
  }

  #extend(length: number): void {
    const longer = new Array<number>(length).fill(0);
    for (const [index, count] of this.#cells.entries()) longer[index] = count;
    this.#cells = longer;
  }

  /** Drops what is too old at `now`. To be called before anything is read or written. */
  advance(now: number): void {
    if (now >= this.#endsAt) this.#rotate(Math.floor(now / this.#bucketMs));
  }

  #rotate(epoch: number): void {
    if (epoch <= this.#epoch) return; // the end of a bucket, as rounded
    if (epoch - this.#epoch >= BUCKETS) this.clear();
    else for (let next = this.#epoch + 1; next <= epoch; next++) this.#drop(bucketOf(next));
    this.#epoch = epoch;
    this.#bucket = bucketOf(epoch);
    this.#endsAt = (epoch + 1) * this.#bucketMs;
  }

  #drop(bucket: number): void {
    const cells = this.#cells;
    for (let total = 0; total < cells.length; total += CELLS) {
      const cell = total + 1 + bucket;
      cells[total] = (cells[total] as number) - (cells[cell] as number);
      cells[cell] = 0;
    }
  }
}

/** Clocks may start anywhere, below zero too. */
function bucketOf(epoch: number): number {
  return ((epoch % BUCKETS) + BUCKETS) % BUCKETS;
}
