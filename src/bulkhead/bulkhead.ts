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
import { checkInteger, checkName, checkNumber, readOptions } from '../core/options.js';
import { type Permit, permit } from '../core/permit.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { Waiter, WaitingQueue } from './waiting-queue.js';

export interface BulkheadOptions {
  /** How many may run at once: an integer ≥ 1. */
  readonly maxConcurrent: number;
  /** How many more may wait for a slot: an integer ≥ 0, or `Infinity`. @defaultValue 0 */
  readonly maxQueue?: number | undefined;
  /** How long one may wait for a slot. Above 0. @defaultValue Infinity */
  readonly queueTimeout?: Duration | undefined;
  /** @defaultValue 'bulkhead' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

export interface BulkheadEvents {
  /** A call has to wait. */
  queued: { readonly queued: number };
  /** A call was refused. */
  reject: { readonly reason: 'full' | 'queue-timeout' | 'closed' };
  /** The last running call has ended, and none waits. */
  idle: Record<never, never>;
}

export interface AcquireOptions {
  /** Gives up the place in the queue. */
  readonly signal?: AbortSignal | null | undefined;
  /** 0 is the most important. @defaultValue 5 */
  readonly priority?: number | undefined;
}

export interface Bulkhead extends Policy, Observable<BulkheadEvents> {
  /** How many run now. */
  readonly active: number;
  /** How many wait now. */
  readonly queued: number;
  /** Changes `maxConcurrent`. A larger one lets waiters in at once; a smaller one lets those who run finish. */
  resize(maxConcurrent: number): void;
  /** A slot if there is a free one, without waiting. */
  tryAcquire(): Permit | undefined;
  /** A slot, after waiting for it if need be. @throws BulkheadFullError, QueueTimeoutError, ClosedError (rejections) */
  acquire(options?: AcquireOptions): Promise<Permit>;
  /** Resolves when nothing runs and nothing waits. */
  onIdle(): Promise<void>;
  /**
   * Refuses new work, lets all accepted work finish, and resolves when it has. To a bulkhead inside a retry, a second try
   * is new work.
   */
  close(): Promise<void>;
  /** Refuses new work and all that waits. What runs is not touched. */
  [Symbol.dispose](): void;
}

/**
 * Lets only so many run at once, and only so many wait; the rest are refused. A slow dependency then holds up a few of a
 * service's calls instead of all of them. The name is that of the walls that keep one leak from sinking a ship (Nygard,
 * "Release It!").
 *
 * A slot that is given back goes straight to whoever waits first, so nobody overtakes, and work that was accepted is
 * refused only by its own abort, its queue timeout, or dispose. An operation that calls into the bulkhead it runs in
 * takes a second slot; with `maxConcurrent: 1` it would wait for itself, so give such a bulkhead a `queueTimeout`.
 *
 * O(1) a call; one list node for each waiter.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const reports = bulkhead({ maxConcurrent: 4, maxQueue: 100, queueTimeout: '2s' });
 * const report = await reports.execute(() => fetch('https://example.com/report'));
 * ```
 */
export function bulkhead(options: BulkheadOptions): Bulkhead {
  return new BulkheadPolicy(options);
}

class BulkheadPolicy extends BracketPolicy implements Bulkhead {
  active = 0;
  #maxConcurrent: number;
  readonly #maxQueue: number;
  readonly #queueTimeoutMs: number;
  readonly #queue: WaitingQueue;
  readonly #events = new Emitter<BulkheadEvents>();
  #idleWaiters: (() => void)[] = [];
  #closed = false;

  constructor(options: BulkheadOptions) {
    const owner = 'bulkhead';
    const own = readOptions(owner, options, {
      maxConcurrent: undefined,
      maxQueue: 0,
      queueTimeout: Infinity,
      name: owner,
      clock: undefined,
    });
    super(checkName(owner, own.name), checkClock(owner, own.clock));
    this.#maxConcurrent = checkInteger(owner, 'maxConcurrent', own.maxConcurrent, { min: 1 });
    this.#maxQueue = checkInteger(owner, 'maxQueue', own.maxQueue, { min: 0, orInfinity: true });
    this.#queueTimeoutMs = toMs(owner, 'queueTimeout', own.queueTimeout, { orInfinity: true });
    const timeouts = this.#queueTimeoutMs === Infinity ? undefined : new DeadlineList(this.clock, this.#queueTimeoutMs);
    this.#queue = new WaitingQueue(timeouts, (waiter) => {
      waiter.refuse(new QueueTimeoutError({ policy: this.name, timeoutMs: this.#queueTimeoutMs }));
      this.#reject('queue-timeout');
    });
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
    };
  }

