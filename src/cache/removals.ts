import { type Emitter, reportUncaught } from '../core/events.js';
import type { CacheEvents, RemoveReason } from './cache.js';

/**
 * How many removals listeners may cause by what they do when they are told of some: enough to clear the cache twice over,
 * and to put back a few; not so many that two listeners could go on for ever.
 */
const mostCaused = (capacity: number): number => 1000 + 2 * capacity;

/** What has left the cache and is still to be told: after the cache is whole again, in the order in which it left. */
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

  /** Only when they are heard. */
  add(key: K, value: V, reason: RemoveReason): void {
    this.#pending.push({ key, value, reason });
  }

  emitPending(capacity: number): void {
    if (this.#pending.length === 0 || this.#isEmitting) return;
    this.#isEmitting = true;
    const most = this.#pending.length + mostCaused(capacity);
    for (let told = 0; told < this.#pending.length && told < most; told++) {
      this.#events.emit('remove', this.#pending[told] as CacheEvents<K, V>['remove']);
    }
    if (this.#pending.length > most) {
      reportUncaught(new RangeError(`Listeners of 'remove' cause removals without end: no more than ${most} are told`));
    }
    this.#pending = [];
    this.#isEmitting = false;
  }
}
