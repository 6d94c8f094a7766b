import { scopeOf } from '../core/abort-scope.js';
import { FifoMap } from '../core/fifo-map.js';
import { FlightWaiter } from '../core/single-flight.js';
import type { WriteEntry } from './store.js';

/** A write that waits to be accepted. */
export class QueuedWrite<K, V> extends FlightWaiter<void> {
  readonly entry: WriteEntry<K, V>;
  /** The queue in which the write waits for room; undefined before and after that. */
  queue: BackpressureQueue<K, V> | undefined;

  constructor(entry: WriteEntry<K, V>, signal: AbortSignal | null) {
    super();
    this.entry = entry;
    this.queue = undefined;
    if (signal !== null) scopeOf(signal).enter(this);
  }

  /** Leaves the queue synchronously, because the next free place belongs to another write. */
  override onAbort(reason: unknown): void {
    if (this.queue === undefined) super.onAbort(reason);
    else {
      this.queue.leave(this);
      this.reject(reason);
    }
  }
}

/**
 * The writes that wait for room, by key, in the order of the first write of each key. All waiting writes of a key are
 * admitted together, because they need room for only one key, and because a later write must never overtake an earlier
 * one of the same key.
 */
export class BackpressureQueue<K, V> {
  /** The number of waiting writes. */
  size = 0;
  readonly #keys = new FifoMap<K, Set<QueuedWrite<K, V>>>();

  join(waiter: QueuedWrite<K, V>): void {
    const { key } = waiter.entry;
    const writes = this.#keys.get(key);
    if (writes === undefined) this.#keys.set(key, new Set([waiter]));
    else writes.add(waiter);
    waiter.queue = this;
    this.size++;
  }

  leave(waiter: QueuedWrite<K, V>): void {
    const { key } = waiter.entry;
    const writes = this.#keys.get(key);
    waiter.queue = undefined;
    if (writes?.delete(waiter)) this.size--;
    if (writes?.size === 0) this.#keys.delete(key);
  }

  /** Removes and returns all waiting writes of the first key. */
  dequeueKey(): QueuedWrite<K, V>[] {
    const taken = [...(this.#keys.oldest?.[1] ?? [])];
    for (const waiter of taken) this.leave(waiter);
    return taken;
  }
}
