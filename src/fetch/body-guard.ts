import { scopeOf } from '../core/abort-scope.js';
import { CutOffLink } from '../core/cut-off-link.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { TimeoutError } from '../core/errors.js';
import { whenCollected } from '../core/weak.js';

/** What ends the body of one response from outside: the caller's signal, and the time that may be spent on reading it. */
export abstract class BodyGuard {
  readonly #onEnd: (() => void)[] = [];
  #deadline: ReadingTime | undefined = undefined;
  /** How many reads are pending. */
  #reading = 0;
  #ended = false;

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Calls back once: when the body has been read, has failed, or was cancelled. */
  whenEnded(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onEnd.push(callback);
  }

  /** Cuts the body off when the signal aborts. */
  follow(signal: AbortSignal): void {
    if (this.#ended) return;
    if (signal.aborted) {
      this.cutOff(signal.reason);
      return;
    }
    const link = new CutOffLink(this);
    scopeOf(signal).enter(link);
    this.whenEnded(() => link.leave());
    forgotten.register(this, { link, cancel: this.release() });
  }

  /** Cuts the body off after the time of the list, whose timer keeps the process alive only while a read is pending. */
  limit(deadlines: DeadlineList): void {
    if (this.#ended) return;
    const deadline = new ReadingTime(this, deadlines.durationMs);
    this.#deadline = deadline;
    deadlines.add(deadline);
    if (this.#reading > 0) deadlines.hold(deadline);
    this.whenEnded(() => deadlines.remove(deadline));
  }

  /** Ends the body: reads that are pending, and all later ones, reject with the reason. */
  cutOff(reason: unknown): void {
    if (this.#ended) return;
    this.end();
    this.onCutOff(reason);
  }

  protected abstract onCutOff(reason: unknown): void;
  /** Returns what gives up the connection of a body that was dropped unread. It must not hold the guard. */
  protected abstract release(): (() => void) | undefined;

  protected beginReading(): void {
    this.#reading++;
    const { list } = this.#deadline ?? {};
    if (this.#reading === 1) list?.hold(this.#deadline as ReadingTime);
  }

  protected endReading(): void {
    this.#reading--;
    const { list } = this.#deadline ?? {};
    if (this.#reading === 0) list?.release(this.#deadline as ReadingTime);
  }

  protected end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const callback of this.#onEnd) callback();
  }
}

interface Forgotten {
  readonly link: CutOffLink;
  readonly cancel: (() => void) | undefined;
}

/** Releases what a body held that was dropped unread: its place behind the signal, and its connection. */
const forgotten = /* @__PURE__ */ whenCollected<Forgotten>(({ link, cancel }) => {
  link.leave();
  cancel?.();
});

class ReadingTime extends Deadline {
  readonly #guard: BodyGuard;
  readonly #timeoutMs: number;

  constructor(guard: BodyGuard, timeoutMs: number) {
    super();
    this.#guard = guard;
    this.#timeoutMs = timeoutMs;
  }

  onDue(): void {
    this.#guard.cutOff(new TimeoutError({ policy: 'resilientFetch body', timeoutMs: this.#timeoutMs }));
  }
}
