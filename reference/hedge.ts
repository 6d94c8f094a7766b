export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export interface HedgeOptions {
  readonly delayMs: number; // for example the 95th percentile of the latencies
  readonly maxHedges: number;
  readonly maxRatio: number; // hedges per call: without a cap, hedges double the load of a service that becomes slower
  readonly timers?: Timers;
}

/**
 * Hedged requests (Dean and Barroso, "The Tail at Scale", 2013): if a call takes unusually long, it is sent again, and
 * the first success wins. A failure starts the next hedge at once, and never ends a run that may still succeed. If all
 * runs fail, the first error is the result. Only for operations that may run twice at the same time. O(1) per call.
 */
export class Hedger {
  calls = 0;
  hedges = 0;
  constructor(readonly options: HedgeOptions) {}

  execute<T>(operation: (signal: AbortSignal, hedge: number) => Promise<T>): Promise<T> {
    const { delayMs, maxHedges, maxRatio, timers = globalThis as Timers } = this.options;
    this.calls++;
    return new Promise((resolve, reject) => {
      const running = new Map<number, AbortController>();
      const errors: unknown[] = [];
      let [started, timer]: [number, unknown] = [0, undefined];
      const start = () => {
        const [number, controller] = [started++, new AbortController()];
        running.set(number, controller);
        timers.clearTimeout(timer); // a failure may have come before the delay was over
        if (started <= maxHedges) timer = timers.setTimeout(hedge, delayMs);
        const run = async () => operation(controller.signal, number); // a synchronous throw becomes a rejection
        run().then(
          (value) => running.delete(number) && finish(() => resolve(value)), // false for a loser
          (error) => running.delete(number) && fail(error),
        );
      };
      const hedge = () => {
        if (started > maxHedges || this.hedges + 1 > maxRatio * this.calls) return; // what runs, continues
        this.hedges++;
        start();
      };
      const fail = (error: unknown) => {
        errors.push(error);
        hedge();
        if (running.size === 0) finish(() => reject(errors[0]));
      };
      const finish = (settle: () => void) => {
        settle();
        timers.clearTimeout(timer);
        for (const controller of running.values()) controller.abort();
        running.clear();
      };
      start();
    });
  }
}
