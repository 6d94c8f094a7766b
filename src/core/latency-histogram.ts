/** The ratio of the bounds of a bucket. A value differs from the middle of its bucket by a factor of √1.1 at most. */
const BASE = 1.1;
/** The natural logarithm of `BASE`, written out: a bundler cannot drop a call. */
const LOG_BASE = 0.09531017980432493;
/** The upper bound of the first bucket, in milliseconds. */
const LEAST_MS = 0.1;
/** The number of buckets. The last one begins at 0.1 ms × 1.1^174: after 26 minutes. */
const BUCKETS = 176;

/** A half ends after this time, in milliseconds, if it has enough samples. */
const HALF_MS = 30_000;
/** A half ends after this time, in milliseconds, however few samples it has. */
const MAX_HALF_MS = 300_000;
/** The largest count of a cell of 16 bits. */
const MAX_SAMPLES = 65_535;

/** Options of a `LatencyHistogram`. */
export interface LatencyHistogramOptions {
  /** The number of samples after which a half ends: an integer from 1 to 65535. */
  readonly samplesPerHalf: number;
  /** The number of samples that a half must have to end after 30 seconds; with fewer it ends after 5 minutes. */
  readonly minSamplesPerHalf: number;
}

/**
 * The latencies of the recent past, for quantiles with an error of 5 %. Buckets grow by a factor of 1.1, so that 176 of
 * them cover 0.1 ms to 26 minutes.
 *
 * The window has two halves. New samples enter one of them; when it ends, it replaces the other one. The window thus
 * covers one to two halves, and it needs no timer: the caller brings it up to date with `advance`. A window of time
 * alone would be empty where calls are rare, and one of samples alone would keep samples for hours.
 *
 * Recording is O(1), a quantile is O(buckets). Two cells of 16 bits per bucket: 1.05 kB altogether.
 */
export class LatencyHistogram {
  readonly #samplesPerHalf: number;
  readonly #minSamplesPerHalf: number;
  /** For each bucket, the count of either half. */
  readonly #cells = new Uint16Array(2 * BUCKETS);
  /** The half that new samples enter: 0 or 1. */
  #current = 0;
  #counts: [number, number] = [0, 0];
  /** The time at which the current half began. */
  #startedAt = -Infinity;

  constructor({ samplesPerHalf, minSamplesPerHalf }: LatencyHistogramOptions) {
    this.#samplesPerHalf = Math.min(samplesPerHalf, MAX_SAMPLES);
    this.#minSamplesPerHalf = minSamplesPerHalf;
  }

  /** The number of samples in the window. */
  get count(): number {
    return this.#counts[0] + this.#counts[1];
  }

  /** Ends the halves whose time is over at `now`. Returns whether the window has changed. */
  advance(now: number): boolean {
    const ageMs = now - this.#startedAt;
    if (ageMs < HALF_MS) return false;
    const isSparse = (this.#counts[this.#current] as number) < this.#minSamplesPerHalf;
    if (isSparse && ageMs < MAX_HALF_MS) return false;
    const hadSamples = this.count > 0;
    this.#rotate(now);
    if (ageMs >= 2 * MAX_HALF_MS) this.#rotate(now);
    return hadSamples;
  }

  /** Adds a sample in milliseconds, at the time of the last `advance` or later. */
  record(ms: number, now: number): void {
    this.advance(now);
    if ((this.#counts[this.#current] as number) >= this.#samplesPerHalf) this.#rotate(now);
    const cell = 2 * bucketOf(ms) + this.#current;
    this.#cells[cell] = (this.#cells[cell] as number) + 1;
    this.#counts[this.#current] = (this.#counts[this.#current] as number) + 1;
  }

  /**
   * Returns the latency in milliseconds that a share of the samples does not exceed; NaN without samples.
   *
   * @param share - a number in (0, 1]: 0.95 is the 95th percentile.
   */
  quantile(share: number): number {
    if (this.count === 0) return Number.NaN;
    const rank = share * this.count;
    let below = 0;
    let bucket = -1;
    while (below < rank && bucket < BUCKETS - 1) {
      bucket++;
      below += (this.#cells[2 * bucket] as number) + (this.#cells[2 * bucket + 1] as number);
    }
    return middleOf(bucket);
  }

  /** Ends the current half: it replaces the other one. */
  #rotate(now: number): void {
    this.#current = 1 - this.#current;
    for (let cell = this.#current; cell < 2 * BUCKETS; cell += 2) this.#cells[cell] = 0;
    this.#counts[this.#current] = 0;
    this.#startedAt = now;
  }
}

/** Returns the index of the bucket of a latency. */
function bucketOf(ms: number): number {
  if (!(ms > LEAST_MS)) return 0;
  return Math.min(Math.floor(Math.log(ms / LEAST_MS) / LOG_BASE) + 1, BUCKETS - 1);
}

/** Returns the geometric mean of the bounds of a bucket. */
function middleOf(bucket: number): number {
  return bucket === 0 ? LEAST_MS : LEAST_MS * BASE ** (bucket - 0.5);
}
