import { Alarm, type Clock } from '../core/clock.js';
import { weakly } from '../core/weak.js';

/** What has entries that expire. */
export interface Purgeable {
  purge(): void;
  /** Whether anything that is there will ever expire. */
  readonly isPending: boolean;
}

/**
 * One timer, armed only while something can expire. It never keeps the process alive, nor what it purges: a cache that
 * everybody has forgotten must not live on in its timer.
 */
export class PurgeTimer {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #purged: Pick<WeakRef<Purgeable>, 'deref'>;
  #alarm: Alarm | undefined = undefined;
  #isStopped = false;

  constructor(clock: Clock, everyMs: number, purged: Purgeable) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#purged = weakly(purged);
  }

  /** Something can expire. */
  arm(): void {
    if (this.#alarm !== undefined || this.#isStopped) return;
    this.#alarm = new Alarm(this.#clock, this.#everyMs, () => {
      this.#alarm = undefined;
      const purged = this.#purged.deref();
      purged?.purge();
      if (purged?.isPending) this.arm();
    });
    this.#alarm.unref();
  }

  stop(): void {
    this.#isStopped = true;
    this.#alarm?.clear();
    this.#alarm = undefined;
  }
}
