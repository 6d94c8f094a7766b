import { Alarm, type Clock } from '../core/clock.js';
import { weakly } from '../core/weak.js';

/** An object whose expired entries a `PurgeTimer` removes. */
export interface Purgeable {
  purge(): void;
  /** Whether any entry will ever expire. */
  readonly isPending: boolean;
}

/**
 * A timer that is armed only while an entry can expire. It keeps neither the process nor the cache alive: a cache
 * without other references can be garbage collected.
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

  /** Starts the timer if it is not running. Called when an entry with a TTL is stored. */
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
