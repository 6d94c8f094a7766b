import type { AbortScope } from '../core/abort-scope.js';
import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import { callOperation, isContext } from '../core/context.js';
import type { Emitter } from '../core/events.js';
import type { Policy } from '../core/policy.js';
import { runWithPolicy } from '../core/run-with-policy.js';
import { BatchSource } from '../loading-cache/batch.js';
import {
  type CheckedInvalidation,
  type CheckedMatch,
  type EntryMatch,
  hitsEntry,
  type Invalidation,
} from '../loading-cache/invalidation.js';
import type { EntryMetadata } from '../loading-cache/source.js';
import type { CacheStore, CacheStoreContext, StoredData } from './cache-store.js';
import {
  InvalidationRetrier,
  MATCH_ALL,
  type PendingInvalidation,
  PendingInvalidations,
} from './pending-invalidations.js';
import { RecentWrites } from './recent-writes.js';
import type { DecodedRecord, RecordCodec } from './record-codec.js';
import { LatestWriteQueue, TimedOutWrites } from './second-tier-writes.js';
import { LatencyTally, type SecondTierStats, type TieredCacheEvents } from './stats.js';

export interface SecondTierSettings<V, D> {
  readonly store: CacheStore<D>;
  readonly records: RecordCodec<V, D>;
  readonly prefix: string;
  /** What calls go through: a breaker. */
  readonly policy: Policy;
  /** The time each of them has. */
  readonly deadline: Policy;
  readonly clock: Clock;
}

const READ_BATCHES = { maxSize: 100, maxWaitMs: 0 };

/** So many keys are deleted one by one. */
const MOST_AT_ONCE = 100;

/**
 * The second tier as the first one sees it: it may be slow, down, or wrong, and nothing here ever rejects for that. What
 * is asked for in one turn of the event loop is asked for in one call. Writes of a key go one after the other, in the
 * order in which they were made. What it was to forget and has not is not read from it, until it has.
 */
export class SecondTier<V, D> {
  readonly #settings: SecondTierSettings<V, D>;
  readonly #events: Emitter<TieredCacheEvents>;
  /** Undefined for a store that has no `getMany`. */
  readonly #batches: BatchSource<string, StoredData<D> | undefined> | undefined;
  readonly #pending = new PendingInvalidations();
  readonly #writes = new LatestWriteQueue();
  readonly #timedOut = new TimedOutWrites();
  /** Deletions by match that are on their way. */
  readonly #matchings = new Set<Promise<unknown>>();
  readonly #recent: RecentWrites;
  readonly #latency = new LatencyTally();
  readonly #counts = { hits: 0, misses: 0, staleHits: 0, bypassed: 0, unread: 0, failures: 0 };
  readonly #retrier: InvalidationRetrier;

