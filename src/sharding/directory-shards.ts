import { checkSignal } from '../core/abort-scope.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkInteger, checkName, checkOptionalFunction, checkString, given, readOptions } from '../core/options.js';
import { AnswerTable } from './answer-table.js';
import { DirectoryLoad } from './directory-load.js';
import { type AsyncShardRouter, checkIterable, checkShard, type ShardGetOptions } from './shard-router.js';

/** The types of events. */
const EVENTS = ['loadFailure'] as const;

/** The options of `directoryShards`. */
export interface DirectoryShardsOptions {
  /** Keys with known shards. They are kept until they are deleted. @defaultValue none */
  readonly entries?: Iterable<readonly [key: string, shard: string]> | undefined;
  /**
   * Looks up a key that is not among the entries. Returns undefined if no shard has the key. The signal in its context
   * is aborted when no caller waits for the result any more. @defaultValue none
   */
  readonly load?:
    | ((key: string, context: DirectoryLoadContext) => string | undefined | PromiseLike<string | undefined>)
    | undefined;
  /** The time for which a loaded shard is used without a new load: above 0, or `Infinity`. @defaultValue '5m' */
  readonly ttl?: Duration | undefined;
  /**
   * The time for which the result "no shard has the key" is used without a new load. With 0 it is not stored, so a key
   * that is added later is found immediately. @defaultValue 0
   */
  readonly negativeTtl?: Duration | undefined;
  /** The time after `ttl` in which a stale shard is used if a load fails; `Infinity` is allowed. @defaultValue 0 */
  readonly staleIfError?: Duration | undefined;
  /**
   * The maximum number of loaded results: an integer ≥ 1. Beyond it the least recently used one is evicted.
   * @defaultValue 10_000
   */
  readonly capacity?: number | undefined;
  /** The shard of keys that are neither among the entries nor loaded. Not used if a load fails. @defaultValue none */
  readonly default?: string | ((key: string) => string | undefined) | undefined;
  /** The name of the router in error messages. @defaultValue 'directoryShards' */
  readonly name?: string | undefined;
  /** The clock for TTLs. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The context of a `load` call. */
export interface DirectoryLoadContext {
  /** Aborted when no caller waits for the result any more. */
  readonly signal: AbortSignal;
}

/** The events of `directoryShards`. */
export interface DirectoryEvents {
  /**
   * Emitted when a load fails that callers wait for. `servedStale` is the stale shard that they got, if there was one.
   */
  readonly loadFailure: { readonly key: string; readonly error: unknown; readonly servedStale: string | undefined };
}

/** A router that stores the shard of each key. */
export interface DirectoryShards extends AsyncShardRouter<string>, Observable<DirectoryEvents> {
  /** The number of loaded results in memory. */
  readonly size: number;
  /**
   * Sets the shard of a key, until it is deleted. Callers that wait for a load of this key get this shard immediately.
   */
  set(key: string, shard: string): void;
  /** Removes what was set or loaded for a key. @returns Whether the key was set. */
  delete(key: string): boolean;
  /**
   * Removes what was loaded for a key. If a load is in flight, its waiters get the result, but the result is not
   * stored, and later callers start a new load.
   */
  invalidate(key: string): void;
  /** Removes what was loaded for all keys. The rules are those of `invalidate`. */
  invalidateAll(): void;
}

/**
 * Creates a router that looks up the shard of a key in a list, or with a loader whose results are cached.
 *
 * This is the most flexible placement, because each key can be on any shard and can be moved separately. It is also the
 * most expensive, because the list must be maintained. Concurrent lookups of a key share one load. A failed load is not
 * stored; its waiters are rejected, unless `staleIfError` allows an old result. If a stale result would do harm, let
 * the shards reject keys that they do not have, `invalidate` the key, and look it up again.
 *
 * O(1) for known keys. Memory: the entries, and at most `capacity` loaded results. No timer.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const tenants = directoryShards({
 *   entries: [['acme', 'db-acme']],
 *   load: async (tenant, { signal }) => (await fetch(`https://directory.example/${tenant}`, { signal })).text(),
 *   ttl: '1m',
 *   staleIfError: '1h',
 * });
 * console.log(await tenants.get('acme')); // db-acme
 * ```
 */
export function directoryShards(options?: DirectoryShardsOptions): DirectoryShards {
  return new Directory(options);
}

class Directory implements DirectoryShards {
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #load: DirectoryShardsOptions['load'];
  readonly #default: DirectoryShardsOptions['default'];
  readonly #entries = new Map<string, string>();
  readonly #answers: AnswerTable;
  /** The loads in flight whose results will be stored, by key. */
  readonly #loads = new Map<string, DirectoryLoad>();
  readonly #events = new Emitter<DirectoryEvents>(EVENTS);

