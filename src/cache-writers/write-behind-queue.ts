/// <reference lib="esnext.disposable" preserve="true" />
import { AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { Alarm } from '../core/clock.js';
import { rejectNextMicrotask } from '../core/context.js';
import { toMs } from '../core/duration.js';
import { BulkheadFullError, ClosedError, InvalidOptionError, type LostWrite, TimeoutError } from '../core/errors.js';
import { Emitter } from '../core/events.js';
import { checkFunction, checkOptionalFunction, readOptions } from '../core/options.js';
import { BackgroundTask } from './background-task.js';
import { BackpressureQueue, QueuedWrite } from './backpressure-queue.js';
import { CacheUpdater, type Failure } from './cache-updater.js';
import { Closing, FlushWaits } from './flush-waits.js';
import { InFlightReads } from './in-flight-reads.js';
import { delayAfter, type PendingKey, type PendingWrite, PendingWrites } from './pending-writes.js';
import { TrackedWrite, type WriteEntry } from './store.js';
import { readSignal, type WriteOptions } from './store-writer.js';
import type {
  ReadYourWritesOptions,
  WriteBehindCloseOptions,
  WriteBehindCounts,
  WriteBehindEvents,
  WriteBehindSettings,
  WriteBehindStats,
} from './write-behind-options.js';
import { type JournalEntry, JournalQueue } from './write-journal.js';

/** The types of events. */
const EVENTS = ['batch', 'failure', 'lost', 'journalError', 'cacheError'] as const;

/** Implements `WriteBehind`. The state of the pending keys is in `PendingWrites`; this class makes the calls. */
export class WriteBehindQueue<K, V> {
  readonly #settings: WriteBehindSettings<K, V>;
  readonly #pending = new PendingWrites<K, V>();
  readonly #waiting = new BackpressureQueue<K, V>();
  readonly #reads = new InFlightReads<K, V>();
  readonly #flushes: FlushWaits<K, V>;
  readonly #cache: CacheUpdater<K, V> | undefined;
  readonly #journal: JournalQueue<K, V> | undefined;
  readonly #events = new Emitter<WriteBehindEvents<K, V>>(EVENTS);
  readonly #counts: WriteBehindCounts = {
    ...{ accepted: 0, coalesced: 0, written: 0, batches: 0 },
    ...{ failures: 0, retries: 0, lost: 0 },
  };
  readonly #background = new BackgroundTask(() => this.#work());
  /** The number of calls whose result is not known yet. They count against `concurrency`. */
  #running = 0;
  /** The calls of which an attempt is still running. */
  readonly #calls = new Set<TrackedWrite>();
  #lastNumber = 0;
  #alarm: Alarm | undefined = undefined;
  #alarmAt = Infinity;
  #closing: Closing<K, V> | undefined = undefined;
  #isClosed = false;

  constructor(settings: WriteBehindSettings<K, V>) {
    const { name, cache, journal, initial } = settings;
    this.#settings = settings;
    this.#flushes = new FlushWaits(name);
    const onCacheError = (key: K, error: unknown) => this.#events.emit('cacheError', { key, error });
    this.#cache = cache && new CacheUpdater(cache, onCacheError);
    this.#journal = journal && new JournalQueue(journal, (error) => this.#events.emit('journalError', { error }));
    for (const entry of initial) {
      this.#lastNumber = entry.number;
      this.#accept(this.#pending.reserve(entry.key), entry);
    }
  }

  get pending(): number {
    return this.#pending.size;
  }

  get stats(): WriteBehindStats {
    return { ...this.#counts, waiting: this.#waiting.size };
  }

  on<E extends keyof WriteBehindEvents<K, V>>(
    type: E,
    listener: (event: WriteBehindEvents<K, V>[E]) => void,
  ): () => void {
    return this.#events.on(type, listener);
  }

  async set(key: K, value: V, options?: WriteOptions): Promise<void> {
    return this.#submit({ type: 'set', key, value }, options);
  }

  async delete(key: K, options?: WriteOptions): Promise<void> {
    if (!this.#settings.store.canDelete) {
      throw new InvalidOptionError(this.#settings.name, 'remove', 'is required to delete', undefined);
    }
    return this.#submit({ type: 'delete', key }, options);
  }

  peek(key: K): WriteEntry<K, V> | undefined {
    const entry = this.#pending.get(key)?.newest?.entry;
    return entry && withoutNumber(entry);
  }

  readYourWrites<C, D = undefined>(
    load: (key: K, context: C) => V | PromiseLike<V>,
    options?: ReadYourWritesOptions<K, D>,
  ): (key: K, context: C) => Promise<V | D> {
    const owner = `${this.#settings.name}.readYourWrites`;
    checkFunction(owner, 'load', load);
    const own = readOptions(owner, options, { onDeleted: undefined });
    const onDeleted = checkOptionalFunction(owner, 'onDeleted', own.onDeleted);
    const resultOf = (write: WriteEntry<K, V>): V | D =>
      write.type === 'set' ? write.value : (onDeleted?.(write.key) as D);
    return async (key, context) => {
      const pending = this.peek(key);
      if (pending !== undefined) return resultOf(pending);
      return this.#reads.track<V | D>(key, () => load(key, context), resultOf);
    };
  }

  async flush(options?: WriteOptions): Promise<void> {
    const signal = readSignal(this.#settings.name, 'flush', options);
    if (signal?.aborted) throw signal.reason;
    return unlessAborted(signal, this.#flush());
  }

  async close(options?: WriteBehindCloseOptions): Promise<void> {
    const { name, clock } = this.#settings;
    const { timeout, signal } = readOptions(`${name}.close`, options, { timeout: Infinity, signal: null });
    const timeoutMs = toMs(name, 'timeout', timeout, { orZero: true, orInfinity: true });
    if (checkSignal(name, signal)?.aborted) throw signal?.reason;
    this.#closing ??= this.#startClosing();
    const { promise } = this.#closing;
    const alarm = new Alarm(clock, timeoutMs, () => this.#giveUp(new TimeoutError({ policy: name, timeoutMs })));
    const clear = () => alarm.clear();
    promise.then(clear, clear);
    return unlessAborted(signal, promise);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #submit(entry: WriteEntry<K, V>, options: WriteOptions | undefined): Promise<void> {
    const { name, maxPending, rejectsAtLimit } = this.#settings;
    const signal = readSignal(name, entry.type, options);
    if (signal?.aborted) return rejectNextMicrotask(signal.reason);
    if (this.#closing !== undefined) return rejectNextMicrotask(new ClosedError({ policy: name }));
    const hasRoom =
      this.#pending.get(entry.key) !== undefined || (this.#pending.size < maxPending && this.#waiting.size === 0);
    if (!hasRoom && rejectsAtLimit) return rejectNextMicrotask(new BulkheadFullError({ policy: name }));
    const waiter = new QueuedWrite(entry, signal);
    if (hasRoom) this.#admitWrite(waiter);
    else {
      this.#waiting.join(waiter);
      this.#background.schedule();
    }
    return waiter.promise;
  }

  /** Admits one write. Numbers are assigned here, in the order of the calls. */
  #admitWrite(waiter: QueuedWrite<K, V>): void {
    const pending = this.#pending.reserve(waiter.entry.key);
    const entry: JournalEntry<K, V> = { ...waiter.entry, number: ++this.#lastNumber };
    if (this.#journal === undefined) {
      this.#accept(pending, entry, waiter);
      return;
    }
    pending.appending++;
    this.#journal.append(entry).then((failure) => {
      pending.appending--;
      if (this.#isClosed) waiter.reject(new ClosedError({ policy: this.#settings.name }));
      else if (failure === undefined) this.#accept(pending, entry, waiter);
      else {
        this.#pending.forgetIfDone(pending);
        waiter.reject(failure.error);
        this.#admitWaiting();
      }
    });
  }

  #accept(pending: PendingKey<K, V>, entry: JournalEntry<K, V>, waiter?: QueuedWrite<K, V>): void {
    const { clock, flushEveryMs } = this.#settings;
    this.#counts.accepted++;
    if (this.#pending.accept(pending, entry, clock.now() + flushEveryMs)) this.#counts.coalesced++;
    this.#reads.supersede(entry.key, withoutNumber(entry));
    if (this.#isTimeToWork()) this.#background.schedule();
    const change = entry.type === 'set' ? this.#cache?.set(entry.key, entry.value) : this.#cache?.delete(entry.key);
    if (change instanceof Promise) change.then(() => waiter?.resolve());
    else waiter?.resolve();
  }

  /** Admits waiting writes while there is room. */
  #admitWaiting(): void {
    while (this.#waiting.size > 0 && this.#pending.size < this.#settings.maxPending) {
      for (const waiter of this.#waiting.dequeueKey()) this.#admitWrite(waiter);
    }
    this.#background.schedule();
  }

  #isTimeToWork(): boolean {
    return this.#pending.nextAt < this.#alarmAt || this.#isUrgent();
  }

  /** Whether the ready keys are to be written without waiting for further ones. */
  #isUrgent(): boolean {
    const isFull = this.#pending.readySize >= this.#settings.maxBatch || this.#waiting.size > 0;
    return isFull || this.#closing !== undefined;
  }

  /** Starts the writes that are due and sets the alarm for the next ones. Runs in the context of `BackgroundTask`. */
  #work(): void {
    if (this.#isClosed) return;
    const { clock, concurrency, store } = this.#settings;
    this.#pending.advanceTo(clock.now());
    if (this.#isUrgent()) this.#pending.flushReady();
    while (this.#running < concurrency) {
      const keys = this.#pending.take(store.maxEntries);
      if (keys.length === 0) break;
      this.#write(keys);
    }
    this.#setAlarm(this.#pending.nextAt);
    if (this.#closing !== undefined && this.#isDone()) this.#finish(this.#closing);
  }

  #setAlarm(at: number): void {
    if (at === this.#alarmAt) return;
    this.#alarm?.clear();
    this.#alarmAt = at;
    const { clock } = this.#settings;
    this.#alarm = new Alarm(clock, Math.max(0, at - clock.now()), () => {
      this.#alarmAt = Infinity;
      this.#background.schedule();
    });
  }

  #write(keys: readonly PendingKey<K, V>[]): void {
    const { clock, store } = this.#settings;
    const writes = keys.map(({ writing }) => writing as PendingWrite<K, V>);
    this.#counts.batches++;
    this.#counts.retries += writes.filter(({ attempts }) => attempts > 0).length;
    for (const write of writes) write.attempts++;
    this.#running++;
    const call = new TrackedWrite();
    this.#calls.add(call);
    const startedAt = clock.now();
    const entries = writes.map(({ entry }) => withoutNumber(entry));
    store.write(entries, call).then((failures) => {
      this.#running--;
      if (this.#isClosed) call.whenEnded().then(() => this.#removeLostFromCache(keys));
      else this.#end(keys, call, failures, clock.now() - startedAt);
    });
  }

  /** Handles the result of a call. The keys can be written again once no attempt of the call is running any more. */
  #end(
    keys: readonly PendingKey<K, V>[],
    call: TrackedWrite,
    failures: readonly (Failure | undefined)[],
    durationMs: number,
  ): void {
    const failed = keys.filter((_, index) => failures[index] !== undefined);
    const delayMs = failed.length === 0 ? 0 : delayAfter(failed, failures.find(Boolean) as Failure, this.#settings);
    const notifications: (() => void)[] = [];
    for (const [index, pending] of keys.entries()) {
      const write = pending.writing as PendingWrite<K, V>;
      const failure = failures[index];
      pending.writing = undefined;
      pending.retryAt = 0;
      if (failure === undefined) this.#confirm(pending, write);
      else notifications.push(this.#fail(pending, write, failure, delayMs));
    }
    const releaseKeys = () => {
      this.#calls.delete(call);
      if (this.#isClosed) return;
      for (const pending of keys) this.#pending.settle(pending, this.#settings.clock.now());
      this.#admitWaiting();
    };
    for (const notify of notifications) notify();
    if (call.isRunning) {
      call.whenEnded().then(() => {
        this.#removeLostFromCache(keys);
        releaseKeys();
      });
    } else releaseKeys();
    if (this.#events.has('batch')) this.#events.emit('batch', { size: keys.length, failed: failed.length, durationMs });
    this.#background.schedule();
  }

  #confirm(pending: PendingKey<K, V>, { entry }: PendingWrite<K, V>): void {
    this.#counts.written++;
    pending.failures = 0;
    pending.delayMs = undefined;
    this.#journal?.ack(entry.key, entry.number);
    this.#flushes.written(entry.key, entry.number);
  }

  /**
   * Handles a failed write: makes it the next write of its key again, unless a newer one is pending or the write is
   * lost. Returns a function that notifies the listeners.
   */
  #fail(
    pending: PendingKey<K, V>,
    write: PendingWrite<K, V>,
    failure: Failure,
    delayMs: number | undefined,
  ): () => void {
    const { error } = failure;
    const { clock, maxAttempts } = this.#settings;
    const attempt = write.attempts;
    const isSuperseded = pending.next !== undefined;
    const isLost = !isSuperseded && (delayMs === undefined || attempt >= maxAttempts);
    this.#counts.failures++;
    pending.lastFailure = failure;
    if (isSuperseded) this.#counts.coalesced++;
    else if (!isLost) pending.next = write;
    if (!isLost && delayMs !== undefined) pending.retryAt = clock.now() + delayMs;
    const entry = withoutNumber(write.entry);
    if (isLost) this.#journal?.ack(entry.key, write.entry.number);
    const notifyLost = isLost ? this.#lose(pending, { ...entry, error }, write.entry.number) : undefined;
    return () => {
      this.#events.emit('failure', { write: entry, error, attempt, delayMs: isLost ? undefined : delayMs });
      notifyLost?.();
    };
  }

  /**
   * Abandons a write. Removes its key from the cache now, because a listener may set the key again. Returns a function
   * that notifies the listeners.
   */
  #lose(pending: PendingKey<K, V>, lost: LostWrite<K, V>, number: number): () => void {
    this.#counts.lost++;
    pending.isLost = true;
    this.#closing?.lost.push(lost);
    this.#reads.supersede(lost.key, undefined);
    this.#flushes.lost(lost, number);
    this.#cache?.delete(lost.key);
    return () => this.#events.emit('lost', lost);
  }

  /**
   * Removes the keys of lost writes from the cache once more after the call has ended: the write may have reached the
   * store after all, and a read may have put the older value into the cache before that.
   */
  #removeLostFromCache(keys: readonly PendingKey<K, V>[]): void {
    for (const pending of keys) if (pending.isLost) this.#cache?.delete(pending.key);
  }

  async #flush(): Promise<void> {
    if (this.#isClosed) return;
    await this.#journal?.whenAppended();
    if (this.#closing?.isGivenUp) throw new ClosedError({ policy: this.#settings.name });
    const numbers = new Map<K, number>();
    for (const { key, newest } of this.#pending.values()) {
      if (newest !== undefined) numbers.set(key, newest.entry.number);
    }
    this.#pending.flushAll();
    this.#background.schedule();
    return this.#flushes.wait(numbers);
  }

  #startClosing(): Closing<K, V> {
    this.#pending.flushAll();
    this.#background.schedule();
    return new Closing(this.#settings.name);
  }

  #isDone(): boolean {
    if (this.#waiting.size > 0) return false;
    for (const { newest, appending } of this.#pending.values()) {
      if (newest !== undefined || appending > 0) return false;
    }
    return true;
  }

  /** Ends closing: every write is in the store or was lost. */
  #finish(closing: Closing<K, V>): void {
    this.#isClosed = true;
    this.#pending.clear();
    if (this.#journal === undefined) closing.settle();
    else this.#journal.whenIdle().then(() => closing.settle());
  }

  /** Ends closing at the timeout: all pending writes are lost, and later results are ignored. */
  #giveUp(timeout: TimeoutError): void {
    const closing = this.#closing as Closing<K, V>;
    closing.isGivenUp = true;
    this.#isClosed = true;
    this.#alarm?.clear();
    const notifications: (() => void)[] = [];
    for (const pending of this.#pending.values()) {
      const { newest, lastFailure } = pending;
      if (newest === undefined) continue;
      const { error } = lastFailure ?? { error: timeout };
      notifications.push(this.#lose(pending, { ...withoutNumber(newest.entry), error }, newest.entry.number));
    }
    this.#pending.clear();
    this.#journal?.giveUp();
    while (this.#waiting.size > 0) {
      for (const waiter of this.#waiting.dequeueKey()) waiter.reject(new ClosedError({ policy: this.#settings.name }));
    }
    closing.settle();
    for (const notify of notifications) notify();
    for (const call of this.#calls) call.scope.abort(timeout);
  }
}

/** Removes the journal number from an entry, for the store and the listeners. */
function withoutNumber<K, V>(entry: JournalEntry<K, V>): WriteEntry<K, V> {
  return entry.type === 'set'
    ? { type: 'set', key: entry.key, value: entry.value }
    : { type: 'delete', key: entry.key };
}

/** Settles as the promise does. If the signal aborts first, rejects with its reason. */
function unlessAborted<T>(signal: AbortSignal | null, promise: Promise<T>): Promise<T> {
  if (signal === null) return promise;
  const scope = new AbortScope(scopeOf(signal));
  return scope.race(promise).finally(() => scope.leave());
}
