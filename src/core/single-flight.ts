import { AbortNode, AbortScope } from './abort-scope.js';
import { Deadline, type DeadlineList } from './deadline-list.js';

/**
 * Work that is done once for however many wait for it: single flight. Each passenger may leave by himself; when the last
 * one has left, nobody wants the work any more and its scope is aborted.
 */
export class SingleFlight<V, P extends FlightWaiter<V> = FlightWaiter<V>> {
  /** What the work can hear of. */
  readonly scope = new AbortScope();
  /** Goes on though nobody waits: it works for the cache. */
  isDetached = false;
  /** Landed, or aborted: nobody can board it any more. */
  isOver = false;
  readonly #waiters = new Set<P>();
  readonly #onAbandoned: () => void;

  /** @param onAbandoned - called before the scope is aborted, since that runs other people's code. */
  constructor(onAbandoned: () => void) {
    this.#onAbandoned = onAbandoned;
  }

  get waiters(): readonly P[] {
    return [...this.#waiters];
  }

  join(waiter: P): void {
    this.#waiters.add(waiter);
    waiter.leaveFlight = (reason) => {
      this.#waiters.delete(waiter);
      this.abandonIfEmpty(reason);
    };
  }

  abandonIfEmpty(reason?: unknown): void {
    if (this.isOver || this.isDetached || this.#waiters.size > 0) return;
    this.isOver = true;
    this.#onAbandoned();
    this.scope.abort(reason);
  }

  /** It is over; these are to be told how it ended. */
  settle(): readonly P[] {
    this.isOver = true;
    const { waiters } = this;
    this.#waiters.clear();
    return waiters;
  }
}

/** How many microtasks a value may take from the operation, through a policy, to those who wait. */
const HEAD_START = 6;

/** One caller's wait: its own node among all that ends with the caller's signal. */
export class FlightWaiter<V> extends AbortNode {
  readonly promise: Promise<V>;
  /** Leaves the flight it is on. */
  leaveFlight: ((reason: unknown) => void) | undefined;
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
    this.#resolve = resolve;
    this.#reject = reject;
    this.#limits = undefined;
    this.#isDone = false;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  resolve(value: V): void {
    if (this.#end()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  /** Waits no longer than the list says. */
  limit(list: DeadlineList, onDue: (ms: number) => void): void {
    const limit = new Limit(onDue);
    this.#limits ??= [];
    this.#limits.push(limit);
    list.add(limit);
  }

  /** Soon, because a value that was there before the abort has won, and is on its way. */
  onAbort(reason: unknown): void {
    this.#giveUpSoon(reason);
  }

  async #giveUpSoon(reason: unknown): Promise<void> {
    for (let microtask = 0; microtask < HEAD_START; microtask++) await undefined;
    this.giveUp(reason);
  }

  giveUp(reason: unknown): void {
    this.reject(reason);
    this.leaveFlight?.(reason);
  }

  #end(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.leave();
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