  constructor(options: DirectoryShardsOptions = {}) {
    const kind = 'directoryShards';
    const own = readOptions(kind, options, {
      entries: [],
      load: undefined,
      ttl: '5m',
      negativeTtl: 0,
      staleIfError: 0,
      capacity: 10_000,
      default: undefined,
      name: kind,
      clock: undefined,
    });
    this.#owner = checkName(kind, own.name);
    this.#clock = checkClock(this.#owner, own.clock);
    this.#load = checkOptionalFunction(this.#owner, 'load', own.load);
    this.#default =
      own.default === undefined || typeof own.default === 'function'
        ? own.default
        : checkShard(this.#owner, 'default', own.default);
    this.#answers = new AnswerTable({
      capacity: checkInteger(this.#owner, 'capacity', own.capacity, { min: 1 }),
      ttlMs: toMs(this.#owner, 'ttl', own.ttl, { orInfinity: true }),
      negativeTtlMs: toMs(this.#owner, 'negativeTtl', own.negativeTtl, { orZero: true, orInfinity: true }),
      staleMs: toMs(this.#owner, 'staleIfError', own.staleIfError, { orZero: true, orInfinity: true }),
    });
    for (const entry of checkIterable(this.#owner, 'entries', own.entries)) {
      if (!Array.isArray(entry)) {
        throw new InvalidOptionError(this.#owner, 'entries', 'must contain only [key, shard] pairs', entry);
      }
      this.set(entry[0], entry[1]);
    }
  }

  get isAsync(): true {
    return true;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** The shards of the entries and of the loaded results, and the default shard, if it is a string. */
  get shards(): readonly string[] {
    const byDefault = typeof this.#default === 'string' ? [this.#default] : [];
    return [...new Set([...this.#entries.values(), ...this.#answers.shards(), ...byDefault])];
  }

  on<E extends keyof DirectoryEvents>(type: E, listener: (event: DirectoryEvents[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  async get(key: string, options?: ShardGetOptions): Promise<string | undefined> {
    this.#checkKey(key);
    const signal = checkSignal(this.#owner, options === undefined ? null : (given(options, 'signal') ?? null));
    if (signal?.aborted) throw signal.reason;
    const shard = this.#entries.get(key) ?? (await this.#lookUp(key, signal));
    return shard ?? this.#defaultOf(key);
  }

  set(key: string, shard: string): void {
    this.#entries.set(this.#checkKey(key), checkShard(this.#owner, 'shard', shard));
    this.#answers.delete(key);
    const load = this.#loads.get(key);
    this.#loads.delete(key);
    load?.succeed(shard);
    load?.abort(); // last, because it calls abort listeners
  }

  delete(key: string): boolean {
    this.invalidate(key);
    return this.#entries.delete(key);
  }

  invalidate(key: string): void {
    this.#answers.delete(this.#checkKey(key));
    this.#loads.delete(key);
  }

  invalidateAll(): void {
    this.#answers.clear();
    this.#loads.clear();
  }

  #lookUp(key: string, signal: AbortSignal | null): Promise<string | undefined> | string | undefined {
    const known = this.#answers.find(key, this.#clock.now());
    if (known !== undefined || this.#load === undefined) return known?.shard;
    const running = this.#loads.get(key);
    if (running !== undefined) return running.wait(signal);
    const load = new DirectoryLoad((abandoned) => this.#forget(key, abandoned));
    this.#loads.set(key, load);
    const answer = load.wait(signal);
    this.#start(key, load, this.#load); // after the load is registered, because the loader may call `get`
    return answer;
  }

  async #start(key: string, load: DirectoryLoad, loader: NonNullable<DirectoryShardsOptions['load']>): Promise<void> {
    const context: DirectoryLoadContext = {
      get signal() {
        return load.signal;
      },
    };
    try {
      this.#succeed(key, load, await loader(key, context));
    } catch (error) {
      this.#fail(key, load, error);
    }
  }

  #succeed(key: string, load: DirectoryLoad, shard: string | undefined): void {
    if (shard !== undefined) checkShard(this.#owner, 'the result of load', shard);
    if (this.#forget(key, load)) this.#answers.put(key, shard, this.#clock.now());
    load.succeed(shard);
  }

  #fail(key: string, load: DirectoryLoad, error: unknown): void {
    if (load.isAbandoned) return;
    const servedStale = this.#forget(key, load) ? this.#answers.stale(key, this.#clock.now()) : undefined;
    if (servedStale === undefined) load.fail(error);
    else load.succeed(servedStale);
    if (this.#events.has('loadFailure')) this.#events.emit('loadFailure', { key, error, servedStale });
  }

  /** Removes a load. Returns whether its result should be stored. */
  #forget(key: string, load: DirectoryLoad): boolean {
    return this.#loads.get(key) === load && this.#loads.delete(key);
  }

  #defaultOf(key: string): string | undefined {
    if (typeof this.#default !== 'function') return this.#default;
    const shard = this.#default(key);
    return shard === undefined ? undefined : checkShard(this.#owner, 'the result of default', shard);
  }

  #checkKey(key: string): string {
    return checkString(this.#owner, 'key', key);
  }
}
