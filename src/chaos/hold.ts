import { AbortNode, type AbortScope } from '../core/abort-scope.js';
import { Alarm, type Clock } from '../core/clock.js';

/** What a hold needs of the chaos that created it. */
interface Holder {
  readonly clock: Clock;
  /** Called once, when the hold is over for any reason. */
  onEnd(hold: Hold): void;
}

/**
 * A call that is made to wait. It ends when the time has passed, when the call is aborted, or when it is released; then
 * neither its timer nor its node in the abort scope remains.
 */
export class Hold extends AbortNode {
  /** Resolves at the end of the hold. Rejects with the abort reason when the call is aborted. */
  readonly done: Promise<void>;
  readonly #holder: Holder;
  readonly #alarm: Alarm;
  #resolve: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  /** @param scope - the scope of the call, which must not be aborted yet; undefined if nothing can abort the call. */
  constructor(holder: Holder, scope: AbortScope | undefined, ms: number) {
    super();
    this.#holder = holder;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#alarm = new Alarm(holder.clock, ms, () => this.release());
    scope?.enter(this);
  }

  /** Ends the hold before its time. */
  release(): void {
    this.#alarm.clear();
    this.leave();
    this.#holder.onEnd(this);
    this.#resolve();
  }

  onAbort(reason: unknown): void {
    this.#alarm.clear();
    this.#holder.onEnd(this);
    this.#reject(reason);
  }
}
