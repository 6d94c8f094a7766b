import type { LimitAlgorithm, LimitBounds, LimitReason, LimitState } from './limit-algorithm.js';

/** A window lasts at least this long and has at least this many samples … */
const WINDOW_MS = 1000;
const WINDOW_SAMPLES = 50;
/** … or it lasts this long, if calls are rare. */
const LONG_WINDOW_MS = 5000;
const FEW_SAMPLES = 5;

/** The latency may be this many times the baseline before the limit shrinks. */
const TOLERANCE = 2;
/** Each window adds `HEADROOM` × √limit: room for the random arrivals of calls, which grow with the square root. */
const HEADROOM = 2;
/** If latency shows no queue, a window multiplies the limit by 1 + this instead, when that is more. */
const FAST_GROWTH = 0.25;
/** The factor of one window is never below this. */
const LARGEST_DECREASE = 0.5;
/** A share x of calls that show an overload multiplies the limit by 1 - 2x; from x = 0.1, the limit does not grow. */
const OVERLOAD_WEIGHT = 2;
const NO_GROWTH_SHARE = 0.1;

/** The share of the limit that is left during a probe. Convergence needs `TOLERANCE` × `PROBE_SHARE` < 1. */
const PROBE_SHARE = 0.25;
/** A probe leaves at least this many slots. */
const PROBE_FLOOR = 4;
/** A baseline is valid for this many windows, and for a limit of at most twice the one it was measured at. */
const VALID_WINDOWS = 30;
const VALID_GROWTH = 2;
/** A probe ends after this time with this many samples … */
const PROBE_MS = 250;
const PROBE_SAMPLES = 100;
/** … or after a window with this many, or after a long window. */
const FEW_PROBE_SAMPLES = 20;
/** A probe without enough samples is given up after this time, since calls have become rare. */
const LONGEST_PROBE_MS = 60_000;

/** In an idle window that is slower than the baseline, the baseline moves by this share of the difference. */
const BASELINE_STEP = 0.3;

/**
 * The default algorithm: a gradient to a baseline of latency that is measured again and again.
 *
 * ```
 * each window:  limit' = limit × clamp(2 × baseline / latency, 0.5, 1) + 2 × √limit
 * ```
 *
 * The step is that of Envoy's gradient controller. The baseline is the latency without a queue, as in TCP Vegas (Brakmo
 * and Peterson, 1995) and BBR (Cardwell et al., 2016). A baseline that averages the latency would drift up in a long
 * overload, and a minimum that never rises would limit a dependency that has legitimately become slower. This one is
 * the minimum since the last probe. A probe leaves a quarter of the limit for a moment, so that the queue drains, and
 * its latency becomes the baseline: if the queue was our own, it has shrunk, and otherwise the dependency is that slow.
 * There is a probe only if calls are limited: a limit that rejects nothing is never lowered to measure.
 *
 * If the dependency has a fixed capacity, the limit converges to a point even without any knowledge of the true
 * latency: in a probe the queue is a quarter, so limit = limit × 2 × ¼ + 2 × √limit, which is 16. Otherwise it
 * approaches twice the number of calls that the dependency can work on, and 2 × √limit more.
 *
 * The latency of a window is the power mean with exponent ½ of its samples. As a robust mean it has half the noise of
 * the arithmetic one where 5 % of the calls take ten times as long, and needs no memory of samples as a median does.
 *
 * The memory of one limit is a dozen numbers.
 */
export function probingLimit(): LimitAlgorithm {
  return { name: 'probing', start: (bounds) => new ProbingState(bounds) };
}

class ProbingState implements LimitState {
  reason: LimitReason = 'growth';
  readonly #bounds: LimitBounds;
  readonly #window = new SampleWindow();
  /** The limit outside of probes, not rounded. */
  #limit: number;
  /** The latency without a queue; `Infinity` before the first window. */
  #baselineMs = Infinity;
  /** The number of windows since the baseline was measured without a queue of our own. */
  #windowsSinceProbe = Infinity;
  /** The limit at that time. */
  #limitAtProbe = 0;
  /** The time at which the current probe began; undefined without one. */
  #probeStart: number | undefined = undefined;

  constructor(bounds: LimitBounds) {
    this.#bounds = bounds;
    this.#limit = bounds.initialLimit;
  }

  get baselineMs(): number {
    return this.#baselineMs;
  }

