import { type AbortScope, scopeOf } from '../core/abort-scope.js';
import type { AmbientContext } from '../core/ambient.js';
import { CutOffLink } from '../core/cut-off-link.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { TimeoutError } from '../core/errors.js';
import { whenCollected } from '../core/weak.js';
import type { BodyContinuation } from './resumption.js';

/**
 * Controls the body of one response after the headers: the caller's signal and the time limit for reading can end it.
 */
export abstract class BodyGuard {
  readonly #onEnd: (() => void)[] = [];
  #onSourceEnd: (() => void)[] = [];
  #deadline: BodyDeadline | undefined = undefined;
  #idle: IdleDeadline | undefined = undefined;
  /** The number of pending reads. */
  #pendingReads = 0;
  #ended = false;

  /** Whether the body has been read, has failed, or was cancelled. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Calls `callback` once, when the body has been read, has failed, or was cancelled. */
  whenEnded(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onEnd.push(callback);
  }

  /**
   * Calls `callback` once, when the response that the body began with needs no connection any more: when the body has
   * ended, or earlier if it is resumed by another response.
   */
  whenSourceEnded(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onSourceEnd.push(callback);
  }

  /** Cuts off the body when the signal aborts. */
  follow(signal: AbortSignal): void {
    if (this.#ended) return;
    if (signal.aborted) {
      this.cutOff(signal.reason);
      return;
    }
    this.#followScope(scopeOf(signal));
  }

  /** Cuts off the body when the caller's request context is over. */
  followContext(context: AmbientContext): void {
    if (this.#ended) return;
    const reason = context['~rejection']('resilientFetch body');
    if (reason === undefined) this.#followScope(context['~scope']);
    else this.cutOff(reason);
  }

  #followScope(scope: AbortScope): void {
    const link = new CutOffLink(this);
    scope.enter(link);
    this.whenEnded(() => link.leave());
    this.#closeWhenCollected(link);
  }

  /**
   * Closes the connection of a body that was dropped unread and has no other limit. `follow` does so too.
   */
  closeWhenDropped(): void {
    if (!this.#ended) this.#closeWhenCollected(undefined);
  }

  #closeWhenCollected(link: CutOffLink | undefined): void {
    collectedBodies.register(this, { link, cancel: this.release() });
  }

  /**
   * Cuts off the body after the duration of the list, whose timer keeps the process alive only while a read is pending.
   */
  limit(deadlines: DeadlineList): void {
    if (this.#ended) return;
    const deadline = new BodyDeadline(this, deadlines.durationMs);
    this.#deadline = deadline;
    deadlines.add(deadline);
    if (this.#pendingReads > 0) deadlines.hold(deadline);
    this.whenEnded(() => deadlines.remove(deadline));
  }

  /**
   * Cuts off the body when a pending read has waited for a chunk for the duration of the list. A body that is not read
   * is not idle.
   */
  limitIdle(deadlines: DeadlineList): void {
    this.#idle = new IdleDeadline(this, deadlines);
  }

  /** Sets the supplier of the rest of the body, for when its source fails. Has no effect on a body that has none. */
  continueWith(_continuation: BodyContinuation): void {}

  /** Handles a read that has waited for a chunk for too long. */
  onIdle(error: unknown): void {
    this.cutOff(error);
  }

  /** Ends the body: pending and later reads reject with the reason. */
  cutOff(reason: unknown): void {
    if (this.#ended) return;
    this.end();
    this.onCutOff(reason);
  }

  /** Makes the reads of the body reject. */
  protected abstract onCutOff(reason: unknown): void;
  /**
   * Returns a function that closes the connection of a body that was dropped unread. The function must not reference
   * the guard.
   */
  protected abstract release(): (() => void) | undefined;

  /** Counts a read that begins. */
  protected beginReading(): void {
    this.#pendingReads++;
    const { list } = this.#deadline ?? {};
    if (this.#pendingReads === 1) list?.hold(this.#deadline as BodyDeadline);
  }

  /** Counts a read that ends. */
  protected endReading(): void {
    this.#pendingReads--;
    const { list } = this.#deadline ?? {};
    if (this.#pendingReads === 0) list?.release(this.#deadline as BodyDeadline);
  }

  protected get isLimitedIdle(): boolean {
    return this.#idle !== undefined;
  }

  /** Starts the time limit for the next chunk. */
  protected beginWaiting(): void {
    this.#idle?.begin();
  }

  /** Ends the time limit for the next chunk. */
  protected endWaiting(): void {
    this.#idle?.end();
  }

  /** Marks the response that the body has come from so far as ended. */
  protected endSource(): void {
    const callbacks = this.#onSourceEnd;
    this.#onSourceEnd = [];
    for (const callback of callbacks) callback();
  }

  /** Marks the body as ended and notifies the callbacks. */
  protected end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#idle?.end();
    this.endSource();
    for (const callback of this.#onEnd) callback();
  }
}

interface CollectedBody {
  readonly link: CutOffLink | undefined;
  readonly cancel: (() => void) | undefined;
}

/**
 * Releases the resources of a body that was dropped unread and garbage-collected: its node in the signal's scope and
 * its connection.
 */
const collectedBodies = /* @__PURE__ */ whenCollected<CollectedBody>(({ link, cancel }) => {
  link?.leave();
  cancel?.();
});

/** The time limit for reading one body. */
class BodyDeadline extends Deadline {
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

/** The time limit for one chunk. It is in its list only while a read waits for a chunk. */
class IdleDeadline extends Deadline {
  readonly #guard: BodyGuard;
  readonly #deadlines: DeadlineList;

  constructor(guard: BodyGuard, deadlines: DeadlineList) {
    super();
    this.#guard = guard;
    this.#deadlines = deadlines;
  }

  begin(): void {
    this.end();
    delete this.stalledMs; // of an earlier wait
    this.#deadlines.add(this);
  }

  end(): void {
    this.#deadlines.remove(this);
  }

  onDue(timeoutMs: number): void {
    this.#guard.onIdle(new TimeoutError({ policy: 'resilientFetch body idle', timeoutMs }));
  }
}
