import type { QueueDiscipline, QueueState } from '../bulkhead/index.js';
import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { FifoMap } from '../core/fifo-map.js';
import { checkBoolean, readOptions } from '../core/options.js';

/** Options of `codelQueue`. */
export interface CodelQueueOptions {
  /**
   * The wait after which a call is rejected while the queue persists: a duration above 0, below `interval`. A lower value
   * keeps the latency lower and rejects more calls.
   * @defaultValue '5ms'
   */
  readonly target?: Duration | undefined;
  /**
   * The time after which a queue that was never empty counts as persistent: a duration above 0. It should be longer than
   * a burst that the queue is meant to absorb.
   * @defaultValue '100ms'
   */
  readonly interval?: Duration | undefined;
  /**
   * Whether the newest call of a priority is admitted first while the queue persists: its caller is the least likely to
   * have given up. If false, the oldest one that has waited for at most `target` is admitted.
   * @defaultValue true
   */
  readonly lifo?: boolean | undefined;
}

/**
 * Creates a queue discipline for `bulkhead` and `adaptiveLimit`: controlled delay (CoDel; Nichols and Jacobson, RFC
 * 8289) with adaptive LIFO, in the form for servers (Maurer, "Fail at Scale", ACM Queue 2015).
 *
 * A queue that is empty now and then absorbs bursts: waiters leave in arrival order, and none is rejected. A queue that
 * has not been empty for `interval` only adds delay. While it persists, waiters that have waited for longer than `target`
 * are rejected with `QueueTimeoutError` when a slot becomes free or a call finds the queue full, and the newest waiter
 * of the most important priority is admitted. That waiter is never rejected, so that a free slot is always used.
 *
 * O(1) amortized per waiter, no timer.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * import { bulkhead } from 'breakwater/bulkhead';
 *
 * const reports = bulkhead({ maxConcurrent: 8, maxQueue: 1000, queue: codelQueue() });
 * ```
 */
export function codelQueue(options?: CodelQueueOptions): QueueDiscipline {
  const owner = 'codelQueue';
  const own = readOptions<CodelQueueOptions>(owner, options, { target: '5ms', interval: '100ms', lifo: true });
  const intervalMs = toMs(owner, 'interval', own.interval);
  const targetMs = toMs(owner, 'target', own.target);
  if (targetMs >= intervalMs) {
    throw new InvalidOptionError(owner, 'target', `must be below "interval" (${intervalMs} ms)`, own.target);
  }
  const isNewestFirst = checkBoolean(owner, 'lifo', own.lifo);
  return { name: 'codel', start: (clock) => new CodelState(clock, { targetMs, intervalMs, isNewestFirst }) };
}

interface CodelSettings {
  readonly targetMs: number;
  readonly intervalMs: number;
  readonly isNewestFirst: boolean;
}

class CodelState implements QueueState {
  readonly isNewestFirst: boolean;
  readonly #clock: Clock;
  readonly #settings: CodelSettings;
  /** The time at which each waiter was enqueued, oldest first. */
  readonly #enqueuedAt = new FifoMap<object, number>();
  /** The time at which the queue was last empty. */
  #emptyAt = 0;
  /** Waits are counted from here at the earliest. */
  #restartedAt = -Infinity;

  constructor(clock: Clock, settings: CodelSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.isNewestFirst = settings.isNewestFirst;
  }

  add(waiter: object): void {
    const now = this.#clock.now();
    if (this.#enqueuedAt.size === 0) this.#emptyAt = now;
    this.#enqueuedAt.set(waiter, now);
  }

  remove(waiter: object): void {
    this.#enqueuedAt.delete(waiter);
  }

  isPersistent(): boolean {
    return this.#enqueuedAt.size > 0 && this.#clock.now() - this.#emptyAt >= this.#settings.intervalMs;
  }

  overdue(): readonly [waiter: object, waitedMs: number] | undefined {
    const { oldest } = this.#enqueuedAt;
    if (oldest === undefined) return undefined;
    const [waiter, enqueuedAt] = oldest;
    const waitedMs = this.#clock.now() - Math.max(enqueuedAt, this.#restartedAt);
    return waitedMs > this.#settings.targetMs ? [waiter, waitedMs] : undefined;
  }

  restart(): void {
    this.#restartedAt = this.#clock.now();
    this.#emptyAt = this.#restartedAt;
  }
}
