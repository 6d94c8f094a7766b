import type { Clock } from '../core/clock.js';
import { FifoMap } from '../core/fifo-map.js';
import { type CheckedInvalidation, hitsEntry, hitsKey } from '../loading-cache/invalidation.js';

/** How long an invalidation message may take from one process to another. */
const MESSAGE_DELAY_MS = 2000;

const MOST_WRITES = 10_000;

/** A value that this process has written to the second tier. */
interface RecentWrite {
  readonly tags: readonly string[];
  /** The time until which the write counts as recent; Infinity while it is in flight. */
  until: number;
}

/**
 * The recent writes of this process to the second tier. Another process may have invalidated one of these values before
 * it arrived there, and the message about it may still be in transit. When that message arrives, the value is deleted.
 *
 * Keeps the writes in flight and those of the last two seconds, but at most 10,000 of the latter.
 */
export class RecentWrites {
  readonly #clock: Clock;
  /** The oldest write first. */
  readonly #writes = new FifoMap<string, RecentWrite>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a write and returns a function to call when the write has ended. */
  begin(key: string, tags: readonly string[]): () => void {
    this.#removeOld();
    const write: RecentWrite = { tags, until: Infinity };
    this.#writes.set(key, write);
    return () => {
      write.until = this.#clock.now() + MESSAGE_DELAY_MS;
    };
  }

  /** Removes all writes that the invalidation hits. Returns the keys of all of them, or only of those in flight. */
  takeMatching(invalidation: CheckedInvalidation<string>, which: 'all' | 'in flight'): string[] {
    this.#removeOld();
    const candidates = 'key' in invalidation ? [invalidation.key] : [...this.#writes.keys()];
    const hit = candidates.filter((key) => this.#isHit(invalidation, key));
    const taken = which === 'all' ? hit : hit.filter((key) => this.#writes.get(key)?.until === Infinity);
    for (const key of hit) this.#writes.delete(key);
    return taken;
  }

  #isHit(invalidation: CheckedInvalidation<string>, key: string): boolean {
    const write = this.#writes.get(key);
    if (write === undefined) return false;
    return hitsKey(invalidation, key) || ('match' in invalidation && hitsEntry(invalidation.match, key, write.tags));
  }

  #removeOld(): void {
    const now = this.#clock.now();
    for (let oldest = this.#writes.oldest; oldest !== undefined; oldest = this.#writes.oldest) {
      const [key, { until }] = oldest;
      if (until === Infinity || (until > now && this.#writes.size < MOST_WRITES)) return;
      this.#writes.delete(key);
    }
  }
}