  constructor(settings: SecondTierSettings<V, D>, events: Emitter<TieredCacheEvents>) {
    this.#settings = settings;
    this.#events = events;
    this.#recent = new RecentWrites(settings.clock);
    this.#retrier = new InvalidationRetrier(
      settings.clock,
      this.#pending,
      (target) => this.#retryInvalidation(target),
      (target) => this.#rebroadcast(asInvalidation(target)),
    );
    const getBatch = (keys: readonly string[], scope: AbortScope) => this.#getBatch(keys, scope);
    if (settings.store.getMany !== undefined) this.#batches = new BatchSource(getBatch, READ_BATCHES, settings.clock);
  }

  get stats(): SecondTierStats {
    const { unread, ...counts } = this.#counts;
    const asked = counts.hits + counts.misses + counts.staleHits + unread;
    const hitRatio = asked === 0 ? 0 : counts.hits / asked;
    return {
      ...counts,
      hitRatio,
      pendingInvalidations: this.#pending.size + this.#timedOut.size,
      latency: this.#latency.summary,
    };
  }

  /** What it has of the key, if that can be had, and be trusted. Of one who leaves it does not matter what he gets. */
  async read(key: string, scope: AbortScope): Promise<DecodedRecord<V> | undefined> {
    if (this.#pending.matchesKey(key) || this.#timedOut.has(key)) {
      this.#counts.bypassed++;
      return undefined;
    }
    // What comes into doubt from now on is the load's business: it has begun before that.
    const { matches } = this.#pending;
    const { clock } = this.#settings;
    const askedAt = clock.now();
    try {
      const name = this.#nameOf(key);
      const stored = await (this.#batches?.load(name, scope) ?? this.#get(name, scope));
      return this.#take(key, stored, clock.now() - askedAt, matches);
    } catch {
      if (scope.reason === undefined) this.#counts.unread++;
      return undefined;
    }
  }

  #take(
    key: string,
    stored: StoredData<D> | undefined,
    ageMs: number,
    inDoubt: readonly CheckedMatch[],
  ): DecodedRecord<V> | undefined {
    const found = stored ? this.#read(stored, ageMs) : undefined; // null, as clients of Redis say it, is nothing, too
    if (found === undefined) this.#counts.misses++;
    else if (inDoubt.some((match) => hitsEntry(match, key, found.metadata.tags))) this.#counts.bypassed++;
    else {
      this.#counts[found.metadata.freshMs > 0 ? 'hits' : 'staleHits']++;
      return found;
    }
    return undefined;
  }

  /** @throws what is wrong with the data. */
  #read(stored: StoredData<D>, ageMs: number): DecodedRecord<V> {
    try {
      return this.#settings.records.read(stored, ageMs);
    } catch (error) {
      this.#failed({ operation: 'get', keys: 1, durationMs: 0, error });
      throw error;
    }
  }

  #get(name: string, scope: AbortScope): Promise<StoredData<D> | undefined> {
    return this.#call('get', 1, scope, (context) => this.#settings.store.get(name, context));
  }

  async #getBatch(names: readonly string[], scope: AbortScope): Promise<readonly (StoredData<D> | undefined)[]> {
    const { store } = this.#settings;
    const [only] = names;
    if (names.length === 1) return [await this.#get(only as string, scope)];
    return this.#call('get', names.length, scope, async (context) => {
      const found = await store.getMany?.(names, context);
      if (Array.isArray(found) && found.length === names.length) return found;
      throw new TypeError(`getMany must return an array with one value for each key: ${names.length}`);
    });
  }

  /** Keeps a value that was loaded. What is there already, if there may be something, is in doubt until that is done. */
  keep(key: string, value: V, metadata: EntryMetadata, mayHaveOlder: boolean): void {
    if (mayHaveOlder || this.#pending.has(key)) this.set(key, value, metadata);
    else this.#send(key, value, metadata);
  }

  /** Gives whether the second tier has it. */
  async set(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const isThere = await this.#invalidateUntilConfirmed({ key }, () => this.#send(key, value, metadata));
    return isThere && !this.#timedOut.has(key);
  }

  /** Gives whether the second tier is rid of all that is hit; what has expired is not kept there either. */
  async invalidate(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#recent.takeMatching(invalidation, 'on their way');
    if ('key' in invalidation) return this.#delete(invalidation.key);
    const match = 'match' in invalidation ? invalidation.match : MATCH_ALL;
    const isRid = this.#invalidateUntilConfirmed({ match }, () => this.#deleteMatching(match));
    const all = await Promise.all([isRid, ...overtaken.map((key) => this.#delete(key))]);
    return all.every(Boolean);
  }

  /**
   * Another process has done so. Values that it hits and that have just been sent from here may have come after it: they
   * are deleted. Gives whether there were any, when that is done.
   */
  async invalidateRecentWrites(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#recent.takeMatching(invalidation, 'all');
    if (overtaken.length <= MOST_AT_ONCE) await Promise.all(overtaken.map((key) => this.#delete(key)));
    else {
      const match = 'match' in invalidation ? invalidation.match : MATCH_ALL;
      await this.#invalidateUntilConfirmed({ match }, () => this.#deleteMatching(match));
    }
    return overtaken.length > 0;
  }

  async #delete(key: string): Promise<boolean> {
    const isGone = await this.#invalidateUntilConfirmed({ key }, () =>
      this.#writes.write(key, () => this.#remove(key)),
    );
    return isGone && !this.#timedOut.has(key);
  }

  #send(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const hasArrived = this.#recent.begin(key, metadata.tags);
    return this.#writes.write(key, async () => {
      const isDone = await this.#put(key, value, metadata);
      hasArrived();
      return isDone;
    });
  }

  /** Resolves when nothing is on its way there, and it was told once more what it could not be told. */
  async onIdle(): Promise<void> {
    await this.#writes.whenIdle();
    await Promise.all(this.#matchings);
    await this.#retrier.run();
  }

  /** In doubt from now on until the store has done it. */
  async #invalidateUntilConfirmed(
    target: PendingInvalidation['target'],
    act: () => Promise<boolean>,
  ): Promise<boolean> {
    const invalidation = this.#pending.add(target);
    const isDone = await act();
    if (isDone) this.#pending.resolve(invalidation);
    else this.#retrier.schedule(invalidation);
    return isDone;
  }

  #retryInvalidation(target: PendingInvalidation['target']): Promise<boolean> {
    return 'match' in target ? this.#deleteMatching(target.match) : this.#deleteAgain(target.key);
  }

  /** Unless something newer is about to be written there. */
  #deleteAgain(key: string): Promise<boolean> {
    return this.#writes.hasNext(key) ? Promise.resolve(true) : this.#writes.write(key, () => this.#remove(key));
  }

  /** Others may have read there meanwhile what has gone only now. */
  #rebroadcast(invalidation: Invalidation<string>): void {
    if (this.#events.has('invalidate')) this.#events.emit('invalidate', { ...invalidation, isEcho: true });
  }

  async #put(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const { store, records: codec, prefix } = this.#settings;
    const ttlMs = codec.storeTtlMs(metadata);
    if (!(ttlMs > 0)) return this.#remove(key); // nothing older either
    const options = { ttlMs, tags: metadata.tags.map((tag) => prefix + tag) };
    let data: D;
    try {
      data = codec.write(value, metadata);
    } catch (error) {
      this.#failed({ operation: 'set', keys: 1, durationMs: 0, error });
      return false; // so that it is deleted
    }
    const running = new Set<Promise<unknown>>();
    const isThere = await this.#isDone('set', 1, async (context) => {
      const done = (async () => store.set(this.#nameOf(key), data, options, context))();
      running.add(done);
      await done.finally(() => running.delete(done));
    });
    if (!isThere && running.size > 0)
      this.#timedOut.track(key, Promise.allSettled(running), () => this.#deleteLate(key));
    return isThere;
  }

  /** What came late may be older than what others have written meanwhile. */
  async #deleteLate(key: string): Promise<void> {
    if (await this.#delete(key)) this.#rebroadcast({ kind: 'delete', key });
  }

  #remove(key: string): Promise<boolean> {
    return this.#isDone('delete', 1, (context) => this.#settings.store.delete(this.#nameOf(key), context));
  }

  #deleteMatching({ kind, text }: CheckedMatch): Promise<boolean> {
    const { store, prefix } = this.#settings;
    const match = asMatch({ kind, text: kind === 'glob' ? escapeGlob(prefix) + text : prefix + text });
    const deleted = this.#isDone('deleteMatching', 0, (context) => store.deleteMatching(match, context));
    this.#matchings.add(deleted);
    deleted.then(() => this.#matchings.delete(deleted));
    return deleted;
  }

  #nameOf(key: string): string {
    return this.#settings.prefix + key;
  }

  #isDone(
    operation: Operation,
    keys: number,
    act: (context: CacheStoreContext) => PromiseLike<unknown>,
  ): Promise<boolean> {
    return this.#call(operation, keys, undefined, act).then(
      () => true,
      () => false,
    );
  }

  /** Every call to the store: under its policy, measured. */
  async #call<T>(
    operation: Operation,
    keys: number,
    scope: AbortScope | undefined,
    act: (context: CacheStoreContext) => PromiseLike<T>,
  ): Promise<T> {
    const { policy, deadline, clock } = this.#settings;
    const startedAt = clock.now();
    try {
      const answer = await runWithPolicy(policy, (call) => runWithin(deadline, call, act), scope);
      const durationMs = clock.now() - startedAt;
      this.#latency.add(durationMs);
      this.#tell({ operation, keys, durationMs });
      return answer;
    } catch (error) {
      if (scope?.reason === undefined) this.#failed({ operation, keys, durationMs: clock.now() - startedAt, error });
      throw error;
    }
  }

  #failed(event: TieredCacheEvents['secondTier']): void {
    this.#counts.failures++;
    this.#tell(event);
  }

  #tell(event: TieredCacheEvents['secondTier']): void {
    if (this.#events.has('secondTier')) this.#events.emit('secondTier', event);
  }
}

/** Runs the operation under the policy, as a part of the call. The context of a hand-written policy has only its signal. */
function runWithin<T>(
  policy: Policy,
  call: CallContext,
  operation: (context: CallContext) => PromiseLike<T>,
): Promise<T> {
  if (!isContext(call)) return policy.execute(operation, { signal: call.signal });
  return policy.run(callOperation, call.calling(operation)) as Promise<T>;
}

type Operation = TieredCacheEvents['secondTier']['operation'];

const asInvalidation = (target: PendingInvalidation['target']): Invalidation<string> =>
  'match' in target ? { kind: 'deleteMatching', match: asMatch(target.match) } : { kind: 'delete', key: target.key };

const asMatch = ({ kind, text }: CheckedMatch): EntryMatch => ({ [kind]: text }) as unknown as EntryMatch;

const escapeGlob = (text: string): string => text.replace(/[*?\\]/g, '\\$&');
