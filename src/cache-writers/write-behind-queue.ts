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

/** The face of it: state is in `PendingWrites`, here is what happens. */
export class WriteBehindQueue<K, V> {
  readonly #settings: WriteBehindSettings<K, V>;
  readonly #pending = new PendingWrites<K, V>();
  readonly #waiting = new BackpressureQueue<K, V>();
  readonly #reads = new InFlightReads<K, V>();
  readonly #flushes: FlushWaits<K, V>;
  readonly #cache: CacheUpdater<K, V> | undefined;
  readonly #journal: JournalQueue<K, V> | undefined;
  readonly #events = new Emitter<WriteBehindEvents<K, V>>();
  readonly #counts: WriteBehindCounts = {
    ...{ accepted: 0, coalesced: 0, written: 0, batches: 0 },
    ...{ failures: 0, retries: 0, lost: 0 },
  };
  readonly #background = new BackgroundTask(() => this.#work());
  /** Those whose outcome nobody knows yet count against `concurrency`. */
  #running = 0;
  /** Those of which something is still running. */
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
    const answer = (write: WriteEntry<K, V>): V | D =>
      write.type === 'set' ? write.value : (onDeleted?.(write.key) as D);
    return async (key, context) => {
      const pending = this.peek(key);
      if (pending !== undefined) return answer(pending);
      return this.#reads.track<V | D>(key, () => load(key, context), answer);
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
    this.#closing ??= this.#beginToClose();
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
    const { name, maxPending, refuses } = this.#settings;
    const signal = readSignal(name, entry.type, options);
    if (signal?.aborted) return rejectNextMicrotask(signal.reason);
    if (this.#closing !== undefined) return rejectNextMicrotask(new ClosedError({ policy: name }));
    const hasRoom =
      this.#pending.get(entry.key) !== undefined || (this.#pending.size < maxPending && this.#waiting.size === 0);
    if (!hasRoom && refuses) return rejectNextMicrotask(new BulkheadFullError({ policy: name }));
    const waiter = new QueuedWrite(entry, signal);
    if (hasRoom) this.#enter(waiter);
    else {
      this.#waiting.join(waiter);
      this.#background.schedule();
    }
    return waiter.promise;
  }

  /** There is room. Numbers are given here, in the order of the calls. */
  #enter(waiter: QueuedWrite<K, V>): void {
    const pending = this.#pending.reserve(waiter.entry.key);
    const entry: JournalEntry<K, V> = { ...waiter.entry, number: ++this.#lastNumber };
    if (this.#journal === undefined) {
      this.#accept(pending, entry, waiter);
      return;
    }
    pending.appending++;
    this.#journal.append(entry).then((fault) => {
      pending.appending--;
      if (this.#isClosed) waiter.reject(new ClosedError({ policy: this.#settings.name }));
      else if (fault === undefined) this.#accept(pending, entry, waiter);
      else {
        this.#pending.forgetIfDone(pending);
        waiter.reject(fault.error);
        this.#admit();
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

  /** Lets in who waits, for as long as there is room. */
  #admit(): void {
    while (this.#waiting.size > 0 && this.#pending.size < this.#settings.maxPending) {
      for (const waiter of this.#waiting.dequeueKey()) this.#enter(waiter);
    }
    this.#background.schedule();
  }

  #isTimeToWork(): boolean {
    return this.#pending.nextAt < this.#alarmAt || this.#isUrgent();
  }

  /** Whether what is ready is to be written without waiting for company. */
  #isUrgent(): boolean {
    const isFull = this.#pending.readySize >= this.#settings.maxBatch || this.#waiting.size > 0;
    return isFull || this.#closing !== undefined;
  }

  /** Begins what is due, and sets the alarm for what will be. In the context of the writer, see `Background`. */
  #work(): void {
    if (this.#isClosed) return;
    const { clock, concurrency, store } = this.#settings;
    this.#pending.comeDue(clock.now());
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
    this.#counts.retries += writes.filter(({ tries }) => tries > 0).length;
    for (const write of writes) write.tries++;
    this.#running++;
    const call = new TrackedWrite();
    this.#calls.add(call);
    const startedAt = clock.now();
    const entries = writes.map(({ entry }) => withoutNumber(entry));
    store.write(entries, call).then((faults) => {
      this.#running--;
      if (this.#isClosed) call.whenEnded().then(() => this.#forgetLost(keys));
      else this.#end(keys, call, faults, clock.now() - startedAt);
    });
  }

  /** The outcome is there. The keys are free when nothing of the call is running any more. */
  #end(
    keys: readonly PendingKey<K, V>[],
    call: TrackedWrite,
    faults: readonly (Failure | undefined)[],
    durationMs: number,
  ): void {
    const failed = keys.filter((_, index) => faults[index] !== undefined);
    const delayMs = failed.length === 0 ? 0 : delayAfter(failed, faults.find(Boolean) as Failure, this.#settings);
    const news: (() => void)[] = [];
    for (const [index, pending] of keys.entries()) {
      const write = pending.writing as PendingWrite<K, V>;
      const fault = faults[index];
      pending.writing = undefined;
      pending.retryAt = 0;
      if (fault === undefined) this.#confirm(pending, write);
      else news.push(this.#fail(pending, write, fault, delayMs));
    }
    const free = () => {
      this.#calls.delete(call);
      if (this.#isClosed) return;
      for (const pending of keys) this.#pending.settle(pending, this.#settings.clock.now());
      this.#admit();
    };
    for (const tell of news) tell();
    if (call.isRunning) {
      call.whenEnded().then(() => {
        this.#forgetLost(keys);
        free();
      });
    } else free();
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

  /** Back to where it came from, unless there is a newer one there, or it is given up. Gives what is to be told. */
  #fail(pending: PendingKey<K, V>, write: PendingWrite<K, V>, fault: Failure, delayMs: number | undefined): () => void {
    const { error } = fault;
    const { clock, maxAttempts } = this.#settings;
    const attempt = write.tries;
    const isSuperseded = pending.next !== undefined;
    const isLost = !isSuperseded && (delayMs === undefined || attempt >= maxAttempts);
    this.#counts.failures++;
    pending.lastFault = fault;
    if (isSuperseded) this.#counts.coalesced++;
    else if (!isLost) pending.next = write;
    if (!isLost && delayMs !== undefined) pending.retryAt = clock.now() + delayMs;
    const entry = withoutNumber(write.entry);
    if (isLost) this.#journal?.ack(entry.key, write.entry.number);
    const tellLost = isLost ? this.#lose(pending, { ...entry, error }, write.entry.number) : undefined;
    return () => {
      this.#events.emit('failure', { write: entry, error, attempt, delayMs: isLost ? undefined : delayMs });
      tellLost?.();
    };
  }

  /** The cache forgets it now, since a listener may set the key again. Gives what is to be told. */
  #lose(pending: PendingKey<K, V>, lost: LostWrite<K, V>, number: number): () => void {
    this.#counts.lost++;
    pending.isLost = true;
    this.#closing?.lost.push(lost);
    this.#reads.supersede(lost.key, undefined);
    this.#flushes.lost(lost, number);
    this.#cache?.delete(lost.key);
    return () => this.#events.emit('lost', lost);
  }

  /** Once more, when nothing of the call is running: it may have arrived, and somebody may have read the older value before. */
  #forgetLost(keys: readonly PendingKey<K, V>[]): void {
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

  #beginToClose(): Closing<K, V> {
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

  /** Everything is in the store, or was lost on the way. */
  #finish(closing: Closing<K, V>): void {
    this.#isClosed = true;
    this.#pending.clear();
    if (this.#journal === undefined) closing.settle();
    else this.#journal.whenIdle().then(() => closing.settle());
  }

  /** The time to close is over: whatever is pending is lost, and nothing that comes later changes anything. */
  #giveUp(timeout: TimeoutError): void {
    const closing = this.#closing as Closing<K, V>;
    closing.isGivenUp = true;
    this.#isClosed = true;
    this.#alarm?.clear();
    const news: (() => void)[] = [];
    for (const pending of this.#pending.values()) {
      const { newest, lastFault } = pending;
      if (newest === undefined) continue;
      const { error } = lastFault ?? { error: timeout };
      news.push(this.#lose(pending, { ...withoutNumber(newest.entry), error }, newest.entry.number));
    }
    this.#pending.clear();
    this.#journal?.giveUp();
    while (this.#waiting.size > 0) {
      for (const waiter of this.#waiting.dequeueKey()) waiter.reject(new ClosedError({ policy: this.#settings.name }));
    }
    closing.settle();
    for (const tell of news) tell();
    for (const call of this.#calls) call.scope.abort(timeout);
  }
}

/** What callers see of an entry. */
function withoutNumber<K, V>(entry: JournalEntry<K, V>): WriteEntry<K, V> {
  return entry.type === 'set'
    ? { type: 'set', key: entry.key, value: entry.value }
    : { type: 'delete', key: entry.key };
}

/** Settles as the promise does, unless the signal aborts before. */
function unlessAborted<T>(signal: AbortSignal | null, promise: Promise<T>): Promise<T> {
  if (signal === null) return promise;
  const scope = new AbortScope(scopeOf(signal));
  return scope.race(promise).finally(() => scope.leave());
}
