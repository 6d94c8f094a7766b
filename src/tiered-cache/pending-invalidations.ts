import { Alarm, type Clock } from '../core/clock.js';
import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from '../loading-cache/invalidation.js';

/** Something that the second tier may still have though it is out of date: a key, or all that match. */
export interface PendingInvalidation {
  readonly target: { readonly key: string } | { readonly match: CheckedMatch };
}

/** When the store could not be told of more than that, it is to forget everything. */
const MOST_FAILED = 10_000;
/** A read looks at each of these. */
const MOST_MATCHES = 1000;

export const MATCH_ALL: CheckedMatch = { kind: 'prefix', text: '' };

/**
 * What the second tier has not been rid of yet: it is being told, or could not be told. As long as that is so nobody
 * reads it from there, or a deletion that was lost would be undone by the next read.
 *
 * O(1) a key, O(matches in doubt) a read. Bounded by the calls under way, and at most 10,000 that have failed: then these
 * are one doubt about everything.
 */
export class PendingInvalidations {
  readonly #keys = new Map<string, PendingInvalidation>();
  readonly #matches = new Map<string, PendingInvalidation>();
  /** In the order in which they failed. */
  readonly #failed = new FifoMap<PendingInvalidation, true>();
  /** Replaced, never changed: a read holds on to those of its beginning. */
  #list: readonly CheckedMatch[] = [];

  /** A newer doubt about the same takes the place of the older one. */
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

  /** The store is rid of it, unless it has come into doubt again. */
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

  /** The store was told, and it did not work: it is to be told again, after all others. */
  fail(invalidation: PendingInvalidation): void {
    if (!this.isPending(invalidation)) return;
    this.#failed.set(invalidation, true);
    if (this.#failed.size > MOST_FAILED || this.#matches.size > MOST_MATCHES) this.#mergeIntoOne();
  }

  /** What is being told besides may still work, and stays a doubt of its own. */
  #mergeIntoOne(): void {
    for (const invalidation of [...this.#failed.keys()]) this.resolve(invalidation);
    this.#failed.set(this.add({ match: MATCH_ALL }), true);
  }

  /** What the store is to be told of next. */
  nextFailed(): PendingInvalidation | undefined {
    return this.#failed.oldest?.[0];
  }

  get size(): number {
    return this.#keys.size + this.#matches.size;
  }

  /** Those about all that match. */
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

/** How long after it has failed the store is told again what it could not be told. */
const PAUSE_MS = 1000;

/** Tells the store again what it could not be told: every second, one after the other, until it fails again. */
export class InvalidationRetrier {
  readonly #clock: Clock;
  readonly #pending: PendingInvalidations;
  readonly #retry: (target: PendingInvalidation['target']) => Promise<boolean>;
  readonly #onDone: (target: PendingInvalidation['target']) => void;
  #alarm: Alarm | undefined = undefined;
  #isRunning = false;

  /**
   * @param tell - tells the store; gives whether it has done it. Never rejects.
   * @param onDone - called when it has.
   */
  constructor(
    clock: Clock,
    pending: PendingInvalidations,
    tell: (target: PendingInvalidation['target']) => Promise<boolean>,
    onDone: (target: PendingInvalidation['target']) => void,
  ) {
    this.#clock = clock;
    this.#pending = pending;
    this.#retry = tell;
    this.#onDone = onDone;
  }

  /** The store was told, and has not done it. */
  schedule(invalidation: PendingInvalidation): void {
    this.#pending.fail(invalidation);
    if (this.#alarm !== undefined) return;
    this.#alarm = new Alarm(this.#clock, PAUSE_MS, () => {
      this.#alarm = undefined;
      this.run();
    });
    this.#alarm.unref();
  }

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
