/**
 * The algorithms of other libraries, from their published formulas: Netflix's Gradient2 and Vegas (concurrency-limits),
 * Envoy's gradient controller, and failsafe-go's adaptive limiter. Each is a pure function from a window of samples to
 * a limit. They are ports of the algorithms, not of the products.
 */
import type { LimitAlgorithm, LimitBounds } from 'breakwater/overload';

/** One window of samples. */
interface Window {
  /** The latencies in milliseconds, in ascending order. */
  readonly latencies: readonly number[];
  /** The largest number of calls in flight. */
  readonly peak: number;
  /** Whether a call in the window showed an overload. */
  readonly dropped: boolean;
  readonly limit: number;
  readonly now: number;
}

/** Returns an algorithm from a function that creates the rule of one limit: window → limit. */
function windowed(
  name: string,
  { everyMs, minSamples, countsDrops = true }: { everyMs: number; minSamples: number; countsDrops?: boolean },
  makeRule: (bounds: LimitBounds) => (window: Window) => number,
): LimitAlgorithm {
  return {
    name,
    start(bounds) {
      const rule = makeRule(bounds);
      let latencies: number[] = [];
      let [peak, dropped, endsAt, limit] = [0, false, 0, bounds.initialLimit];
      return {
        reason: 'growth',
        sample(latencyMs, inFlight, isOverload, now) {
          if (isOverload && !countsDrops) return limit;
          dropped ||= isOverload;
          latencies.push(latencyMs);
          peak = Math.max(peak, inFlight);
          if (now < endsAt || latencies.length < minSamples) return limit;
          latencies.sort((a, b) => a - b);
          const next = rule({ latencies, peak, dropped, limit, now });
          limit = Math.min(bounds.maxLimit, Math.max(bounds.minLimit, next));
          latencies = [];
          [peak, dropped, endsAt] = [0, false, now + everyMs];
          return limit;
        },
      };
    },
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor(sorted.length * q)]!;
const clamp = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, value));

/** log₁₀ as Netflix and failsafe-go use it: an integer ≥ 1. */
const log10 = (value: number): number => Math.max(1, Math.floor(Math.log10(Math.max(1, value))));

/** An exponential moving average that begins as the mean of its first ten values. */
function average(age: number, warmUp = 10): (value: number) => number {
  let [current, count] = [0, 0];
  return (value) => {
    count++;
    current = count <= warmUp ? (current * (count - 1) + value) / count : current + ((value - current) * 2) / (age + 1);
    return current;
  };
}

/** Netflix Gradient2: the gradient of a long average to the latency of the window, with room for a queue of 4. */
export const gradient2 = windowed('Gradient2', { everyMs: 1000, minSamples: 10 }, () => {
  const [tolerance, queue, smoothing] = [1.5, 4, 0.2];
  let [long, count] = [0, 0];
  return ({ latencies, peak, limit }) => {
    const short = mean(latencies);
    count++;
    long = count <= 10 ? (long * (count - 1) + short) / count : long + ((short - long) * 2) / 601;
    if (long > 2 * short) long *= 0.95;
    if (peak < limit / 2) return limit;
    const gradient = clamp((tolerance * long) / short, 0.5, 1);
    return Math.min(200, limit * (1 - smoothing) + (limit * gradient + queue) * smoothing);
  };
});

/** Netflix Vegas: keeps the estimated queue in the dependency between two bounds. */
export const vegas = windowed('Vegas', { everyMs: 1000, minSamples: 10 }, () => {
  let [noLoad, windows] = [0, 0];
  return ({ latencies, peak, dropped, limit }) => {
    const latency = mean(latencies);
    if (++windows > 30 * limit * 0.75) [windows, noLoad] = [0, latency];
    if (noLoad === 0 || latency < noLoad) {
      noLoad = latency;
      return limit;
    }
    const queue = Math.ceil(limit * (1 - noLoad / latency));
    const step = log10(limit);
    if (dropped) return limit - step;
    if (peak * 2 < limit) return limit;
    if (queue <= step) return limit + 6 * step;
    if (queue < 3 * step) return limit + step;
    return queue > 6 * step ? limit - step : limit;
  };
});

