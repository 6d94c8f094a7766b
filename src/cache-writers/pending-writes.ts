import { checkDelay, exponentialBackoff } from '../core/backoff.js';
import { reportUncaught } from '../core/events.js';
import type { Failure } from './cache-updater.js';
import type { WriteBehindSettings } from './write-behind-options.js';
import type { JournalEntry } from './write-journal.js';

/** An accepted write. */
export interface PendingWrite<K, V> {
  readonly entry: JournalEntry<K, V>;
  /** The number of attempts so far. */
  attempts: number;
}

/**
 * The pending writes of one key: at most one that is being written, and the newest one, which is written after it.
 *
 * `idle` → `ready` → `busy` → `ready`, or `delayed` after a failure and then `ready`; finally the key is removed.
 */
export class PendingKey<K, V> {
  readonly key: K;
  writing: PendingWrite<K, V> | undefined = undefined;
  next: PendingWrite<K, V> | undefined = undefined;
  /** The number of writes of the key that the journal has not confirmed yet. */
  appending = 0;
  state: 'idle' | 'ready' | 'delayed' | 'busy' = 'idle';
  /** The time at which `next` is to be written at the latest, if it has not failed. */
  flushAt = Infinity;
  /** The number of consecutive failures of writes of the key. */
  failures = 0;
  delayMs: number | undefined = undefined;
  /** The time before which the key is not written again after a failure. */
  retryAt = 0;
  lastFailure: Failure | undefined = undefined;
  /** Whether the newest write was lost. If one of its attempts is still running, the write may yet reach the store. */
  isLost = false;

  constructor(key: K) {
    this.key = key;
  }

  get newest(): PendingWrite<K, V> | undefined {
    return this.next ?? this.writing;
  }
}

/** The state of all pending keys and when they are to be written. Contains no timers and makes no calls. */
export class PendingWrites<K, V> {
  readonly #keys = new Map<K, PendingKey<K, V>>();
  /** The keys that can be written now, in the order in which they became ready. */
  readonly #ready = new Set<PendingKey<K, V>>();
  /** The keys that wait after a failure, by the time of their retry. Keys that failed together are retried together. */
  readonly #delayed = new Map<number, PendingKey<K, V>[]>();
  /** The number of ready keys, from the first one, that are due. */
  #due = 0;
  /** The time at which all ready keys become due. */
  #flushAt = Infinity;
  /** The time of the first retry. */
  #retryAt = Infinity;

  get size(): number {
    return this.#keys.size;
  }

  get readySize(): number {
    return this.#ready.size;
  }

