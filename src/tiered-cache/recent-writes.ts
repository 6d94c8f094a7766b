import type { Clock } from '../core/clock.js';
import { FifoMap } from '../core/fifo-map.js';
import { type CheckedInvalidation, hitsEntry, hitsKey } from '../loading-cache/invalidation.js';

/** For how long the word of an invalidation may be under way from one process to another. */
const WORD_MS = 2000;

const MOST_SENT = 10_000;

/** A value that was sent to the second tier. */
interface RecentWrite {
  readonly tags: readonly string[];
  /** Infinity while it is on its way. */
  until: number;
}

/**
 * Values that this process has just sent to the second tier. Another process may have invalidated one of them before it
 * arrived there, and the word of that may still be under way: then it is to be deleted when the word comes.
 *
 * Those of the last two seconds, at most 10,000 besides those on their way.
 */
export class RecentWrites {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #writes = new FifoMap<string, RecentWrite>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives what is to be called when it has arrived. */
  begin(key: string, tags: readonly string[]): () => void {
    this.#forgetOld();
    const sent: RecentWrite = { tags, until: Infinity };
    this.#writes.set(key, sent);
    return () => {
      sent.until = this.#clock.now() + WORD_MS;
    };
  }

  /** The keys that are hit, all or those that have not arrived yet. All are forgotten. */
  takeMatching(invalidation: CheckedInvalidation<string>, which: 'all' | 'on their way'): string[] {
    this.#forgetOld();
    const candidates = 'key' in invalidation ? [invalidation.key] : [...this.#writes.keys()];
    const hit = candidates.filter((key) => this.#isHit(invalidation, key));
    const taken = which === 'all' ? hit : hit.filter((key) => this.#writes.get(key)?.until === Infinity);
    for (const key of hit) this.#writes.delete(key);
    return taken;
  }

  #isHit(invalidation: CheckedInvalidation<string>, key: string): boolean {
    const sent = this.#writes.get(key);
    if (sent === undefined) return false;
    return hitsKey(invalidation, key) || ('match' in invalidation && hitsEntry(invalidation.match, key, sent.tags));
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    for (let oldest = this.#writes.oldest; oldest !== undefined; oldest = this.#writes.oldest) {
      const [key, { until }] = oldest;
      if (until === Infinity || (until > now && this.#writes.size < MOST_SENT)) return;
      this.#writes.delete(key);
    }
  }
}
