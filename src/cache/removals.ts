import { type Emitter, reportUncaught } from '../core/events.js';
import type { CacheEvents, RemoveReason } from './cache.js';

/** A listener may change the cache, be told of that, change it again: so many times over, and no more. */
const MOST_ROUNDS = 1000;

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

  tell(): void {
    if (this.#untold.length === 0 || this.#isTelling) return;
    this.#isTelling = true;
    for (let round = 0; this.#untold.length > 0; round++) {
      const events = this.#untold;
      this.#untold = [];
      if (round < MOST_ROUNDS) for (const event of events) this.#events.emit('remove', event);
      else reportUncaught(new RangeError(`Listeners of 'remove' have changed the cache ${MOST_ROUNDS} times over`));
    }
    this.#isTelling = false;
  }
}
