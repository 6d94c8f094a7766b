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
  #untold: CacheEvents<K, V>['remove'][] = [];
  #isTelling = false;

  constructor(events: Emitter<CacheEvents<K, V>>) {
    this.#events = events;
  }

  get areHeard(): boolean {
    return this.#events.has('remove');
  }

  /** Only when they are heard. */
  add(key: K, value: V, reason: RemoveReason): void {
    this.#untold.push({ key, value, reason });
  }

  tell(capacity: number): void {
    if (this.#untold.length === 0 || this.#isTelling) return;
    this.#isTelling = true;
    const most = this.#untold.length + mostCaused(capacity);
    for (let told = 0; told < this.#untold.length && told < most; told++) {
      this.#events.emit('remove', this.#untold[told] as CacheEvents<K, V>['remove']);
    }
    if (this.#untold.length > most) {
      reportUncaught(new RangeError(`Listeners of 'remove' cause removals without end: no more than ${most} are told`));
    }
    this.#untold = [];
    this.#isTelling = false;
  }
}
