import { type AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { BracketPolicy } from '../core/bracket-policy.js';
import { type Clock, checkClock } from '../core/clock.js';
import {
  asContext,
  type Context,
  type Frame,
  invoke,
  type Next,
  type PolicyContext,
  rejectNextMicrotask,
} from '../core/context.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { BulkheadFullError, ClosedError, QueueTimeoutError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkInteger, checkName, checkNumber, checkOneOf, readOptions } from '../core/options.js';
import { type Permit, permit } from '../core/permit.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { timersBelongToRequests } from '../core/request-life.js';
import { checkQueueDiscipline, type QueueDiscipline } from './queue-discipline.js';
import { SlotHolders } from './slot-holders.js';
import { Waiter, WaitingQueue } from './waiting-queue.js';

/** The types of events. */
const EVENTS = ['queued', 'reject', 'idle'] as const;

const ON_FULL = ['reject', 'evict-lowest'] as const;

/** Options of `bulkhead`. */
export interface BulkheadOptions {
  /** The maximum number of concurrent calls: an integer ≥ 1. */
  readonly maxConcurrent: number;
  /**
   * The maximum number of calls that wait for a slot: an integer ≥ 0, or `Infinity`. A longer queue absorbs longer
   * bursts but delays its last calls more.
   * @defaultValue 0
   */
  readonly maxQueue?: number | undefined;
  /** The longest time that a call waits for a slot: a duration above 0, or `Infinity`. @defaultValue Infinity */
  readonly queueTimeout?: Duration | undefined;
  /**
   * The order in which waiters leave the queue, and which of them are rejected: 'fifo', or a discipline such as
   * `codelQueue()` of `breakwater/overload`.
   * @defaultValue 'fifo'
   */
  readonly queue?: 'fifo' | QueueDiscipline | undefined;
  /**
   * What happens to a call that finds the queue full. `'reject'`: the call is rejected. `'evict-lowest'`: if a waiter is
   * less important than the call, the newest waiter of the lowest priority is rejected with `BulkheadFullError`, and
   * the call takes its place. A waiter of the same priority is never evicted.
   * @defaultValue 'reject'
   */
  readonly onFull?: 'reject' | 'evict-lowest' | undefined;
  /**
   * The mode of operation. `enforce` limits calls; `observe` counts and emits the events `queued` and `reject`, but admits
   * every call at once. Use `observe` to find the right size in production.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'bulkhead' */
  readonly name?: string | undefined;
  /** The clock that measures `queueTimeout`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The options of a bulkhead that `reconfigure` can change. */
export type BulkheadChanges = Partial<Pick<BulkheadOptions, 'maxConcurrent' | 'maxQueue' | 'queueTimeout'>>;

/** Events of a bulkhead. */
export interface BulkheadEvents {
  /** A call has been enqueued. `queued` is the length of the queue, including this call. */
  queued: { readonly queued: number };
  /**
   * A call was rejected. `full`: the queue was full, or a more important call took its place in the queue.
   * `queue-timeout`: the call waited longer than `queueTimeout`, or than the discipline of the queue allows. `closed`:
   * the bulkhead was closed.
   */
  reject: { readonly reason: 'full' | 'queue-timeout' | 'closed' };
  /** The last running call has ended, and the queue is empty. */
  idle: Record<never, never>;
}

/** Options of `acquire`. */
export interface AcquireOptions {
  /** Leaves the queue when the signal aborts. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
  /** The priority of the waiter: a finite number, 0 is the most important. @defaultValue 5 */
  readonly priority?: number | undefined;
}

/** A bulkhead, as `bulkhead` creates it. */
export interface Bulkhead extends Policy, Observable<BulkheadEvents> {
  /** The number of running calls and acquired permits. */
  readonly active: number;
  /** The number of waiting calls. */
  readonly queued: number;
  /**
   * Changes `maxConcurrent`: an integer ≥ 1. If it grows, waiters are admitted immediately; if it shrinks, running
   * calls finish.
   */
  resize(maxConcurrent: number): void;
  /**
   * Changes the given options; the others stay as they are. Running and waiting calls stay accepted: a waiter keeps its
   * `queueTimeout`, and no waiter is rejected because `maxQueue` has become smaller.
   * @throws InvalidOptionError for invalid options. The bulkhead is unchanged then.
   */
  reconfigure(options: BulkheadChanges): void;
  /**
   * Admits no further call until `resume`, for example while the dependency is being maintained. Running calls continue.
   * New calls wait in the queue, and are rejected if it is full. `queueTimeout` continues to run. Has no effect while
   * the bulkhead is paused.
   */
  pause(): void;
  /** Ends a pause: admits waiters as far as slots are free. Has no effect otherwise. */
  resume(): void;
  /** Acquires a slot without waiting. Returns undefined if no slot is free. */
  tryAcquire(): Permit | undefined;
  /**
   * Acquires a slot, after waiting in the queue if no slot is free.
   * @throws BulkheadFullError, QueueTimeoutError or ClosedError, as a rejection.
   */
  acquire(options?: AcquireOptions): Promise<Permit>;
  /** Resolves when no call is running and the queue is empty. */
  onIdle(): Promise<void>;
  /**
   * Rejects new calls, lets all accepted calls finish, and resolves when they have finished. Ends a pause. For a
   * bulkhead inside a retry, each further attempt is a new call.
   */
  close(): Promise<void>;
  /** Rejects new calls and all waiting calls. Running calls continue. */
  [Symbol.dispose](): void;
}

/**
 * Creates a policy that limits the number of concurrent calls and of waiting calls, and rejects the rest. A slow
 * dependency then blocks a few of a service's calls instead of all of them. The pattern is named after the walls that
 * keep one leak from sinking a ship (Nygard, "Release It!").
 *
 * Waiters are admitted by priority, and in arrival order within a priority. A released slot is handed over to the first
 * waiter directly, so that a new call cannot overtake it. An accepted call is rejected only by its own abort, its queue
 * timeout, or dispose. An operation that calls into the bulkhead in which it runs takes a second slot. With
 * `maxConcurrent: 1` it would wait for itself, so set a `queueTimeout` on such a bulkhead.
 *
 * O(1) per call; one list node for each waiter.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const reports = bulkhead({ maxConcurrent: 4, maxQueue: 100, queueTimeout: '2s' });
 * const report = await reports.execute(() => fetch('https://example.com/report'));
 * ```
 */
export function bulkhead(options: BulkheadOptions): Bulkhead {
  return new BulkheadPolicy(options);
}

/** A bulkhead, and the base class of a limit that changes its own size. */
export class BulkheadPolicy extends BracketPolicy implements Bulkhead {
  active = 0;
  readonly #events: Pick<Emitter<BulkheadEvents>, 'on' | 'has' | 'emit'>;
  #maxConcurrent: number;
  /** The number of calls that may run now: `maxConcurrent`, or 0 during a pause. */
  #limit: number;
  #maxQueue: number;
  #queueTimeoutMs: number;
  readonly #queue: WaitingQueue;
  /** Undefined where a call that holds a slot always ends. */
  readonly #holders: SlotHolders | undefined;
  readonly #queueName: string;
  readonly #onFull: 'reject' | 'evict-lowest';
  readonly #owner: string;
  /** Whether calls that exceed the limit are admitted, and only the events are emitted. */
  readonly #isObserving: boolean;
  #idleWaiters: (() => void)[] = [];
  #closed = false;

  /**
   * @param owner - the name of the factory, for errors.
   * @param events - the emitter of a subclass, which may have more events.
   */
  constructor(
    options: BulkheadOptions,
    owner = 'bulkhead',
    events: Pick<Emitter<BulkheadEvents>, 'on' | 'has' | 'emit'> = new Emitter<BulkheadEvents>(EVENTS),
  ) {
    const own = readOptions(owner, options, {
      maxConcurrent: undefined,
      maxQueue: 0,
      queueTimeout: Infinity,
      queue: 'fifo',
      onFull: 'reject',
      mode: 'enforce',
      name: owner,
      clock: undefined,
    });
    super(checkName(owner, own.name), checkClock(owner, own.clock));
    this.#owner = owner;
    this.#events = events;
    this.#maxConcurrent = checkInteger(owner, 'maxConcurrent', own.maxConcurrent, { min: 1 });
    this.#limit = this.#maxConcurrent;
    this.#maxQueue = checkInteger(owner, 'maxQueue', own.maxQueue, { min: 0, orInfinity: true });
    this.#queueTimeoutMs = toMs(owner, 'queueTimeout', own.queueTimeout, { orInfinity: true });
    this.#isObserving = checkOneOf(owner, 'mode', own.mode, ['enforce', 'observe']) === 'observe';
    this.#holders = timersBelongToRequests ? new SlotHolders(this.#release) : undefined;
    const discipline = checkQueueDiscipline(owner, own.queue);
    this.#queueName = discipline?.name ?? 'fifo';
    this.#onFull = checkOneOf(owner, 'onFull', own.onFull, ON_FULL);
    this.#queue = new WaitingQueue({
      timeouts: this.#newTimeouts(),
      onTimeout: (waiter, timeoutMs) => this.#rejectLate(waiter, timeoutMs),
      discipline: discipline?.start(this.clock),
      onOverdue: (waiter, waitedMs) => this.#rejectLate(waiter, waitedMs),
      evicts: this.#onFull === 'evict-lowest',
      // During a pause waiters may leave the queue while no call is running.
      onEmpty: () => this.active === 0 && this.#onIdle(),
    });
  }

  #newTimeouts(): DeadlineList | undefined {
    return this.#queueTimeoutMs === Infinity ? undefined : new DeadlineList(this.clock, this.#queueTimeoutMs);
  }

  get queued(): number {
    return this.#queue.size;
  }

  on<K extends keyof BulkheadEvents>(type: K, listener: (event: BulkheadEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return {
      kind: 'bulkhead',
      name: this.name,
      maxConcurrent: this.#maxConcurrent,
      maxQueue: this.#maxQueue,
      queueTimeoutMs: this.#queueTimeoutMs,
      queue: this.#queueName,
      onFull: this.#onFull,
      mode: this.#isObserving ? 'observe' : 'enforce',
    };
  }

  get isObserved(): boolean {
    return this.#events.has('idle');
  }

  /** Runs a call. A bulkhead outside any bracket needs no frame: its handlers are the same for all calls. */
  override run(next: Next, context: PolicyContext): Promise<unknown> {
    if (!context.aborted && this.tryTakeSlot()) return this.runWithSlot(next, context);
    return this.runWithoutFrame(next, asContext(context));
  }

  enter(context: Context, outer: Frame | undefined): Frame | undefined {
    return !context.aborted && this.tryTakeSlot() ? new RunningCall(context, outer, this.releaseOfHolder()) : undefined;
  }

  /** Handles a call that has found no free slot: the call waits or is rejected. */
  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the abort reason; the operation does not start
    const rejection = this.#rejectionError(context.priority);
    if (rejection !== undefined) return rejectNextMicrotask(rejection);
    // `then` is called in the caller's async context, so that the operation runs in that context.
    return this.#wait(context.priority, context.scope).then(() => this.runWithSlot(next, context));
  }

  /** Runs a call that has taken a slot. */
  protected runWithSlot(next: Next, context: PolicyContext): Promise<unknown> {
    if (this.#holders === undefined) return invoke(next, context).then(this.#onValue, this.#onError);
    return invoke(next, context).finally(this.#holders.add());
  }

  /** Returns the function that releases the slot that the current call has just taken. */
  releaseOfHolder(): () => void {
    return this.#holders === undefined ? this.#release : this.#holders.add();
  }

  tryAcquire(): Permit | undefined {
    return this.tryTakeSlot() ? this.permitOfSlot() : undefined;
  }

  /** Returns the permit of a slot that was taken. */
  protected permitOfSlot(): Permit {
    return permit(this.releaseOfHolder());
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    const owner = `${this.#owner}.acquire`;
    const own = readOptions(owner, options, { signal: null, priority: 5 });
    const signal = checkSignal(owner, own.signal);
    const priority = checkNumber(owner, 'priority', own.priority);
    if (signal?.aborted) throw signal.reason;
    if (this.tryTakeSlot()) return this.permitOfSlot();
    const rejection = this.#rejectionError(priority);
    if (rejection !== undefined) throw rejection;
    await this.#wait(priority, signal === null ? undefined : scopeOf(signal));
    return this.permitOfSlot();
  }

  resize(maxConcurrent: number): void {
    this.#maxConcurrent = checkInteger(this.#owner, 'maxConcurrent', maxConcurrent, { min: 1 });
    if (this.#limit > 0) this.#admitWaiters();
  }

  reconfigure(options: BulkheadChanges): void {
    const present = {
      maxConcurrent: this.#maxConcurrent,
      maxQueue: this.#maxQueue,
      queueTimeout: this.#queueTimeoutMs,
    };
    const own = readOptions(this.#owner, options, present);
    const maxConcurrent = checkInteger(this.#owner, 'maxConcurrent', own.maxConcurrent, { min: 1 });
    const maxQueue = checkInteger(this.#owner, 'maxQueue', own.maxQueue, { min: 0, orInfinity: true });
    const queueTimeoutMs = toMs(this.#owner, 'queueTimeout', own.queueTimeout, { orInfinity: true });
    this.#maxQueue = maxQueue;
    if (queueTimeoutMs !== this.#queueTimeoutMs) {
      this.#queueTimeoutMs = queueTimeoutMs;
      this.#queue.timeouts = this.#newTimeouts();
    }
    this.resize(maxConcurrent);
  }

  pause(): void {
    this.#limit = 0;
  }

  resume(): void {
    if (this.#limit > 0) return;
    this.#queue.restartDiscipline();
    this.#admitWaiters();
  }

  #admitWaiters(): void {
    this.#limit = this.#maxConcurrent;
    while (this.active < this.#limit) {
      const next = this.#queue.next();
      if (next === undefined) return;
      this.active++;
      next.admit();
    }
  }

  onIdle(): Promise<void> {
    if (this.active === 0 && this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#queue.endDiscipline();
    this.#admitWaiters();
    return this.onIdle();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    while (this.#queue.first !== undefined) {
      this.#queue.first.reject(new ClosedError({ policy: this.name }));
      this.#emitReject('closed');
    }
  }

  /**
   * Takes a free slot, if there is one. A slot is free only when the queue is empty, so that no waiter is overtaken.
   */
  protected tryTakeSlot(): boolean {
    if (this.active >= this.#limit) this.#holders?.releaseLost();
    if (this.#closed || this.active >= this.#limit) {
      if (this.#closed || !this.#isObserving) return false;
      this.#emitObserved();
    }
    this.active++;
    return true;
  }

  /** Emits the event that a call without a slot would have caused. */
  #emitObserved(): void {
    const queued = this.active - this.#limit + 1;
    if (queued > this.#maxQueue) this.#emitReject('full');
    else if (this.#events.has('queued')) this.#events.emit('queued', { queued });
  }

  /** Returns the error for a call that found no free slot; undefined if the call may wait. */
  #rejectionError(priority: number): Error | undefined {
    if (!this.#closed && (this.#queue.size < this.#maxQueue || this.#makePlace(priority))) return undefined;
    this.#emitReject(this.#closed ? 'closed' : 'full');
    return new (this.#closed ? ClosedError : BulkheadFullError)({ policy: this.name });
  }

  /** Makes a place for a call in a full queue, if waiters are overdue or less important. Returns whether it could. */
  #makePlace(priority: number): boolean {
    this.#queue.rejectOverdue();
    if (this.#queue.size < this.#maxQueue) return true;
    const evicted = this.#queue.lowestAbove(priority);
    if (evicted === undefined) return false;
    evicted.reject(new BulkheadFullError({ policy: this.name }));
    this.#emitReject('full');
    return this.#queue.size < this.#maxQueue;
  }

  #rejectLate(waiter: Waiter, timeoutMs: number): void {
    waiter.reject(new QueueTimeoutError({ policy: this.name, timeoutMs }));
    this.#emitReject('queue-timeout');
  }

  #emitReject(reason: BulkheadEvents['reject']['reason']): void {
    if (this.#events.has('reject')) this.#events.emit('reject', { reason });
  }

  /** Enqueues a waiter. Resolves when the waiter has been admitted and owns a slot. */
  #wait(priority: number, scope: AbortScope | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiter = new Waiter(resolve, reject, () => this.#holders?.releaseLost());
      this.#queue.push(scope === undefined ? waiter : waiter.follow(scope), priority);
      if (this.#events.has('queued')) this.#events.emit('queued', { queued: this.#queue.size });
    });
  }

  /** Hands the slot over to the first waiter, or frees it. Runs before the caller receives the result of the call. */
  readonly #release = (): void => {
    while (this.#queue.first?.isLost) this.#queue.first.reject(undefined);
    const next = this.active <= this.#limit ? this.#queue.next() : undefined;
    if (next !== undefined) {
      next.admit();
      return;
    }
    this.active--;
    if (this.active === 0 && this.#queue.size === 0) this.#onIdle();
  };

  #onIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
    if (this.#events.has('idle')) this.#events.emit('idle', {});
  }

  readonly #onValue = (value: unknown): unknown => {
    this.#release();
    return value;
  };

  readonly #onError = (error: unknown): never => {
    this.#release();
    throw error;
  };
}

/** The frame of a call that has a slot. */
class RunningCall implements Frame {
  readonly inside: Context;
  readonly outer: Frame | undefined;
  readonly #release: () => void;

  constructor(context: Context, outer: Frame | undefined, release: () => void) {
    this.inside = context;
    this.outer = outer;
    this.#release = release;
  }

  onValue(): void {
    this.#release();
  }

  onError(error: unknown): unknown {
    this.#release();
    return error;
  }
}
