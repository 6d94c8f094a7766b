import { AbortNode, AbortScope, scopeOf } from './abort-scope.js';
import { followContext } from './ambient.js';
import { Deadline, type DeadlineList } from './deadline-list.js';
import { RequestLife, timersBelongToRequests } from './request-life.js';

/**
 * One operation that is shared by any number of concurrent waiters: single flight. Each waiter can leave independently;
 * when the last one has left, the scope of the operation is aborted.
 */
export class SingleFlight<V, W extends FlightWaiter<V> = FlightWaiter<V>> {
  /** The scope of the operation; aborted when the last waiter has left. */
  readonly scope = new AbortScope();
  /** Whether the operation continues without waiters, because it refreshes a cache. */
  isDetached = false;
  /** Whether the operation has settled or was aborted: no waiter can join any more. */
  isOver = false;
  readonly #waiters = new Set<W>();
  readonly #onAbandoned: () => void;
  /** The life of the request that runs the operation, where timers belong to requests. */
  readonly #life = timersBelongToRequests ? new RequestLife() : undefined;

  /** @param onAbandoned - called before the scope is aborted, since the abort runs user code. */
  constructor(onAbandoned: () => void) {
    this.#onAbandoned = onAbandoned;
  }

  get waiters(): readonly W[] {
    return [...this.#waiters];
  }

  /**
   * Rejects the waiters if the operation will never settle, because the request that ran it has ended. Returns whether
   * that is so.
   */
  rejectIfLost(): boolean {
    if (this.isOver || this.#life?.isOver !== true) return false;
    this.#onAbandoned();
    const message = 'The operation was shared with another request of this worker, which has ended before it';
    for (const waiter of this.settle()) waiter.reject(new Error(message));
    return true;
  }

  /** Adds a waiter. */
  join(waiter: W): void {
    this.#waiters.add(waiter);
    waiter.onBeat = () => this.rejectIfLost();
    waiter.leaveFlight = (reason) => {
      this.#waiters.delete(waiter);
      this.abandonIfEmpty(reason);
    };
  }

  /** Aborts the operation if it has no waiters, is not detached and is not over. */
  abandonIfEmpty(reason?: unknown): void {
    if (this.isOver || this.isDetached || this.#waiters.size > 0) return;
    this.isOver = true;
    this.#life?.end();
    this.#onAbandoned();
    this.scope.abort(reason);
  }

  /** Marks the operation as over. Returns the waiters, which the caller must resolve or reject. */
  settle(): readonly W[] {
    this.isOver = true;
    this.#life?.end();
    const { waiters } = this;
    this.#waiters.clear();
    return waiters;
  }
}

/** The number of microtasks that a value may take from the operation, through a policy, to the waiters. */
const MAX_MICROTASKS_TO_WAITER = 6;

/** The wait of one caller. It is its own node in the abort scope of the caller's signal. */
export class FlightWaiter<V> extends AbortNode {
  readonly promise: Promise<V>;
  /** Leaves the flight that the waiter has joined; undefined if it has joined none. */
  leaveFlight: ((reason: unknown) => void) | undefined;
  /** Called regularly during the wait where timers belong to requests. */
  onBeat: (() => void) | undefined;
  /** The link to the caller's request context; unset if there is none. */
  declare contextLink?: AbortNode;
  readonly #life: RequestLife | undefined;
  #resolve: (value: V) => void;
  #reject: (error: unknown) => void;
  #limits: Limit[] | undefined;
  #isDone: boolean;

  constructor() {
    super();
    let resolve: (value: V) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    this.promise = new Promise<V>((onValue, onError) => {
      resolve = onValue;
      reject = onError;
    });
    this.leaveFlight = undefined;
    this.onBeat = undefined;
    this.#life = timersBelongToRequests ? new RequestLife(() => this.onBeat?.()) : undefined;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#limits = undefined;
    this.#isDone = false;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Ends the wait when the signal of the caller aborts, or when the caller's request context is over. */
  follow(signal: AbortSignal | null): void {
    if (signal !== null) scopeOf(signal).enter(this);
    const link = followContext(this);
    if (link !== undefined) this.contextLink = link;
  }

  resolve(value: V): void {
    if (this.#end()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  /** Limits the wait to the duration of the list. */
  limit(list: DeadlineList, onDue: (ms: number) => void): void {
    const limit = new Limit(onDue);
    this.#limits ??= [];
    this.#limits.push(limit);
    list.add(limit);
  }

  /** Rejects the waiter a few microtasks later: a value from before the abort has won and may still be on its way. */
  onAbort(reason: unknown): void {
    this.#giveUpSoon(reason);
  }

  async #giveUpSoon(reason: unknown): Promise<void> {
    for (let microtask = 0; microtask < MAX_MICROTASKS_TO_WAITER; microtask++) await undefined;
    this.giveUp(reason);
  }

  giveUp(reason: unknown): void {
    this.reject(reason);
    this.leaveFlight?.(reason);
  }

  #end(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.#life?.end();
    this.leave();
    this.contextLink?.leave();
    for (const limit of this.#limits ?? []) limit.list?.remove(limit);
    return true;
  }
}

class Limit extends Deadline {
  readonly #onDue: (ms: number) => void;

  constructor(onDue: (ms: number) => void) {
    super();
    this.#onDue = onDue;
  }

  onDue(durationMs: number): void {
    this.#onDue(durationMs);
  }
}
