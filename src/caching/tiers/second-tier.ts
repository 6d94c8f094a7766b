import type { AbortScope } from '../../core/abort-scope.js';
import type { Clock } from '../../core/clock.js';
import type { Emitter } from '../../core/events.js';
import type { Policy } from '../../core/policy.js';
import { BatchSource } from '../batch.js';
import type { CheckedInvalidation } from '../invalidation.js';
import { type CheckedMatch, type EntryMatch, hitsEntry } from '../match.js';
import type { Life } from '../source.js';
import type { CacheStore, CacheStoreContext, StoredData } from './cache-store.js';
import { type Doubt, Doubts, EVERYTHING } from './doubts.js';
import type { SecondTierStats, TieredCacheEvents } from './events.js';
import { LatencyTally } from './latency.js';
import { RecentlySent } from './recently-sent.js';
import type { FoundValue, Records } from './record.js';

export interface SecondTierSettings<V, D> {
  readonly store: CacheStore<D>;
  readonly records: Records<V, D>;
  readonly prefix: string;
  /** What calls go through: a breaker. */
  readonly policy: Policy;
  /** The time each of them has. */
  readonly deadline: Policy;
  readonly clock: Clock;
}

/** How long after it has failed the store is not told again what it could not be told. */
const PAUSE_MS = 1000;

/**
 * The second tier as the first one sees it: it may be slow, down, or wrong, and nothing here ever rejects for that. What
 * is asked for in one turn of the event loop is asked for in one call. Writes of a key go one after the other, in the
 * order in which they were made. What it was to forget and has not is not read from it, until it has.
 */
export class SecondTier<V, D> {
  readonly #settings: SecondTierSettings<V, D>;
  readonly #events: Emitter<TieredCacheEvents>;
  readonly #reads: BatchSource<string, StoredData<D> | undefined>;
  readonly #doubts = new Doubts();
  /** By key: the last write, which the next one waits for. */
  readonly #lanes = new Map<string, Promise<unknown>>();
  readonly #sent: RecentlySent;
  readonly #latency = new LatencyTally();
  readonly #counts = { hits: 0, misses: 0, staleHits: 0, doubtful: 0, unread: 0, failures: 0 };
  #isMakingGood = false;
  #makeGoodFrom = -Infinity;

  constructor(settings: SecondTierSettings<V, D>, events: Emitter<TieredCacheEvents>) {
    this.#settings = settings;
    this.#events = events;
    const getMany = (keys: readonly string[], { signal }: { readonly signal: AbortSignal }) => this.#get(keys, signal);
    this.#sent = new RecentlySent(settings.clock);
    this.#reads = new BatchSource(getMany, undefined, { maxSize: 100, maxWaitMs: 0 }, settings.clock);
  }

