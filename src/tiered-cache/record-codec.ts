import { formatValue } from '../core/inspect.js';
import type { EntryMetadata } from '../loading-cache/source.js';
import type { StoredData } from './cache-store.js';

/** Makes data of a value, and a value of that data again. Node's `v8` module is one for bytes, as it is. */
export interface Serializer<D> {
  serialize(value: unknown): D;
  deserialize(data: D): unknown;
}

/** JSON: what it has no word for is lost, as a `Map`, or changed, as a `Date`. */
export const jsonSerializer: Serializer<string> = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (data) => JSON.parse(data),
};

/** What is kept under a key of the second tier, as data. */
interface StoredRecord<V> {
  readonly value: V;
  /** For how much of its time in the store it is not fresh any more. */
  readonly staleMs: number;
  /** How long it took to load. */
  readonly loadMs: number;
  readonly tags: readonly string[];
}

/** A value from the second tier. */
export interface DecodedRecord<V> {
  readonly value: V;
  readonly metadata: EntryMetadata;
}

/** JSON knows no `Infinity`. */
const LONGEST_STALE_MS = 315_360_000_000;

/**
 * Writes records and reads them. A store says only how much longer it keeps a record, by its own clock: so no two clocks
 * have to agree, and what is left of the value's freshness is that without the time for which it may be served stale.
 */
export class RecordCodec<V, D> {
  readonly #serializer: Serializer<D>;
  readonly #staleMs: number;

  constructor(serializer: Serializer<D>, staleMs: number) {
    this.#serializer = serializer;
    this.#staleMs = Math.min(staleMs, LONGEST_STALE_MS);
  }

  /** How long a value is to be in the store. */
  storeTtlMs({ freshMs }: EntryMetadata): number {
    return freshMs + this.#staleMs;
  }

  write(value: V, { tags, loadMs = 0 }: EntryMetadata): D {
    const record: StoredRecord<V> = { value, staleMs: this.#staleMs, loadMs, tags };
    return this.#serializer.serialize(record);
  }

  /**
   * @param ageMs - how long ago it was asked for: what it has lost of its time on the way, at most.
   * @throws TypeError for what is no record, and whatever the serializer throws.
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
    throw new TypeError('The store has something else under that key than a cached value');
  }
  return found as StoredRecord<V>;
}
