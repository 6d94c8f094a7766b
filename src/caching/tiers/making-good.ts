import { Alarm, type Clock } from '../../core/clock.js';
import type { PendingInvalidation, PendingInvalidations } from './doubts.js';

/** How long after it has failed the store is told again what it could not be told. */
const PAUSE_MS = 1000;

/** Tells the store again what it could not be told: every second, one after the other, until it fails again. */
export class InvalidationRetrier {
  readonly #clock: Clock;
  readonly #pending: PendingInvalidations;
  readonly #retry: (what: PendingInvalidation['target']) => Promise<boolean>;
  readonly #onDone: (what: PendingInvalidation['target']) => void;
  #alarm: Alarm | undefined = undefined;
  #isRunning = false;

  /**
   * @param tell - tells the store; gives whether it has done it. Never rejects.
   * @param onDone - called when it has.
   */
  constructor(
    clock: Clock,
    doubts: PendingInvalidations,
    tell: (what: PendingInvalidation['target']) => Promise<boolean>,
    onDone: (what: PendingInvalidation['target']) => void,
  ) {
    this.#clock = clock;
    this.#pending = doubts;
    this.#retry = tell;
    this.#onDone = onDone;
  }

  /** The store was told, and has not done it. */
  schedule(doubt: PendingInvalidation): void {
    this.#pending.fail(doubt);
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
    for (let doubt = this.#pending.nextFailed(); doubt !== undefined; doubt = this.#pending.nextFailed()) {
      if (!(await this.#retry(doubt.target))) {
        this.schedule(doubt);
        break;
      }
      this.#pending.resolve(doubt);
      this.#onDone(doubt.target);
    }
    this.#isRunning = false;
  }
}
