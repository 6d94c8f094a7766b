import { Alarm, type Clock } from '../../core/clock.js';
import type { Doubt, Doubts } from './doubts.js';

/** How long after it has failed the store is told again what it could not be told. */
const PAUSE_MS = 1000;

/** Tells the store again what it could not be told: every second, one after the other, until it fails again. */
export class MakingGood {
  readonly #clock: Clock;
  readonly #doubts: Doubts;
  readonly #tell: (what: Doubt['what']) => Promise<boolean>;
  readonly #onDone: (what: Doubt['what']) => void;
  #alarm: Alarm | undefined = undefined;
  #isRunning = false;

  /**
   * @param tell - tells the store; gives whether it has done it. Never rejects.
   * @param onDone - called when it has.
   */
  constructor(
    clock: Clock,
    doubts: Doubts,
    tell: (what: Doubt['what']) => Promise<boolean>,
    onDone: (what: Doubt['what']) => void,
  ) {
    this.#clock = clock;
    this.#doubts = doubts;
    this.#tell = tell;
    this.#onDone = onDone;
  }

  /** The store was told, and has not done it. */
  later(doubt: Doubt): void {
    this.#doubts.fail(doubt);
    if (this.#alarm !== undefined) return;
    this.#alarm = new Alarm(this.#clock, PAUSE_MS, () => {
      this.#alarm = undefined;
      this.now();
    });
    this.#alarm.unref();
  }

  async now(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let doubt = this.#doubts.nextFailed(); doubt !== undefined; doubt = this.#doubts.nextFailed()) {
      if (!(await this.#tell(doubt.what))) {
        this.later(doubt);
        break;
      }
      this.#doubts.settle(doubt);
      this.#onDone(doubt.what);
    }
    this.#isRunning = false;
  }
}
