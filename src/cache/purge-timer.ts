import { Alarm, type Clock } from '../core/clock.js';

/** One timer, armed only while something can expire. It never keeps the process alive. */
export class PurgeTimer {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #purge: () => boolean;
  #alarm: Alarm | undefined = undefined;
  #isStopped = false;

  /** @param purge - says whether more will expire. */
  constructor(clock: Clock, everyMs: number, purge: () => boolean) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#purge = purge;
  }

  /** Something can expire. */
  arm(): void {
    if (this.#alarm !== undefined || this.#isStopped) return;
    this.#alarm = new Alarm(this.#clock, this.#everyMs, () => {
      this.#alarm = undefined;
      if (this.#purge()) this.arm();
    });
    this.#alarm.unref();
  }

  stop(): void {
    this.#isStopped = true;
    this.#alarm?.clear();
    this.#alarm = undefined;
  }
}