/** Envoy's gradient controller: measures the minimal latency with the limit pinned to 3, every 30 s to 33 s. */
export const envoyGradient: LimitAlgorithm = {
  name: 'Envoy gradient',
  start(bounds) {
    const pinned = 3;
    const running = windowed('', { everyMs: 100, minSamples: 5 }, () => ({ latencies, limit }) => {
      const scaled = limit * clamp((minLatency * 1.25) / quantile(latencies, 0.5), 0.5, 2);
      return Math.max(pinned, scaled + Math.sqrt(scaled));
    }).start({ ...bounds, initialLimit: pinned });
    let minLatency = 0;
    let probe: number[] | undefined = [];
    let [nextProbe, rounds] = [0, 0];
    return {
      reason: 'growth',
      sample(latencyMs, inFlight, isOverload, now) {
        if (probe === undefined) {
          const limit = running.sample(latencyMs, inFlight, isOverload, now);
          if (now < nextProbe) return limit;
          probe = [];
          return pinned;
        }
        probe.push(latencyMs);
        if (probe.length < 50) return pinned;
        minLatency = quantile(
          probe.sort((a, b) => a - b),
          0.5,
        );
        probe = undefined;
        // A jitter of up to 10 %, without a random source: the golden ratio spreads the rounds evenly.
        nextProbe = now + 30_000 * (1 + 0.1 * ((++rounds * 0.618) % 1));
        return pinned;
      },
    };
  },
};

/** The correlation of two series over the last `size` pairs, and the coefficient of variation of the second one. */
function correlation(size: number): (x: number, y: number) => readonly [correlation: number, variation: number] {
  const pairs: [number, number][] = [];
  return (x, y) => {
    pairs.push([x, y]);
    if (pairs.length > size) pairs.shift();
    if (pairs.length < 10) return [0, 0];
    const [meanX, meanY] = [mean(pairs.map((pair) => pair[0])), mean(pairs.map((pair) => pair[1]))];
    let [xy, xx, yy] = [0, 0, 0];
    for (const [a, b] of pairs) {
      xy += (a - meanX) * (b - meanY);
      xx += (a - meanX) ** 2;
      yy += (b - meanY) ** 2;
    }
    const variationX = Math.sqrt(xx / pairs.length) / meanX;
    const variationY = Math.sqrt(yy / pairs.length) / meanY;
    return [variationX < 0.01 || variationY < 0.01 ? 0 : xy / Math.sqrt(xx * yy), variationY];
  };
}

/** failsafe-go: Vegas bounds on the p90, and decreases when load correlates with latency but not with throughput. */
export const failsafeGo = windowed('failsafe-go', { everyMs: 1000, minSamples: 50, countsDrops: false }, () => {
  const recent: number[] = [];
  const [smooth, baseline] = [average(5), average(10)];
  const [ofThroughput, ofLatency] = [correlation(50), correlation(50)];
  return ({ latencies, peak, limit }) => {
    recent.push(quantile(latencies, 0.9));
    if (recent.length > 5) recent.shift();
    const latency = smooth([...recent].sort((a, b) => a - b)[recent.length >> 1]!);
    const queue = Math.ceil(limit * (1 - baseline(latency) / latency));
    const [throughput, variation] = ofThroughput(peak, peak / latency);
    const [rising] = ofLatency(peak, latency);
    const isFull = peak >= Math.floor(limit);
    const isSaturated = throughput < 0 || (rising > 0.5 && (throughput < 0.3 || variation < 0.2));
    const step = log10(limit);
    let next = limit;
    if (queue > 6 * step || (isFull && isSaturated)) next -= step;
    else if (queue < 3 * step) next += step;
    const max = peak * 5;
    if (next > max) next = limit > max ? limit - step : max;
    return Math.min(200, next);
  };
});
