import { checkSignal } from '../core/abort-scope.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkInteger, checkName, checkOptionalFunction, checkString, given, readOptions } from '../core/options.js';
import { AnswerTable } from './answer-table.js';
import { DirectoryLoad } from './directory-load.js';
import { type AsyncShardRouter, checkIterable, checkShard, type ShardGetOptions } from './shard-router.js';

export interface DirectoryShardsOptions {
  /** Keys whose shards are known. They are kept until they are deleted. @defaultValue none */
  readonly entries?: Iterable<readonly [key: string, shard: string]> | undefined;
  /**
   * Looks up a key that is not among the entries; undefined when no shard has it. Its signal aborts when nobody waits for
   * the answer any more.
   */
  readonly load?:
    | ((key: string, context: DirectoryLoadContext) => string | undefined | PromiseLike<string | undefined>)
    | undefined;
  /** How long what was loaded is used without asking again. Above 0; `Infinity` allowed. @defaultValue '5m' */
  readonly ttl?: Duration | undefined;
  /**
   * Likewise for the answer that no shard has the key. 0: it is not kept, and a key that is added is found at once.
   * @defaultValue 0
   */
  readonly negativeTtl?: Duration | undefined;
  /** How long beyond its `ttl` an answer still serves when the load fails. `Infinity` allowed. @defaultValue 0 */
  readonly staleIfError?: Duration | undefined;
  /** How many loaded answers are kept; beyond that the least recently used one goes. An integer ≥ 1. @defaultValue 10_000 */
  readonly capacity?: number | undefined;
  /** The shard of keys that neither the entries nor the loader knows. Not for loads that fail. @defaultValue none */
  readonly default?: string | ((key: string) => string | undefined) | undefined;
  /** What it goes by in errors. @defaultValue 'directoryShards' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

export interface DirectoryLoadContext {
  readonly signal: AbortSignal;
}

export interface DirectoryEvents {
  /** A load has failed that somebody waited for. `servedStale` is the old answer they had instead, if there was one. */
  readonly loadFailure: { readonly key: string; readonly error: unknown; readonly servedStale: string | undefined };
}

/** Shards by a list of which key is where. */
export interface DirectoryShards extends AsyncShardRouter<string>, Observable<DirectoryEvents> {
  /** How many loaded answers are kept. */
  readonly size: number;
  /** Puts a key on a shard, until it is deleted. Who waits for a load of this key has this answer at once. */
  set(key: string, shard: string): void;
  /** Forgets where a key is, whether it was set or loaded. @returns whether it was set. */
  delete(key: string): boolean;
  /**
   * Forgets what was loaded for a key. A load under way still answers those who wait for it, but is not kept, and whoever
   * comes after this starts another one.
   */
  invalidate(key: string): void;
  /** Likewise, for all keys. */
  invalidateAll(): void;
}

/**
 * Looks up where a key is: in a list, or by asking whoever knows, whose answers are kept for a while.
 *
 * The most flexible way to place keys, since each can be anywhere and move by itself, and the most expensive: somebody has
 * to keep the list. A key is looked up once at a time, however many ask; what fails is not kept, and rejects those who
 * waited, unless an old answer still serves. Where an answer that is too old would do harm, let the shards refuse keys
 * that are not theirs, `invalidate` the key, and ask again.
 *
 * O(1) for what is known. Memory: the entries, and at most `capacity` answers. No timer.
 *
 * @throws InvalidOptionError for options that cannot work.
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
  /** Those whose answers are still wanted, by key. */
  readonly #loads = new Map<string, DirectoryLoad>();
  readonly #events = new Emitter<DirectoryEvents>();

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
      if (!Array.isArray(entry)) throw new InvalidOptionError(this.#owner, 'entries', 'must be pairs', entry);
      this.set(entry[0], entry[1]);
    }
  }

  get isAsync(): true {
    return true;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** Those of the entries, of the answers that are kept, and the default, if it is one. */
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
    load?.abort(); // last, since it runs other people's code
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
    this.#begin(key, load, this.#load); // only now, since the loader may call back
    return answer;
  }

  async #begin(key: string, load: DirectoryLoad, ask: NonNullable<DirectoryShardsOptions['load']>): Promise<void> {
    const context: DirectoryLoadContext = {
      get signal() {
        return load.signal;
      },
    };
    try {
      this.#succeed(key, load, await ask(key, context));
    } catch (error) {
      this.#fail(key, load, error);
    }
  }

  #succeed(key: string, load: DirectoryLoad, shard: string | undefined): void {
    if (shard !== undefined) checkShard(this.#owner, 'what load answers', shard);
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

  /** Whether this load was the one whose answer is wanted. */
  #forget(key: string, load: DirectoryLoad): boolean {
    return this.#loads.get(key) === load && this.#loads.delete(key);
  }

  #defaultOf(key: string): string | undefined {
    if (typeof this.#default !== 'function') return this.#default;
    const shard = this.#default(key);
    return shard === undefined ? undefined : checkShard(this.#owner, 'what default answers', shard);
  }

  #checkKey(key: string): string {
    return checkString(this.#owner, 'key', key);
  }
}
