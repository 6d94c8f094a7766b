import { formatValue } from '../core/inspect.js';
import type { EntryMetadata } from '../loading-cache/source.js';
import type { StoredData } from './cache-store.js';

/** Converts values to the data of a store and back. Node's `v8` module is one for bytes. */
export interface Serializer<D> {
  /** Converts a value to data. */
  serialize(value: unknown): D;
  /** Converts data back to a value. */
  deserialize(data: D): unknown;
}

/** The default serializer. JSON loses types that it cannot represent: a `Map` becomes `{}`, a `Date` a string. */
export const jsonSerializer: Serializer<string> = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (data) => JSON.parse(data),
};

/** The record that the second tier stores under a key, before it is serialized. */
interface StoredRecord<V> {
  readonly value: V;
  /** The last part of its TTL in the store during which the value is stale, in milliseconds. */
  readonly staleMs: number;
  /** How long the value took to load, in milliseconds. */
  readonly loadMs: number;
  readonly tags: readonly string[];
}

/** A record that was read from the second tier. */
export interface DecodedRecord<V> {
  readonly value: V;
  readonly metadata: EntryMetadata;
}

/** Ten years, in place of `Infinity`, which JSON cannot represent. */
const LONGEST_STALE_MS = 315_360_000_000;

/**
 * Encodes and decodes records. The store reports only the remaining TTL, measured by its own clock, so the clocks of
 * the processes need not agree. The remaining freshness of a value is the remaining TTL minus the time for which the
 * value may be served stale.
 */
export class RecordCodec<V, D> {
  readonly #serializer: Serializer<D>;
  readonly #staleMs: number;

  constructor(serializer: Serializer<D>, staleMs: number) {
    this.#serializer = serializer;
    this.#staleMs = Math.min(staleMs, LONGEST_STALE_MS);
  }

  /** Returns the TTL of a value in the store, in milliseconds: its freshness plus the time it may be served stale. */
  storeTtlMs({ freshMs }: EntryMetadata): number {
    return freshMs + this.#staleMs;
  }

  write(value: V, { tags, loadMs = 0 }: EntryMetadata): D {
    const record: StoredRecord<V> = { value, staleMs: this.#staleMs, loadMs, tags };
    return this.#serializer.serialize(record);
  }

  /**
   * @param ageMs - the time since the read began: an upper bound of what the value's TTL has lost since the store
   * answered.
   * @throws TypeError if the data is not a record, and the errors of the serializer.
   */
  read({ data, remainingMs }: StoredData<D>, ageMs: number): DecodedRecord<V> {
    const { value, staleMs, loadMs, tags } = checkRecord<V>(this.#serializer.deserialize(data));
    if (typeof remainingMs !== 'number' || !(remainingMs >= 0)) {
      throw new TypeError(`remainingMs must be a number ≥ 0, but was ${formatValue(remainingMs)}`);
    }
    return { value, metadata: { freshMs: remainingMs - ageMs - staleMs, tags, loadMs } };
  }
}

function checkRecord<V>(found: unknown): StoredRecord<V> {
  const { staleMs, loadMs, tags } = Object(found) as Partial<StoredRecord<V>>;
  const hasTimes = [staleMs, loadMs].every((ms) => typeof ms === 'number' && ms >= 0);
  if (!hasTimes || !Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) {
    throw new TypeError('The data under this key was not written by a tiered cache');
  }
  return found as StoredRecord<V>;
}
