import { Alarm, type Clock } from '../core/clock.js';
import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from '../loading-cache/invalidation.js';

/** An invalidation that the second tier has not confirmed: of a key, or of all keys that match. */
export interface PendingInvalidation {
  readonly target: { readonly key: string } | { readonly match: CheckedMatch };
}

/** The largest number of failed invalidations. Beyond it they are replaced by one invalidation of everything. */
const MOST_FAILED = 10_000;
/** The largest number of matches. Bounded because each read is compared with all of them. */
const MOST_MATCHES = 1000;

export const MATCH_ALL: CheckedMatch = { kind: 'prefix', text: '' };

/**
 * The invalidations that the second tier has not confirmed: in flight, or failed and waiting for a retry. Until an
 * invalidation is confirmed, its keys are not read from the second tier. Otherwise the next read would restore a value
 * whose deletion was lost.
 *
 * O(1) per key, O(pending matches) per read. The size is bounded by the calls in flight plus 10,000 failed
 * invalidations; beyond that, the failed ones are replaced by one invalidation of everything.
 */
export class PendingInvalidations {
  readonly #keys = new Map<string, PendingInvalidation>();
  readonly #matches = new Map<string, PendingInvalidation>();
  /** The failed invalidations in the order of their last failure. */
  readonly #failed = new FifoMap<PendingInvalidation, true>();
  /** Replaced instead of changed, so that a read keeps the list that was current when it began. */
  #list: readonly CheckedMatch[] = [];

  /** Adds an invalidation. It replaces an older one of the same target. */
  add(target: PendingInvalidation['target']): PendingInvalidation {
    const invalidation: PendingInvalidation = { target };
    const before = this.#find(target);
    if (before !== undefined) this.#failed.delete(before);
    if ('key' in target) this.#keys.set(target.key, invalidation);
    else {
      this.#matches.set(nameOf(target.match), invalidation);
      this.#listMatches();
    }
    return invalidation;
  }

  #find(target: PendingInvalidation['target']): PendingInvalidation | undefined {
    return 'key' in target ? this.#keys.get(target.key) : this.#matches.get(nameOf(target.match));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Removes an invalidation that the store has confirmed, unless a newer one of the same target has replaced it. */
  resolve(invalidation: PendingInvalidation): void {
    if (!this.isPending(invalidation)) return;
    this.#failed.delete(invalidation);
    if ('key' in invalidation.target) this.#keys.delete(invalidation.target.key);
    else {
      this.#matches.delete(nameOf(invalidation.target.match));
      this.#listMatches();
    }
  }

  isPending(invalidation: PendingInvalidation): boolean {
    return this.#find(invalidation.target) === invalidation;
  }

  /** Marks an invalidation as failed. It is retried after all others that have failed. */
  fail(invalidation: PendingInvalidation): void {
    if (!this.isPending(invalidation)) return;
    this.#failed.set(invalidation, true);
    if (this.#failed.size > MOST_FAILED || this.#matches.size > MOST_MATCHES) this.#mergeIntoOne();
  }

  /** Merges only the failed invalidations: those in flight may still succeed. */
  #mergeIntoOne(): void {
    for (const invalidation of [...this.#failed.keys()]) this.resolve(invalidation);
    this.#failed.set(this.add({ match: MATCH_ALL }), true);
  }

  /** Returns the failed invalidation that is to be retried next. */
  nextFailed(): PendingInvalidation | undefined {
    return this.#failed.oldest?.[0];
  }

  get size(): number {
    return this.#keys.size + this.#matches.size;
  }

  /** The pending invalidations by tag, prefix or glob. */
  get matches(): readonly CheckedMatch[] {
    return this.#list;
  }

  matchesKey(key: string): boolean {
    return this.#keys.has(key) || this.#list.some((match) => matchesKey(match, key));
  }

  #listMatches(): void {
    this.#list = [...this.#matches.values()].map(({ target }) => (target as { match: CheckedMatch }).match);
  }
}

/** The delay before failed invalidations are retried. */
const RETRY_DELAY_MS = 1000;

/** Retries failed invalidations every second, one after the other, until one of them fails again. */
export class InvalidationRetrier {
  readonly #clock: Clock;
  readonly #pending: PendingInvalidations;
  readonly #retry: (target: PendingInvalidation['target']) => Promise<boolean>;
  readonly #onDone: (target: PendingInvalidation['target']) => void;
  #alarm: Alarm | undefined = undefined;
  #isRunning = false;

  /**
   * @param retry - performs the invalidation and returns whether the store has confirmed it. Never rejects.
   * @param onDone - called after the store has confirmed an invalidation.
   */
  constructor(
    clock: Clock,
    pending: PendingInvalidations,
    retry: (target: PendingInvalidation['target']) => Promise<boolean>,
    onDone: (target: PendingInvalidation['target']) => void,
  ) {
    this.#clock = clock;
    this.#pending = pending;
    this.#retry = retry;
    this.#onDone = onDone;
  }

  /** Marks an invalidation as failed and schedules the next retry. */
  schedule(invalidation: PendingInvalidation): void {
    this.#pending.fail(invalidation);
    if (this.#alarm !== undefined) return;
    this.#alarm = new Alarm(this.#clock, RETRY_DELAY_MS, () => {
      this.#alarm = undefined;
      this.run();
    });
    this.#alarm.unref();
  }

  /** Retries the failed invalidations now. Does nothing if a retry is already running. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (
      let invalidation = this.#pending.nextFailed();
      invalidation !== undefined;
      invalidation = this.#pending.nextFailed()
    ) {
      if (!(await this.#retry(invalidation.target))) {
        this.schedule(invalidation);
        break;
      }
      this.#pending.resolve(invalidation);
      this.#onDone(invalidation.target);
    }
    this.#isRunning = false;
  }
}
