import { type Emitter, reportUncaught } from '../core/events.js';
import type { CacheEvents, RemoveReason } from './cache.js';

/**
 * The number of removals that listeners may cause while they handle one batch of removals. It is enough to clear the
 * cache twice and to restore a few entries, and it ends two listeners that would otherwise cause removals forever.
 */
const mostCaused = (capacity: number): number => 1000 + 2 * capacity;

/** The `remove` events that are still to be emitted: in the order of removal, once the cache is consistent again. */
export class Removals<K, V> {
  readonly #events: Emitter<CacheEvents<K, V>>;
  #pending: CacheEvents<K, V>['remove'][] = [];
  #isEmitting = false;

  constructor(events: Emitter<CacheEvents<K, V>>) {
    this.#events = events;
  }

  get isObserved(): boolean {
    return this.#events.has('remove');
  }

  /** Adds a removal. Called only if there are listeners. */
  add(key: K, value: V, reason: RemoveReason): void {
    this.#pending.push({ key, value, reason });
  }

  emitPending(capacity: number): void {
    if (this.#pending.length === 0 || this.#isEmitting) return;
    this.#isEmitting = true;
    const most = this.#pending.length + mostCaused(capacity);
    for (let emitted = 0; emitted < this.#pending.length && emitted < most; emitted++) {
      this.#events.emit('remove', this.#pending[emitted] as CacheEvents<K, V>['remove']);
    }
    if (this.#pending.length > most) {
      const rule = `only the first ${most} removals are emitted`;
      reportUncaught(new RangeError(`Listeners of 'remove' cause an endless number of removals: ${rule}`));
    }
    this.#pending = [];
    this.#isEmitting = false;
  }
}