  sample(latencyMs: number, inFlight: number, isOverload: boolean, now: number): number {
    if (this.#probeStart !== undefined)
      return this.#sampleProbe(this.#probeStart, latencyMs, inFlight, isOverload, now);
    this.#window.add(latencyMs, inFlight, isOverload, now);
    return this.#window.isComplete(now) ? this.#endWindow(now) : this.#limit;
  }

  /** Forgets the samples of the current window, since this process was late. */
  discard(now: number): void {
    this.#window.clear(now);
  }

  #endWindow(now: number): number {
    const { peak, latencyMs, overloadShare } = this.#window;
    const isLimited = peak >= Math.floor(this.#limit);
    this.#window.clear(now);
    this.#windowsSinceProbe++;
    if (peak <= this.#limit * PROBE_SHARE && overloadShare === 0) this.#followIdleLatency(latencyMs);
    else this.#baselineMs = Math.min(this.#baselineMs, latencyMs);
    if (peak * 2 >= this.#limit || overloadShare > 0) this.#limit = this.#nextLimit(latencyMs, overloadShare);
    return isLimited && this.#needsProbe ? this.#startProbe(now) : this.#limit;
  }

  /** A window that has used at most a quarter of the limit is as good as a probe. */
  #followIdleLatency(latencyMs: number): void {
    const step = latencyMs < this.#baselineMs ? 1 : BASELINE_STEP;
    this.#baselineMs = this.#baselineMs === Infinity ? latencyMs : mix(this.#baselineMs, latencyMs, step);
    this.#onMeasured();
  }

  #nextLimit(latencyMs: number, overloadShare: number): number {
    const { minLimit, maxLimit } = this.#bounds;
    const limit = this.#limit;
    const gradient = latencyMs > 0 ? Math.min(1, (TOLERANCE * this.#baselineMs) / latencyMs) : 1;
    const relief = 1 - OVERLOAD_WEIGHT * overloadShare;
    const headroom = HEADROOM * Math.sqrt(limit);
    const growth = gradient === 1 ? Math.max(headroom, FAST_GROWTH * limit) : headroom;
    const next =
      limit * Math.max(LARGEST_DECREASE, Math.min(gradient, relief)) +
      growth * Math.max(0, 1 - overloadShare / NO_GROWTH_SHARE);
    if (next < limit) this.reason = relief < gradient ? 'overload' : 'latency';
    else this.reason = 'growth';
    return Math.min(maxLimit, Math.max(minLimit, next));
  }

  get #needsProbe(): boolean {
    if (this.#limit <= Math.max(PROBE_FLOOR, this.#bounds.minLimit)) return false;
    return this.#windowsSinceProbe >= VALID_WINDOWS || this.#limit > VALID_GROWTH * this.#limitAtProbe;
  }

  #startProbe(now: number): number {
    this.#probeStart = now;
    this.reason = 'probe';
    return this.#probeLimit;
  }

  get #probeLimit(): number {
    return Math.max(this.#limit * PROBE_SHARE, Math.min(PROBE_FLOOR, this.#limit), this.#bounds.minLimit);
  }

  #sampleProbe(start: number, latencyMs: number, inFlight: number, isOverload: boolean, now: number): number {
    // A call that began before the probe was in the queue that the probe lets drain.
    if (now - latencyMs >= start) this.#window.add(latencyMs, inFlight, isOverload, now);
    const { samples } = this.#window;
    const lasted = now - start;
    const isOver =
      (samples >= PROBE_SAMPLES && lasted >= PROBE_MS) ||
      (samples >= FEW_PROBE_SAMPLES && lasted >= WINDOW_MS) ||
      (samples >= FEW_SAMPLES && lasted >= LONG_WINDOW_MS) ||
      lasted >= LONGEST_PROBE_MS;
    if (!isOver) return this.#probeLimit;
    if (samples >= FEW_SAMPLES && this.#window.overloadShare < 0.5) this.#baselineMs = this.#window.latencyMs;
    this.#window.clear(now);
    this.#probeStart = undefined;
    this.reason = 'growth'; // back to the limit before the probe
    this.#onMeasured();
    return this.#limit;
  }

  #onMeasured(): void {
    this.#windowsSinceProbe = 0;
    this.#limitAtProbe = this.#limit;
  }
}

/** The samples of one window, as sums. */
class SampleWindow {
  samples = 0;
  /** The largest number of calls in flight. */
  peak = 0;
  #overloads = 0;
  #sumOfRoots = 0;
  /** The start of the window; undefined before its first sample. */
  #start: number | undefined = undefined;

  add(latencyMs: number, inFlight: number, isOverload: boolean, now: number): void {
    this.#start ??= now - latencyMs;
    this.samples++;
    if (inFlight > this.peak) this.peak = inFlight;
    if (isOverload) this.#overloads++;
    this.#sumOfRoots += Math.sqrt(latencyMs);
  }

  isComplete(now: number): boolean {
    const lasted = now - (this.#start ?? now);
    return (
      (lasted >= WINDOW_MS && this.samples >= WINDOW_SAMPLES) ||
      (lasted >= LONG_WINDOW_MS && this.samples >= FEW_SAMPLES)
    );
  }

  get latencyMs(): number {
    return (this.#sumOfRoots / this.samples) ** 2;
  }

  get overloadShare(): number {
    return this.#overloads / this.samples;
  }

  clear(now: number): void {
    this.samples = 0;
    this.peak = 0;
    this.#overloads = 0;
    this.#sumOfRoots = 0;
    this.#start = now;
  }
}

const mix = (from: number, to: number, share: number): number => from + (to - from) * share;
