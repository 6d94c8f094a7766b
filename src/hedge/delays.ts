import type { CallContext } from '../core/call-context.js';
import { toMs } from '../core/duration.js';
import { LatencyHistogram } from '../core/latency-histogram.js';
import { type HedgeRules, OWNER } from './options.js';

/** The delay before the next hedge of a call. */
export interface Delays {
  /** Whether the latency of the call that has just ended is needed. To measure it takes a reading of the clock. */
  wantsSample(): boolean;
  /** The current delay in milliseconds; undefined if it depends on the call. */
  readonly currentMs: number | undefined;
  /**
   * Returns the delay in milliseconds; undefined for none.
   * @throws the error of a function of the user, or InvalidOptionError for an invalid result.
   */
  delayMs(context: CallContext, now: number): number | undefined;
  /** Records the latency of a first attempt. */
  record(latencyMs: number, now: number): void;
  /** The time in milliseconds that half of the attempts need; 0 if it is not known. */
  medianMs(now: number): number;
}

export function delaysOf(rules: HedgeRules): Delays {
  const { delay } = rules;
  if (delay.kind === 'fixed') return { ...NOT_OBSERVED, currentMs: delay.ms, delayMs: () => delay.ms };
  if (delay.kind === 'quantile') return new ObservedDelays(delay.share, rules.minSamples, rules.fallbackDelayMs);
  return {
    ...NOT_OBSERVED,
    currentMs: undefined,
    delayMs(context) {
      const own = delay.of(context);
      return own === undefined ? undefined : toMs(OWNER, 'delay', own);
    },
  };
}

const NOT_OBSERVED = { wantsSample: () => false, record: () => {}, medianMs: () => 0 };

/** The number of samples after which the quantile is computed again. */
const REFRESH_EVERY = 16;
/** The number of samples beyond the quantile, in a half of the histogram: a quantile of p99.9 needs 10,000 samples. */
const SAMPLES_BEYOND = 10;
const MIN_SAMPLES_PER_HALF = 1000;

/** The number of samples in the window from which on only a share of the calls is measured. */
const MANY_SAMPLES = 1000;
const SAMPLED_SHARE = 0.25;
/** (√5 − 1) / 2, written out: a bundler cannot drop a call. */
const GOLDEN_RATIO = 0.6180339887498949;

/** A delay that is a quantile of the observed latencies. */
class ObservedDelays implements Delays {
  readonly #share: number;
  readonly #minSamples: number;
  readonly #fallbackMs: number;
  readonly #histogram: LatencyHistogram;
  #currentMs: number;
  /** The number of samples since the quantile was computed. */
  #unread = 0;
  /** A number in [0, 1) that selects samples: multiples of the golden ratio, which share no period with any load. */
  #phase = 0;

  constructor(share: number, minSamples: number, fallbackMs: number) {
    const samplesPerHalf = Math.max(MIN_SAMPLES_PER_HALF, Math.ceil(SAMPLES_BEYOND / (1 - share)), minSamples);
    this.#share = share;
    this.#minSamples = minSamples;
    this.#fallbackMs = fallbackMs;
    this.#histogram = new LatencyHistogram({ samplesPerHalf, minSamplesPerHalf: minSamples });
    this.#currentMs = fallbackMs;
  }

  get currentMs(): number {
    return this.#currentMs;
  }

  delayMs(_context: CallContext, now: number): number {
    if (this.#histogram.advance(now)) this.#refresh();
    return this.#currentMs;
  }

  wantsSample(): boolean {
    if (this.#histogram.count < MANY_SAMPLES) return true;
    this.#phase = (this.#phase + GOLDEN_RATIO) % 1;
    return this.#phase < SAMPLED_SHARE;
  }

  record(latencyMs: number, now: number): void {
    this.#histogram.record(latencyMs, now);
    // The first quantile is due as soon as there are enough samples.
    if (++this.#unread >= REFRESH_EVERY || this.#histogram.count === this.#minSamples) this.#refresh();
  }

  medianMs(now: number): number {
    this.#histogram.advance(now);
    return this.#histogram.count < this.#minSamples ? 0 : this.#histogram.quantile(0.5);
  }

  #refresh(): void {
    this.#unread = 0;
    const { count } = this.#histogram;
    this.#currentMs = count < this.#minSamples ? this.#fallbackMs : this.#histogram.quantile(this.#share);
  }
}
