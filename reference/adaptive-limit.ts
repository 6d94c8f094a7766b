const newWindow = (start?: number) => ({ start, samples: 0, peak: 0, overloads: 0, sumOfRoots: 0 });

/**
 * Limits concurrent calls at a limit that follows the latency: each window of a second and 50 calls,
 *
 *     limit = limit × clamp(2 × baseline / latency, 0.5, 1) + 2 × √limit
 *
 * The baseline is the latency without a queue. It is measured in a probe, which leaves a quarter of the limit for a
 * moment, so that a queue of our own drains; between probes it only falls. A share x of calls that show an overload
 * (timeouts, 503) multiplies the limit by 1 - 2x. O(1) per call; the state is a dozen numbers.
 */
export class AdaptiveLimit {
  active = 0;
  limit: number; // rounded down
  baseline = Infinity;
  #exact: number; // outside of probes
  #window = newWindow();
  #windows = Infinity; // since the baseline was measured, at the limit …
  #measuredAt = 0;
  #probe: number | undefined; // the time at which the current probe began
  constructor(initial = 20) {
    this.limit = this.#exact = initial;
  }

  /** Begins a call, and returns a function that ends it; undefined if no call may begin now. */
  tryAcquire(start: number): ((end: number, isOverload: boolean) => void) | undefined {
    if (this.active >= this.limit) return undefined;
    const inFlight = ++this.active;
    return (end, isOverload) => {
      this.active--;
      this.#sample(end - start, inFlight, isOverload, end);
      const probed = Math.max(this.#exact / 4, Math.min(4, this.#exact));
      this.limit = Math.floor(this.#probe === undefined ? this.#exact : probed);
    };
  }

  #sample(latency: number, inFlight: number, isOverload: boolean, now: number): void {
    const [probe, w] = [this.#probe, this.#window];
    // A call that began before the probe was in the queue that the probe lets drain.
    if (probe === undefined || now - latency >= probe) {
      w.start ??= now - latency;
      w.samples++;
      w.peak = Math.max(w.peak, inFlight);
      w.overloads += isOverload ? 1 : 0;
      w.sumOfRoots += Math.sqrt(latency); // a mean that few slow calls do not move
    }
    const lasted = now - (probe ?? w.start!);
    const hasEnded = (ms: number, samples: number) => lasted >= ms && w.samples >= samples;
    const isOver = probe === undefined ? hasEnded(1000, 50) : hasEnded(250, 100) || hasEnded(1000, 20);
    if (!isOver && !hasEnded(5000, 5) && !(probe !== undefined && lasted >= 60_000)) return;
    const [mean, overload] = [(w.sumOfRoots / w.samples) ** 2, w.overloads / w.samples];
    if (probe === undefined) this.#endWindow(w.peak, mean, overload, now);
    else this.#endProbe(w.samples >= 5 && overload < 0.5 ? mean : this.baseline);
    this.#window = newWindow(now);
  }

  #endProbe(baseline: number): void {
    this.baseline = baseline;
    this.#probe = undefined;
    this.#windows = 0;
    this.#measuredAt = this.#exact;
  }

  #endWindow(peak: number, latency: number, overload: number, now: number): void {
    const limit = this.#exact;
    this.#windows++;
    if (latency < this.baseline) this.baseline = latency;
    // A window that has used little of the limit is as good as a probe.
    if (peak <= limit / 4 && overload === 0) this.#endProbe(this.baseline + (latency - this.baseline) * 0.3);
    if (peak * 2 >= limit || overload > 0) {
      const gradient = latency > 0 ? Math.min(1, (2 * this.baseline) / latency) : 1;
      const headroom = Math.max(2 * Math.sqrt(limit), gradient === 1 ? limit / 4 : 0);
      const shrunk = limit * Math.max(0.5, Math.min(gradient, 1 - 2 * overload));
      this.#exact = Math.max(1, shrunk + headroom * Math.max(0, 1 - overload / 0.1));
    }
    const isOld = this.#windows >= 30 || this.#exact > 2 * this.#measuredAt;
    if (peak >= Math.floor(limit) && this.#exact > 4 && isOld) this.#probe = now; // only if calls are rejected
  }
}
