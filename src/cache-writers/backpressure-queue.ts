import { scopeOf } from '../core/abort-scope.js';
import { FifoMap } from '../core/fifo-map.js';
import { FlightWaiter } from '../core/single-flight.js';
import type { WriteEntry } from './store.js';

/** Somebody who wants a write to be accepted. */
export class QueuedWrite<K, V> extends FlightWaiter<void> {
  readonly entry: WriteEntry<K, V>;
  line: BackpressureQueue<K, V> | undefined;

  constructor(entry: WriteEntry<K, V>, signal: AbortSignal | null) {
    super();
    this.entry = entry;
    this.line = undefined;
    if (signal !== null) scopeOf(signal).enter(this);
  }

  /** While it waits, at once: the room that is free next is somebody else's. */
  override onAbort(reason: unknown): void {
    if (this.line === undefined) super.onAbort(reason);
    else {
      this.line.leave(this);
      this.reject(reason);
    }
  }
}

/**
 * Callers who wait for room, key by key in the order in which the first of each key came. Room for a key is room for all
 * who wait for that key: they are let in together, so that a later write of it never comes before an earlier one.
 */
export class BackpressureQueue<K, V> {
  /** How many callers wait. */
  size = 0;
  readonly #keys = new FifoMap<K, Set<QueuedWrite<K, V>>>();

  join(waiter: QueuedWrite<K, V>): void {
    const { key } = waiter.entry;
    const callers = this.#keys.get(key);
    if (callers === undefined) this.#keys.set(key, new Set([waiter]));
    else callers.add(waiter);
    waiter.line = this;
    this.size++;
  }

  leave(waiter: QueuedWrite<K, V>): void {
    const { key } = waiter.entry;
    const callers = this.#keys.get(key);
    waiter.line = undefined;
    if (callers?.delete(waiter)) this.size--;
    if (callers?.size === 0) this.#keys.delete(key);
  }

  /** All callers of the key that is first in line, out of it. */
  dequeueKey(): QueuedWrite<K, V>[] {
    const taken = [...(this.#keys.oldest?.[1] ?? [])];
    for (const waiter of taken) this.leave(waiter);
    return taken;
  }
}
