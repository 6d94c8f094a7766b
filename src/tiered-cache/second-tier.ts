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

/** The checked options of the second tier. */
export interface SecondTierSettings<V, D> {
  readonly store: CacheStore<D>;
  readonly records: RecordCodec<V, D>;
  readonly prefix: string;
  /** The policy of all calls: a circuit breaker by default. */
  readonly policy: Policy;
  /** The timeout of each call. */
  readonly deadline: Policy;
  readonly clock: Clock;
}

const READ_BATCHES = { maxSize: 100, maxWaitMs: 0 };

/** The largest number of recent writes that are deleted one by one. */
const MOST_SINGLE_DELETES = 100;

/**
 * The second tier as the first tier sees it. The store may be slow, unavailable or wrong; no method rejects because of
 * that. Keys requested in one turn of the event loop are read in one call. Writes of one key run one after the other,
 * in the order in which they were made. A key with an unconfirmed invalidation is not read from the store.
 */
export class SecondTier<V, D> {
  readonly #settings: SecondTierSettings<V, D>;
  readonly #events: Emitter<TieredCacheEvents>;
  /** Undefined for a store that has no `getMany`. */
  readonly #batches: BatchSource<string, StoredData<D> | undefined> | undefined;
  readonly #pending = new PendingInvalidations();
  readonly #writes = new LatestWriteQueue();
  readonly #timedOut = new TimedOutWrites();
  /** Calls of `deleteMatching` in flight. */
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
    const requested = counts.hits + counts.misses + counts.staleHits + unread;
    const hitRatio = requested === 0 ? 0 : counts.hits / requested;
    return {
      ...counts,
      hitRatio,
      pendingInvalidations: this.#pending.size + this.#timedOut.size,
      latency: this.#latency.summary,
    };
  }

  /** Returns the record of a key, or undefined if the store has none, fails, or may hold an outdated one. */
  async read(key: string, scope: AbortScope): Promise<DecodedRecord<V> | undefined> {
    if (this.#pending.matchesKey(key) || this.#timedOut.has(key)) {
      this.#counts.bypassed++;
      return undefined;
    }
    // Later invalidations are handled by the load in flight, which began before them.
    const { matches } = this.#pending;
    const { clock } = this.#settings;
    const requestedAt = clock.now();
    try {
      const name = this.#nameOf(key);
      const stored = await (this.#batches?.load(name, scope) ?? this.#get(name, scope));
      return this.#accept(key, stored, clock.now() - requestedAt, matches);
    } catch {
      if (scope.reason === undefined) this.#counts.unread++;
      return undefined;
    }
  }

  /** Decodes and counts the stored data. Returns undefined if there is none, or if a pending invalidation hits it. */
  #accept(
    key: string,
    stored: StoredData<D> | undefined,
    ageMs: number,
    pendingMatches: readonly CheckedMatch[],
  ): DecodedRecord<V> | undefined {
    const found = stored ? this.#decode(stored, ageMs) : undefined; // Redis clients return null for a missing key
    if (found === undefined) this.#counts.misses++;
    else if (pendingMatches.some((match) => hitsEntry(match, key, found.metadata.tags))) this.#counts.bypassed++;
    else {
      this.#counts[found.metadata.freshMs > 0 ? 'hits' : 'staleHits']++;
      return found;
    }
    return undefined;
  }

  /** @throws TypeError if the data is not a record, and the errors of the serializer. */
  #decode(stored: StoredData<D>, ageMs: number): DecodedRecord<V> {
    try {
      return this.#settings.records.read(stored, ageMs);
    } catch (error) {
      this.#countFailure({ operation: 'get', keys: 1, durationMs: 0, error });
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

  /** Stores a loaded value. If the store may hold an older value, the key is not read until the write is confirmed. */
  keep(key: string, value: V, metadata: EntryMetadata, mayHaveOlder: boolean): void {
    if (mayHaveOlder || this.#pending.has(key)) this.set(key, value, metadata);
    else this.#send(key, value, metadata);
  }

  /** Stores a value and returns whether the store has confirmed it. */
  async set(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const isConfirmed = await this.#invalidateUntilConfirmed({ key }, () => this.#send(key, value, metadata));
    return isConfirmed && !this.#timedOut.has(key);
  }

  /**
   * Deletes what the invalidation hits and returns whether the store has confirmed it. Treats `expire` like `delete`.
   */
  async invalidate(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#recent.takeMatching(invalidation, 'in flight');
    if ('key' in invalidation) return this.#delete(invalidation.key);
    const match = 'match' in invalidation ? invalidation.match : MATCH_ALL;
    const isConfirmed = this.#invalidateUntilConfirmed({ match }, () => this.#deleteMatching(match));
    const all = await Promise.all([isConfirmed, ...overtaken.map((key) => this.#delete(key))]);
    return all.every(Boolean);
  }

  /**
   * Handles an invalidation that another process has applied to the store. Values that it hits and that this process
   * wrote recently may have reached the store after it, so they are deleted. Returns whether there were any.
   */
  async invalidateRecentWrites(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#recent.takeMatching(invalidation, 'all');
    if (overtaken.length <= MOST_SINGLE_DELETES) await Promise.all(overtaken.map((key) => this.#delete(key)));
    else {
      const match = 'match' in invalidation ? invalidation.match : MATCH_ALL;
      await this.#invalidateUntilConfirmed({ match }, () => this.#deleteMatching(match));
    }
    return overtaken.length > 0;
  }

  async #delete(key: string): Promise<boolean> {
    const isConfirmed = await this.#invalidateUntilConfirmed({ key }, () =>
      this.#writes.write(key, () => this.#remove(key)),
    );
    return isConfirmed && !this.#timedOut.has(key);
  }

  #send(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const onArrival = this.#recent.begin(key, metadata.tags);
    return this.#writes.write(key, async () => {
      const isDone = await this.#put(key, value, metadata);
      onArrival();
      return isDone;
    });
  }

  /** Resolves when no write is pending, after failed invalidations have been retried once. */
  async onIdle(): Promise<void> {
    await this.#writes.whenIdle();
    await Promise.all(this.#matchings);
    await this.#retrier.run();
  }

  /** Performs a change. Until the store confirms it, its target counts as invalidated; a failed change is retried. */
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

  /** Deletes a key again, unless a newer write of it is queued. */
  #deleteAgain(key: string): Promise<boolean> {
    return this.#writes.hasNext(key) ? Promise.resolve(true) : this.#writes.write(key, () => this.#remove(key));
  }

  /** Other processes may have read an outdated value until this invalidation was confirmed, so it is emitted again. */
  #rebroadcast(invalidation: Invalidation<string>): void {
    if (this.#events.has('invalidate')) this.#events.emit('invalidate', { ...invalidation, isRebroadcast: true });
  }

  async #put(key: string, value: V, metadata: EntryMetadata): Promise<boolean> {
    const { store, records: codec, prefix } = this.#settings;
    const ttlMs = codec.storeTtlMs(metadata);
    if (!(ttlMs > 0)) return this.#remove(key); // removes an older value, which must not remain
    const options = { ttlMs, tags: metadata.tags.map((tag) => prefix + tag) };
    let data: D;
    try {
      data = codec.write(value, metadata);
    } catch (error) {
      this.#countFailure({ operation: 'set', keys: 1, durationMs: 0, error });
      return false; // the caller then invalidates the key
    }
    const running = new Set<Promise<unknown>>();
    const isConfirmed = await this.#isDone('set', 1, async (context) => {
      const done = (async () => store.set(this.#nameOf(key), data, options, context))();
      running.add(done);
      await done.finally(() => running.delete(done));
    });
    if (!isConfirmed && running.size > 0)
      this.#timedOut.track(key, Promise.allSettled(running), () => this.#deleteLate(key));
    return isConfirmed;
  }

  /** Deletes a value that arrived after its timeout, because it may have replaced a newer value of another process. */
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

  /** Calls the store and returns whether it succeeded. */
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

  /** Calls the store under the policy and the timeout, and reports the call. */
  async #call<T>(
    operation: Operation,
    keys: number,
    scope: AbortScope | undefined,
    act: (context: CacheStoreContext) => PromiseLike<T>,
  ): Promise<T> {
    const { policy, deadline, clock } = this.#settings;
    const startedAt = clock.now();
    try {
      const result = await runWithPolicy(policy, (call) => runWithin(deadline, call, act), scope);
      const durationMs = clock.now() - startedAt;
      this.#latency.add(durationMs);
      this.#emit({ operation, keys, durationMs });
      return result;
    } catch (error) {
      if (scope?.reason === undefined)
        this.#countFailure({ operation, keys, durationMs: clock.now() - startedAt, error });
      throw error;
    }
  }

  #countFailure(event: TieredCacheEvents['secondTier']): void {
    this.#counts.failures++;
    this.#emit(event);
  }

  #emit(event: TieredCacheEvents['secondTier']): void {
    if (this.#events.has('secondTier')) this.#events.emit('secondTier', event);
  }
}

/** Runs the operation under the policy, as part of the call. The context of a caller's own policy has only a signal. */
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
