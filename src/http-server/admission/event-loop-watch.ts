import type { Clock, TimerHandle } from '../../core/clock.js';

/** How often the event loop is sampled, in milliseconds. */
const TICK_MS = 10;

/** How long the largest delay of the event loop counts, in milliseconds: shedding does not change faster than this. */
const HOLD_MS = 1000;

/** A delay above this is a machine that was suspended, not an overload. */
const SUSPEND_MS = 60_000;

/** How often utilization and memory are sampled, in milliseconds. */
const SLOW_SAMPLE_MS = 500;

/** A number between 0 and 1, sampled slowly; the largest value counts for `HOLD_MS`. */
export type Gauge = () => number;

/**
 * Watches the event loop with one timer that does not keep the process alive. A delay is visible in two ways: in the
 * age of the last tick, which shows a block that is not over for the timer, and in how late the last ticks were. The
 * largest delay of the last second counts.
 */
export class EventLoopWatch {
  readonly #clock: Clock;
  readonly #gauges: readonly Gauge[];
  readonly #values: Held[];
  readonly #delay = new Held();
  #expectedAt: number;
  #sampledAt: number;
  #timer: unknown;
  #isDisposed = false;

  constructor(clock: Clock, gauges: readonly Gauge[]) {
    this.#clock = clock;
    this.#gauges = gauges;
    this.#values = gauges.map(() => new Held());
    const now = clock.now();
    this.#sampledAt = now;
    this.#expectedAt = Infinity; // until the first tick: the program may still be starting
    this.#arm();
    for (const gauge of gauges) gauge();
  }

  /** Returns the largest delay of the event loop in the last second, in milliseconds. */
  delayAt(now: number): number {
    const age = now - this.#expectedAt;
    return Math.max(this.#delay.at(now), age > 0 && age <= SUSPEND_MS ? age : 0);
  }

  /** Returns the largest value of a gauge in the last second. */
  gaugeAt(index: number, now: number): number {
    return this.#values[index]?.at(now) ?? 0;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#isDisposed) return;
    this.#timer = this.#clock.setTimeout(this.#tick, TICK_MS);
    (this.#timer as TimerHandle | undefined)?.unref?.();
  }

  readonly #tick = (): void => {
    const now = this.#clock.now();
    const lateMs = now - this.#expectedAt;
    if (lateMs <= SUSPEND_MS) this.#delay.add(Math.max(0, lateMs), now);
    if (now - this.#sampledAt >= SLOW_SAMPLE_MS) {
      this.#sampledAt = now;
      for (const [index, gauge] of this.#gauges.entries()) this.#values[index]?.add(gauge(), now);
    }
    this.#expectedAt = now + TICK_MS;
    this.#arm();
  };
}

/** The largest value of the last second. O(1): a smaller value replaces a larger one only when that has aged. */
class Held {
  #value = 0;
  #addedAt = -Infinity;

  add(value: number, now: number): void {
    if (value < this.#value && now - this.#addedAt < HOLD_MS) return;
    this.#value = value;
    this.#addedAt = now;
  }

  at(now: number): number {
    // A value outlives the hold until the next sample, which is at most one slow sample away.
    return now - this.#addedAt < HOLD_MS + SLOW_SAMPLE_MS ? this.#value : 0;
  }
}

interface NodePerformance {
  eventLoopUtilization?(current?: object, earlier?: object): { readonly utilization: number };
}

/**
 * Returns a gauge of the share of time in which the event loop was busy since the gauge was last read, and not since the
 * process was started. Always 0 where the runtime does not measure it.
 */
export function utilizationGauge(): Gauge {
  const { performance } = globalThis as unknown as { readonly performance?: NodePerformance };
  let earlier: object | undefined;
  return () => {
    const current = performance?.eventLoopUtilization?.();
    if (current === undefined) return 0;
    const { utilization } = performance?.eventLoopUtilization?.(current, earlier) ?? current;
    earlier = current;
    return utilization;
  };
}

interface NodeProcess {
  getBuiltinModule?(
    name: 'node:v8',
  ): { getHeapStatistics(): { readonly used_heap_size: number; readonly heap_size_limit: number } } | undefined;
}

/** Returns a gauge of the share of the heap limit that is in use. Always 0 where the runtime does not report it. */
export function heapGauge(): Gauge {
  const { process } = globalThis as unknown as { readonly process?: NodeProcess };
  const v8 = process?.getBuiltinModule?.('node:v8');
  return () => {
    if (v8 === undefined) return 0;
    const { used_heap_size, heap_size_limit } = v8.getHeapStatistics();
    return heap_size_limit > 0 ? used_heap_size / heap_size_limit : 0;
  };
}
