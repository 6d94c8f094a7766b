import { Alarm, type Clock } from '../core/clock.js';
import type { PendingInvalidation, PendingInvalidations } from './pending-invalidations.js';

/** How long after it has failed the store is told again what it could not be told. */
const PAUSE_MS = 1000;

/** Tells the store again what it could not be told: every second, one after the other, until it fails again. */
export class InvalidationRetrier {
  readonly #clock: Clock;
  readonly #pending: PendingInvalidations;
  readonly #retry: (target: PendingInvalidation['target']) => Promise<boolean>;
  readonly #onDone: (target: PendingInvalidation['target']) => void;
  #alarm: Alarm | undefined = undefined;
  #isRunning = false;

  /**
   * @param tell - tells the store; gives whether it has done it. Never rejects.
   * @param onDone - called when it has.
   */
  constructor(
    clock: Clock,
    pending: PendingInvalidations,
    tell: (target: PendingInvalidation['target']) => Promise<boolean>,
    onDone: (target: PendingInvalidation['target']) => void,
  ) {
    this.#clock = clock;
    this.#pending = pending;
    this.#retry = tell;
    this.#onDone = onDone;
  }

  /** The store was told, and has not done it. */
  schedule(invalidation: PendingInvalidation): void {
    this.#pending.fail(invalidation);
    if (this.#alarm !== undefined) return;
    this.#alarm = new Alarm(this.#clock, PAUSE_MS, () => {
      this.#alarm = undefined;
      this.run();
    });
    this.#alarm.unref();
  }

  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let invalidation = this.#pending.nextFailed(); invalidation !== undefined; invalidation = this.#pending.nextFailed()) {
      if (!(await this.#retry(invalidation.target))) {
        this.schedule(invalidation);
        break;
      }
      this.#pending.resolve(invalidation);
      this.#onDone(invalidation.target);
    }
    this.#isRunning = false;
  }
}