  get stats(): SecondTierStats {
    const { unread, ...counts } = this.#counts;
    const asked = counts.hits + counts.misses + counts.staleHits + unread;
    const hitRatio = asked === 0 ? 0 : counts.hits / asked;
    return { ...counts, hitRatio, outstanding: this.#doubts.size, latency: this.#latency.summary };
  }

  /** What it has of the key, if that can be had, and be trusted. Of one who leaves it does not matter what he gets. */
  async read(key: string, scope: AbortScope): Promise<FoundValue<V> | undefined> {
    if (this.#doubts.concern(key)) {
      this.#counts.doubtful++;
      return undefined;
    }
    // What comes into doubt from now on is the load's business: it has begun before that.
    const { matches } = this.#doubts;
    const { clock } = this.#settings;
    const askedAt = clock.now();
    try {
      const stored = await this.#reads.load(this.#nameOf(key), scope);
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
  ): FoundValue<V> | undefined {
    const found = stored ? this.#read(stored, ageMs) : undefined; // null, as clients of Redis say it, is nothing, too
    if (found === undefined) this.#counts.misses++;
    else if (inDoubt.some((match) => hitsEntry(match, key, found.life.tags))) this.#counts.doubtful++;
    else {
      this.#counts[found.life.freshMs > 0 ? 'hits' : 'staleHits']++;
      return found;
    }
    return undefined;
  }

  /** @throws what is wrong with the data. */
  #read(stored: StoredData<D>, ageMs: number): FoundValue<V> {
    try {
      return this.#settings.records.read(stored, ageMs);
    } catch (error) {
      this.#failed({ operation: 'get', keys: 1, durationMs: 0, error });
      throw error;
    }
  }

  #get(keys: readonly string[], signal: AbortSignal): Promise<readonly (StoredData<D> | undefined)[]> {
    const { store } = this.#settings;
    const [only] = keys;
    return this.#call('get', keys.length, signal, async (context) => {
      if (keys.length === 1) return [await store.get(only as string, context)];
      const found = await store.getMany(keys, context);
      if (Array.isArray(found) && found.length === keys.length) return found;
      throw new TypeError(`getMany must bring an array of as many as it was given keys: ${keys.length}`);
    });
  }

  /** Keeps a value that was loaded. */
  keep(key: string, value: V, life: Life): void {
    const doubt = this.#doubts.of(key); // older than the load, or it would not be kept
    this.#send(key, value, life).then((isThere) => {
      if (isThere && doubt !== undefined) this.#doubts.settle(doubt);
    });
  }

  /** Gives whether the second tier has it, or at least nothing older. */
  set(key: string, value: V, life: Life): Promise<boolean> {
    return this.#ridOf({ key }, () => this.#send(key, value, life));
  }

  /** Gives whether the second tier is rid of all that is hit; what has expired is not kept there either. */
  async invalidate(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#sent.takeHit(invalidation, 'on their way');
    if ('key' in invalidation) return this.#delete(invalidation.key);
    for (const key of overtaken) this.#delete(key);
    const match = 'match' in invalidation ? invalidation.match : EVERYTHING;
    return this.#ridOf({ match }, () => this.#deleteMatching(match));
  }

  /**
   * Another process has done so. Values that it hits and that have just been sent from here may have come after it: they
   * are deleted. Gives whether there were any, when that is done.
   */
  async overtake(invalidation: CheckedInvalidation<string>): Promise<boolean> {
    const overtaken = this.#sent.takeHit(invalidation, 'all');
    await Promise.all(overtaken.map((key) => this.#delete(key)));
    return overtaken.length > 0;
  }

  #delete(key: string): Promise<boolean> {
    return this.#ridOf({ key }, () => this.#inLane(key, () => this.#remove(key)));
  }

  #send(key: string, value: V, life: Life): Promise<boolean> {
    const hasArrived = this.#sent.begin(key, life.tags);
    return this.#inLane(key, async () => {
      const isDone = await this.#put(key, value, life);
      hasArrived();
      return isDone;
    });
  }

  /** Resolves when nothing is on its way there. */
  async onIdle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes.values());
  }

  /** In doubt from now on until the store has done it. */
  async #ridOf(what: Doubt['what'], act: () => Promise<boolean>): Promise<boolean> {
    const doubt = this.#doubts.raise(what);
    const isDone = await act();
    if (isDone) this.#doubts.settle(doubt);
    else this.#doubts.fail(doubt);
    return isDone;
  }

  /**
   * The store has just answered: time to tell it what it could not be told, one after the other, until it fails again.
   * Then not for a while: there may be something that it will never do.
   */
  async #makeGood(): Promise<void> {
    const { clock } = this.#settings;
    if (this.#isMakingGood || clock.now() < this.#makeGoodFrom) return;
    this.#isMakingGood = true;
    for (let doubt = this.#doubts.nextFailed(); doubt !== undefined; doubt = this.#doubts.nextFailed()) {
      if (await this.#tellAgain(doubt)) continue;
      this.#makeGoodFrom = clock.now() + PAUSE_MS;
      break;
    }
    this.#isMakingGood = false;
  }

  async #tellAgain(doubt: Doubt): Promise<boolean> {
    const { what } = doubt;
    const isDone =
      'match' in what
        ? await this.#deleteMatching(what.match)
        : await this.#inLane(what.key, async () => !this.#doubts.stands(doubt) || this.#remove(what.key));
    if (isDone) this.#doubts.settle(doubt);
    else this.#doubts.fail(doubt);
    return isDone;
  }

  #put(key: string, value: V, life: Life): Promise<boolean> {
    const { store, records, prefix } = this.#settings;
    const ttlMs = records.keptMs(life);
    if (!(ttlMs > 0)) return this.#remove(key); // nothing older either
    const options = { ttlMs, tags: life.tags.map((tag) => prefix + tag) };
    try {
      const data = records.write(value, life);
      return this.#isDone('set', 1, (context) => store.set(this.#nameOf(key), data, options, context));
    } catch (error) {
      this.#failed({ operation: 'set', keys: 1, durationMs: 0, error });
      return this.#remove(key); // likewise
    }
  }

  #remove(key: string): Promise<boolean> {
    return this.#isDone('delete', 1, (context) => this.#settings.store.delete(this.#nameOf(key), context));
  }

  #deleteMatching({ kind, text }: CheckedMatch): Promise<boolean> {
    const { store, prefix } = this.#settings;
    const match = { [kind]: kind === 'glob' ? escapeGlob(prefix) + text : prefix + text } as unknown as EntryMatch;
    return this.#isDone('deleteMatching', 0, (context) => store.deleteMatching(match, context));
  }

  #nameOf(key: string): string {
    return this.#settings.prefix + key;
  }

  /** One after the other, whatever becomes of them. */
  #inLane<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#lanes.get(key);
    const done = before === undefined ? act() : before.then(act);
    const lane = done.then(() => {
      if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
    });
    this.#lanes.set(key, lane);
    return done;
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
    signal: AbortSignal | undefined,
    act: (context: CacheStoreContext) => PromiseLike<T>,
  ): Promise<T> {
    const { policy, deadline, clock } = this.#settings;
    const startedAt = clock.now();
    try {
      const answer = await policy.execute((outer) => deadline.execute(act, { signal: outer.signal }), { signal });
      const durationMs = clock.now() - startedAt;
      this.#latency.add(durationMs);
      this.#tell({ operation, keys, durationMs });
      this.#makeGood();
      return answer;
    } catch (error) {
      if (!signal?.aborted) this.#failed({ operation, keys, durationMs: clock.now() - startedAt, error });
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

type Operation = TieredCacheEvents['secondTier']['operation'];

const escapeGlob = (text: string): string => text.replace(/[*?\\]/g, '\\$&');
