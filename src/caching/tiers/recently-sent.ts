import type { Clock } from '../../core/clock.js';
import { FifoMap } from '../../core/fifo-map.js';
import { type CheckedInvalidation, hitsKey } from '../invalidation.js';
import { hitsEntry } from '../match.js';

/** For how long the word of an invalidation may be under way from one process to another. */
const WORD_MS = 2000;

const MOST_SENT = 10_000;

/** A value that was sent to the second tier. */
interface Sent {
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
export class RecentlySent {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #sent = new FifoMap<string, Sent>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives what is to be called when it has arrived. */
  begin(key: string, tags: readonly string[]): () => void {
    this.#forgetOld();
    const sent: Sent = { tags, until: Infinity };
    this.#sent.set(key, sent);
    return () => {
      sent.until = this.#clock.now() + WORD_MS;
    };
  }

  /** The keys that are hit, all or those that have not arrived yet. All are forgotten. */
  takeHit(invalidation: CheckedInvalidation<string>, which: 'all' | 'on their way'): string[] {
    this.#forgetOld();
    const candidates = 'key' in invalidation ? [invalidation.key] : [...this.#sent.keys()];
    const hit = candidates.filter((key) => this.#isHit(invalidation, key));
    const taken = which === 'all' ? hit : hit.filter((key) => this.#sent.get(key)?.until === Infinity);
    for (const key of hit) this.#sent.delete(key);
    return taken;
  }

  #isHit(invalidation: CheckedInvalidation<string>, key: string): boolean {
    const sent = this.#sent.get(key);
    if (sent === undefined) return false;
    return hitsKey(invalidation, key) || ('match' in invalidation && hitsEntry(invalidation.match, key, sent.tags));
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    for (let oldest = this.#sent.oldest; oldest !== undefined; oldest = this.#sent.oldest) {
      const [key, { until }] = oldest;
      if (until === Infinity || (until > now && this.#sent.size < MOST_SENT)) return;
      this.#sent.delete(key);
    }
  }
}