  get isObserved(): boolean {
    return this.#events.has('idle');
  }

  /** Alone it needs no frame: its handlers are the same for all calls. */
  override run(next: Next, context: PolicyContext): Promise<unknown> {
    if (!context.aborted && this.#take()) return invoke(next, context).then(this.#onValue, this.#onError);
    return this.runWithoutFrame(next, asContext(context));
  }

  enter(context: Context, outer: Frame | undefined): Frame | undefined {
    return !context.aborted && this.#take() ? new RunningCall(context, outer, this.#release) : undefined;
  }

  /** For a call without a free slot. */
  runWithoutFrame(next: Next, context: Context): Promise<unknown> {
    if (context.aborted) return next(context); // rejects with the reason, and starts nothing
    const refusal = this.#refusal();
    if (refusal !== undefined) return rejectNextMicrotask(refusal);
    // `then` is called here, in the caller's async context, so that is where the operation will run.
    return this.#wait(context.priority, context.scope).then(() =>
      invoke(next, context).then(this.#onValue, this.#onError),
    );
  }

  tryAcquire(): Permit | undefined {
    return !this.#closed && this.#take() ? permit(this.#release) : undefined;
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    const own = readOptions('bulkhead.acquire', options, { signal: null, priority: 5 });
    const signal = checkSignal('bulkhead.acquire', own.signal);
    const priority = checkNumber('bulkhead.acquire', 'priority', own.priority);
    if (signal?.aborted) throw signal.reason;
    if (this.#take()) return permit(this.#release);
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    await this.#wait(priority, signal === null ? undefined : scopeOf(signal));
    return permit(this.#release);
  }

  resize(maxConcurrent: number): void {
    this.#maxConcurrent = checkInteger('bulkhead', 'maxConcurrent', maxConcurrent, { min: 1 });
    while (this.#queue.first !== undefined && this.active < this.#maxConcurrent) {
      this.active++;
      this.#queue.first.admit();
    }
  }

  onIdle(): Promise<void> {
    if (this.active === 0) return Promise.resolve(); // nobody waits while nobody runs
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.onIdle();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    while (this.#queue.first !== undefined) {
      this.#queue.first.refuse(new ClosedError({ policy: this.name }));
      this.#reject('closed');
    }
  }

  /** A free slot, for somebody whom nobody is waiting in front of. */
  #take(): boolean {
    if (this.#closed || this.active >= this.#maxConcurrent) return false;
    this.active++;
    return true;
  }

  /** Why a call that got no slot may not wait for one either. */
  #refusal(): Error | undefined {
    const isFull = this.#queue.size >= this.#maxQueue;
    if (!this.#closed && !isFull) return undefined;
    this.#reject(this.#closed ? 'closed' : 'full');
    return new (this.#closed ? ClosedError : BulkheadFullError)({ policy: this.name });
  }

  #reject(reason: BulkheadEvents['reject']['reason']): void {
    if (this.#events.has('reject')) this.#events.emit('reject', { reason });
  }

  /** Until there is a slot, which is the waiter's own then. */
  #wait(priority: number, scope: AbortScope | undefined): Promise<void> {
    return new Promise<void>((open, refuse) => {
      const waiter = new Waiter(open, refuse);
      this.#queue.push(scope === undefined ? waiter : waiter.follow(scope), priority);
      if (this.#events.has('queued')) this.#events.emit('queued', { queued: this.#queue.size });
    });
  }

  /** Gives the slot to the next in line, or back; before the caller hears of its result. */
  readonly #release = (): void => {
    if (this.active <= this.#maxConcurrent && this.#queue.first !== undefined) {
      this.#queue.first.admit();
      return;
    }
    this.active--;
    if (this.active === 0) this.#onIdle();
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

/** A call that has a slot. */
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
