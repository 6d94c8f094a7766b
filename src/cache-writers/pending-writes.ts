import { checkDelay, exponentialBackoff } from '../core/backoff.js';
import { reportUncaught } from '../core/events.js';
import type { Failure } from './cache-updater.js';
import type { WriteBehindSettings } from './write-behind-options.js';
import type { JournalEntry } from './write-journal.js';

/** A write that was accepted. */
export interface PendingWrite<K, V> {
  readonly entry: JournalEntry<K, V>;
  tries: number;
}

/**
 * What is pending of one key: at most one write that is being written, and one, the newest, that comes after it.
 *
 * `idle` → `ready` → `busy` → `ready`, or `delayed` after a failure and then `ready`; at last it is forgotten.
 */
export class PendingKey<K, V> {
  readonly key: K;
  writing: PendingWrite<K, V> | undefined = undefined;
  next: PendingWrite<K, V> | undefined = undefined;
  /** How many writes of it the journal has not confirmed yet. */
  appending = 0;
  place: 'idle' | 'ready' | 'delayed' | 'busy' = 'idle';
  /** When `next` is to be written at the latest, unless it has failed. */
  flushAt = Infinity;
  /** Failures in a row, of whichever write of it. */
  failures = 0;
  delayMs: number | undefined = undefined;
  /** After a failure, not before this. */
  retryAt = 0;
  lastFault: Failure | undefined = undefined;
  /** Its newest write was lost: if something of that is still running, it may arrive. */
  isLost = false;

  constructor(key: K) {
    this.key = key;
  }

  get newest(): PendingWrite<K, V> | undefined {
    return this.next ?? this.writing;
  }
}

/** All keys with something pending, and which of them are to be written when. No timers, no calls: only the state. */
export class PendingWrites<K, V> {
  readonly #keys = new Map<K, PendingKey<K, V>>();
  /** Those with something to write that nothing keeps from being written, in the order they came. */
  readonly #ready = new Set<PendingKey<K, V>>();
  /** Those that wait after a failure, by when they come back. What has failed together comes back together. */
  readonly #delayed = new Map<number, PendingKey<K, V>[]>();
  /** How many of those that are ready, from the first on, are to be written now. */
  #due = 0;
  /** When all that is ready is to be written. */
  #flushAt = Infinity;
  /** When the first of those that wait come back. */
  #retryAt = Infinity;

  get size(): number {
    return this.#keys.size;
  }

  get readySize(): number {
    return this.#ready.size;
  }

  /** When there is something to do next, if nothing happens before. */
  get nextAt(): number {
    return Math.min(this.#flushAt, this.#retryAt);
  }

  get(key: K): PendingKey<K, V> | undefined {
    return this.#keys.get(key);
  }

  values(): IterableIterator<PendingKey<K, V>> {
    return this.#keys.values();
  }

  /** Makes room for something pending of the key. */
  reserve(key: K): PendingKey<K, V> {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const made = new PendingKey<K, V>(key);
    this.#keys.set(key, made);
    return made;
  }

  /** The newest write of its key, which takes the place of one that has not begun: gives whether there was one. */
  accept(pending: PendingKey<K, V>, entry: JournalEntry<K, V>, flushAt: number): boolean {
    const isCoalesced = pending.next !== undefined;
    if (!isCoalesced) pending.flushAt = flushAt;
    pending.next = { entry, tries: 0 };
    pending.isLost = false;
    if (pending.place === 'idle') this.#makeReady(pending);
    return isCoalesced;
  }

  /** To be written when there is nothing to wait for; forgotten if there is nothing left to write. */
  settle(pending: PendingKey<K, V>, now: number): void {
    pending.place = 'idle';
    if (pending.next === undefined) this.forgetIfDone(pending);
    else if (pending.retryAt > now) this.#delay(pending);
    else this.#makeReady(pending);
  }

  forgetIfDone(pending: PendingKey<K, V>): void {
    if (pending.place === 'idle' && pending.appending === 0) this.#keys.delete(pending.key);
  }

  /** Time has passed. */
  comeDue(now: number): void {
    if (this.#retryAt <= now) this.#comeBack(now);
    if (this.#flushAt <= now) this.flushReady();
  }

  /** All that is ready is due. */
  flushReady(): void {
    this.#due = this.#ready.size;
    this.#flushAt = Infinity;
  }

  /** All that is pending is due as soon as it can be: no more waiting, neither for company nor after failures. */
  flushAll(): void {
    for (const pending of this.#keys.values()) {
      pending.retryAt = 0;
      pending.flushAt = 0;
    }
    this.#comeBack(Infinity);
  }

  /** Takes some to write, if any are due; then others may come with them. */
  take(max: number): PendingKey<K, V>[] {
    if (this.#due === 0) return [];
    const taken: PendingKey<K, V>[] = [];
    for (const pending of this.#ready) {
      if (taken.length >= max) break;
      this.#ready.delete(pending);
      pending.place = 'busy';
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
    this.#comeBack(Infinity);
  }

  #makeReady(pending: PendingKey<K, V>): void {
    pending.place = 'ready';
    this.#ready.add(pending);
    this.#flushAt = Math.min(this.#flushAt, pending.flushAt);
  }

  #delay(pending: PendingKey<K, V>): void {
    pending.place = 'delayed';
    this.#retryAt = Math.min(this.#retryAt, pending.retryAt);
    const group = this.#delayed.get(pending.retryAt);
    if (group === undefined) this.#delayed.set(pending.retryAt, [pending]);
    else group.push(pending);
  }

  /** Those who have waited until now. They are due, and all else that is ready goes with them. */
  #comeBack(now: number): void {
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
 * How long keys that have failed together wait, together, by the one of them that has failed most often; undefined to give
 * up. A backoff that throws must not cost a write.
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