  /** The time of the next work, if no further write is accepted before. */
  get nextAt(): number {
    return Math.min(this.#flushAt, this.#retryAt);
  }

  get(key: K): PendingKey<K, V> | undefined {
    return this.#keys.get(key);
  }

  values(): IterableIterator<PendingKey<K, V>> {
    return this.#keys.values();
  }

  /** Returns the pending writes of a key, and adds the key if it is new. */
  reserve(key: K): PendingKey<K, V> {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const made = new PendingKey<K, V>(key);
    this.#keys.set(key, made);
    return made;
  }

  /** Makes the entry the newest write of its key. Returns whether it replaced a write that had not begun. */
  accept(pending: PendingKey<K, V>, entry: JournalEntry<K, V>, flushAt: number): boolean {
    const isCoalesced = pending.next !== undefined;
    if (!isCoalesced) pending.flushAt = flushAt;
    pending.next = { entry, attempts: 0 };
    pending.isLost = false;
    if (pending.state === 'idle') this.#makeReady(pending);
    return isCoalesced;
  }

  /**
   * Updates a key after its call has ended: it is delayed, becomes ready, or is removed if nothing is left to write.
   */
  settle(pending: PendingKey<K, V>, now: number): void {
    pending.state = 'idle';
    if (pending.next === undefined) this.forgetIfDone(pending);
    else if (pending.retryAt > now) this.#delay(pending);
    else this.#makeReady(pending);
  }

  forgetIfDone(pending: PendingKey<K, V>): void {
    if (pending.state === 'idle' && pending.appending === 0) this.#keys.delete(pending.key);
  }

  /** Makes due what is due at the time `now`. */
  advanceTo(now: number): void {
    if (this.#retryAt <= now) this.#releaseDelayed(now);
    if (this.#flushAt <= now) this.flushReady();
  }

  /** Makes all ready keys due. */
  flushReady(): void {
    this.#due = this.#ready.size;
    this.#flushAt = Infinity;
  }

  /** Makes all pending keys due as soon as possible, without waiting for `flushEvery` or for a backoff. */
  flushAll(): void {
    for (const pending of this.#keys.values()) {
      pending.retryAt = 0;
      pending.flushAt = 0;
    }
    this.#releaseDelayed(Infinity);
  }

  /** Takes keys to write, if any are due. Fills the batch with ready keys that are not due yet. */
  take(max: number): PendingKey<K, V>[] {
    if (this.#due === 0) return [];
    const taken: PendingKey<K, V>[] = [];
    for (const pending of this.#ready) {
      if (taken.length >= max) break;
      this.#ready.delete(pending);
      pending.state = 'busy';
      pending.writing = pending.next;
      pending.next = undefined;
      taken.push(pending);
    }
    this.#due = Math.max(0, this.#due - taken.length);
    if (this.#ready.size === 0) this.#flushAt = Infinity;
    return taken;
  }

  clear(): void {
    this.#keys.clear();
    this.#ready.clear();
    this.#delayed.clear();
    this.#releaseDelayed(Infinity);
  }

  #makeReady(pending: PendingKey<K, V>): void {
    pending.state = 'ready';
    this.#ready.add(pending);
    this.#flushAt = Math.min(this.#flushAt, pending.flushAt);
  }

  #delay(pending: PendingKey<K, V>): void {
    pending.state = 'delayed';
    this.#retryAt = Math.min(this.#retryAt, pending.retryAt);
    const group = this.#delayed.get(pending.retryAt);
    if (group === undefined) this.#delayed.set(pending.retryAt, [pending]);
    else group.push(pending);
  }

  /** Makes the keys ready whose delay has ended at the time `now`. All ready keys become due with them. */
  #releaseDelayed(now: number): void {
    this.#retryAt = Infinity;
    for (const [at, group] of this.#delayed) {
      if (at > now) this.#retryAt = Math.min(this.#retryAt, at);
      else {
        this.#delayed.delete(at);
        for (const pending of group) this.#makeReady(pending);
      }
    }
    this.flushReady();
  }
}

/**
 * Computes the common delay of keys that failed together, from the key with the most consecutive failures. Undefined
 * means that the writes are lost. If the backoff throws, the default backoff is used, so that no write is lost.
 */
export function delayAfter<K, V>(
  failed: readonly PendingKey<K, V>[],
  { error }: Failure,
  { name, backoff, random }: Pick<WriteBehindSettings<K, V>, 'name' | 'backoff' | 'random'>,
): number | undefined {
  let attempt = 0;
  let previousDelayMs: number | undefined;
  for (const pending of failed) {
    attempt = Math.max(attempt, ++pending.failures);
    if (pending.delayMs !== undefined) previousDelayMs = Math.max(previousDelayMs ?? 0, pending.delayMs);
  }
  const event = { attempt, previousDelayMs, outcome: { ok: false, error }, random } as const;
  let delayMs: number | undefined;
  try {
    delayMs = backoff(event);
    if (delayMs !== undefined) checkDelay(name, 'backoff', delayMs);
  } catch (thrown) {
    reportUncaught(thrown);
    delayMs = exponentialBackoff()(event);
  }
  for (const pending of failed) pending.delayMs = delayMs;
  return delayMs;
}
