import { AbortNode, type AbortScope, checkSignal, scopeOf } from './abort-scope.js';
import { Alarm, type Clock, checkClock } from './clock.js';
import { InvalidOptionError } from './errors.js';
import { readOptions } from './options.js';

/** Options of `sleep`. */
export interface SleepOptions {
  /** The clock that measures the sleep. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** Ends the sleep early: the promise rejects immediately with the signal's abort reason. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * Resolves after `ms` milliseconds, never earlier. `ms` may exceed 2^31 - 1; with `Infinity` the sleep lasts until the
 * signal aborts. Costs one timer.
 *
 * @throws InvalidOptionError if `ms` is not a number ≥ 0 or an option is invalid; the error is a rejection.
 * @example
 * ```ts
 * const controller = new AbortController();
 * setTimeout(() => controller.abort(new Error('woken up')), 10);
 * await sleep(60_000, { signal: controller.signal }).catch((reason) => console.log(reason.message));
 * ```
 */
export async function sleep(ms: number, options?: SleepOptions): Promise<void> {
  const own = readOptions('sleep', options, { clock: undefined, signal: null });
  const clock = checkClock('sleep', own.clock);
  const signal = checkSignal('sleep', own.signal);
  if (signal?.aborted) throw signal.reason;
  await sleepIn(signal === null ? undefined : scopeOf(signal), clock, ms);
}

/** Sleeps until the time has passed or the scope is aborted. */
export function sleepIn(scope: AbortScope | undefined, clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (typeof ms !== 'number' || !(ms >= 0)) throw new InvalidOptionError('sleep', 'ms', 'must be a number ≥ 0', ms);
    const sleeping = new Sleep(clock, ms, resolve, reject);
    scope?.enter(sleeping);
  });
}

/** A timer that an abort cancels. */
class Sleep extends AbortNode {
  readonly #alarm: Alarm;
  readonly #reject: (reason: unknown) => void;

  constructor(clock: Clock, ms: number, resolve: () => void, reject: (reason: unknown) => void) {
    super();
    this.#reject = reject;
    this.#alarm = new Alarm(clock, ms, () => {
      this.leave();
      resolve();
    });
  }

  onAbort(reason: unknown): void {
    this.#alarm.clear();
    this.#reject(reason);
  }
}
