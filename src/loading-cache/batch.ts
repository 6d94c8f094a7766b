import { AbortNode, AbortScope } from '../core/abort-scope.js';
import { outsideContext } from '../core/ambient.js';
import { Alarm, afterNextPoll, type Clock } from '../core/clock.js';
import { formatValue } from '../core/inspect.js';
import type { LoadedMany } from './options.js';
import type { Source } from './source.js';

/** Loads many keys. Never throws: each failure rejects the promise. The scope is aborted when all keys have left. */
type LoadBatch<K, V> = (keys: readonly K[], scope: AbortScope) => Promise<LoadedMany<K, V>>;

/**
 * Makes one call for many keys: the keys requested in one turn of the event loop, or within `maxWaitMs` after the first
 * one, at most `maxSize` per call. A key without waiters leaves its batch. If it leaves before the call, it is not
 * loaded. When all keys have left, the call is aborted.
 *
 * The call runs in the async context of the first reader of the first key.
 */
export class BatchSource<K, V> implements Source<K, V> {
  readonly #loadBatch: LoadBatch<K, V>;
  readonly #maxSize: number;
  readonly #maxWaitMs: number;
  readonly #clock: Clock;
  #open: Batch<K, V> | undefined = undefined;

  constructor(
    loadBatch: LoadBatch<K, V>,
    { maxSize, maxWaitMs }: { maxSize: number; maxWaitMs: number },
    clock: Clock,
  ) {
    this.#loadBatch = loadBatch;
    this.#maxSize = maxSize;
    this.#maxWaitMs = maxWaitMs;
    this.#clock = clock;
  }

  load(key: K, scope: AbortScope): Promise<V> {
    return new Promise((resolve, reject) => {
      const batch = this.#openBatch();
      batch.add(new BatchedKey(batch, key, resolve, reject), scope);
      if (batch.size >= this.#maxSize) this.#send(batch);
    });
  }

  #openBatch(): Batch<K, V> {
    if (this.#open !== undefined) return this.#open;
    const batch = new Batch<K, V>();
    this.#open = batch;
    const send = () => this.#send(batch);
    if (this.#maxWaitMs === 0) afterNextPoll(this.#clock, send);
    else batch.alarm = new Alarm(this.#clock, this.#maxWaitMs, send);
    return batch;
  }

  #send(batch: Batch<K, V>): void {
    if (this.#open === batch) this.#open = undefined;
    batch.alarm?.clear();
    if (batch.isSent || batch.size === 0) return;
    batch.isSent = true;
    const keys = [...batch.keys];
    const requested = keys.map(({ key }) => key);
    outsideContext(() => this.#loadBatch(requested, batch.scope))
      .then((loaded) => deliver(keys, loaded))
      .catch((error) => {
        for (const key of keys) key.reject(error);
      });
  }
}

/** The keys of one call. */
class Batch<K, V> {
  readonly keys = new Set<BatchedKey<K, V>>();
  readonly scope = new AbortScope();
  alarm: Alarm | undefined = undefined;
  isSent = false;

  get size(): number {
    return this.keys.size;
  }

  add(key: BatchedKey<K, V>, scope: AbortScope): void {
    this.keys.add(key);
    scope.enter(key);
  }

  /** Removes a key without waiters. Aborts the call if it was the last key. */
  drop(key: BatchedKey<K, V>, reason: unknown, signals: AbortController[]): void {
    this.keys.delete(key);
    if (this.isSent && this.keys.size === 0) this.scope.onAbort(reason, signals);
  }
}

/** One key of a batch: a node in the abort scope of the key's load. */
class BatchedKey<K, V> extends AbortNode {
  readonly key: K;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
  readonly #batch: Batch<K, V>;

  constructor(batch: Batch<K, V>, key: K, resolve: (value: V) => void, reject: (error: unknown) => void) {
    super();
    this.#batch = batch;
    this.key = key;
    this.resolve = resolve;
    this.reject = reject;
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    this.#batch.drop(this, reason, signals);
    this.reject(reason);
  }
}

function deliver<K, V>(keys: readonly BatchedKey<K, V>[], loaded: LoadedMany<K, V>): void {
  const found = valuesOf(keys, loaded);
  for (const [index, key] of keys.entries()) {
    const value = found[index] as V | Error;
    if (value instanceof Error) key.reject(value);
    else key.resolve(value);
  }
}

function valuesOf<K, V>(keys: readonly BatchedKey<K, V>[], loaded: LoadedMany<K, V>): readonly (V | Error)[] {
  if (loaded instanceof Map) {
    const rule = 'the Map must have a value, undefined or an Error for each key';
    const missing = (key: K) => new Error(`loadMany returned no value for ${formatValue(key)}: ${rule}`);
    return keys.map(({ key }) => (loaded.has(key) ? loaded.get(key) : missing(key)));
  }
  if (Array.isArray(loaded) && loaded.length === keys.length) return loaded;
  throw new TypeError(`loadMany must return a Map, or an array with one value per key: ${keys.length}`);
}
