const BUCKETS = 10;
/** The number of cells of a series: one more than buckets. A literal, since esbuild keeps an unused sum of constants. */
const CELLS = 11;

/**
 * Event counts of the last `durationMs`: ten buckets in a ring with running totals. There is no timer: the caller
 * brings the window up to date with `advance` before it reads or writes. O(1) time (at most ten buckets are cleared
 * after a gap of any length), no allocation. Buckets are dropped as a whole, so the window covers the last 90 to 100 %
 * of its duration.
 *
 * The structure is that of resilience4j's SlidingTimeWindowMetrics, for any number of series.
 */
export class TimeWindow {
  readonly #bucketMs: number;
  /**
   * For each series its total, followed by its buckets. A series gets its cells with its first event: in a family of
   * breakers, most windows never count a failure or a slow call. Uses plain numbers, since a typed array costs 200
   * bytes more (`npm run bench -- keyed-memory`).
   */
  #cells: number[] = [];
  /** The number of the current bucket since time 0, its index in the ring, and the time at which it ends. */
  #epoch = -Infinity;
  #bucket = 0;
  #endsAt = -Infinity;

  constructor(durationMs: number) {
    this.#bucketMs = durationMs / BUCKETS;
  }

  /** Counts one event, in the bucket of the last `advance`. */
  add(series: number): void {
    const total = series * CELLS;
    if (total >= this.#cells.length) this.#extend(total + CELLS);
    const cells = this.#cells;
    const cell = total + 1 + this.#bucket;
    cells[cell] = (cells[cell] as number) + 1;
    cells[total] = (cells[total] as number) + 1;
  }

  /** Returns the count of a series as of the last `advance`. */
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

  /** Drops buckets that are too old at `now`. Call it before reading or writing. */
  advance(now: number): void {
    if (now >= this.#endsAt) this.#rotate(Math.floor(now / this.#bucketMs));
  }

  #rotate(epoch: number): void {
    if (epoch <= this.#epoch) return; // rounding: the time is at the end of the current bucket
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

/** Returns the index of a bucket in the ring. Clocks may start at any value, including a negative one. */
function bucketOf(epoch: number): number {
  return ((epoch % BUCKETS) + BUCKETS) % BUCKETS;
}
