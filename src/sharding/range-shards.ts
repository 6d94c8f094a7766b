import { InvalidOptionError } from '../core/errors.js';
import { type Comparable, checkRangeKey, comparable, type RangeKey, toRangeKey } from './range-keys.js';
import { indexOfKey, lastStartingBy, readSpans, type ShardRange, type Span, type Spans } from './range-spans.js';
import { checkShard, type ShardRouter } from './shard-router.js';

/** The type of a key: the base type of a literal type. */
export type KeyKindOf<K extends RangeKey> = K extends number
  ? number
  : K extends bigint
    ? bigint
    : K extends string
      ? string
      : Date;

/** Shards that each have ranges of keys. Immutable: `split` and `merge` return a new router. */
export interface RangeShards<K extends RangeKey> extends ShardRouter<K> {
  /** All ranges in order, as plain data: `rangeShards(router.ranges)` creates an equal router. */
  readonly ranges: readonly ShardRange<K>[];
  /**
   * Returns the shards that have keys from `from` (inclusive) to `to` (exclusive): the shards that a query over this
   * range must ask. Each shard occurs once, in the order of their first ranges. A missing end is open.
   */
  getRange(from?: K, to?: K): string[];
  /** Splits the range that contains `at`: keys before `at` stay on their shard, keys from `at` on belong to `shard`. */
  split(at: K, shard: string): RangeShards<K>;
  /**
   * Merges the two ranges that meet at `at`: the keys of the upper range belong to the shard of the lower one. Reverts
   * a `split` at the same key.
   */
  merge(at: K): RangeShards<K>;
}

/**
 * Creates a router that assigns ranges of keys to shards, like database tables that are partitioned by month or by
 * first letter. Use it for range queries: keys that are near each other are on one shard, so a query over a range asks
 * few shards. The disadvantage is that the newest range may get all writes.
 *
 * Ranges are half-open, from `from` (inclusive) to `to` (exclusive), so one range ends exactly where the next begins.
 * They can be passed in any order, and a shard can have several ranges. Gaps between ranges are not allowed. If the
 * first or the last end is closed, `get` returns undefined for keys outside.
 *
 * `get` is O(log n) by binary search; `getRange` is O(log n) plus one step per range that it covers; `split`, `merge`
 * and `ranges` are O(n).
 *
 * @throws InvalidOptionError if ranges have gaps, overlap or are empty; if keys have different types; if a number is
 * not finite or a date is invalid.
 * @example
 * ```ts
 * const tables = rangeShards([
 *   { to: new Date('2026-11-01'), shard: 'events_old' },
 *   { from: new Date('2026-11-01'), to: new Date('2026-12-01'), shard: 'events_2026_11' },
 * ]);
 * console.log(tables.get(new Date('2026-11-22'))); // events_2026_11
 * console.log(tables.getRange(new Date('2026-10-30'))); // [ 'events_old', 'events_2026_11' ]
 * ```
 */
export function rangeShards<K extends RangeKey>(ranges: Iterable<ShardRange<K>>): RangeShards<KeyKindOf<K>> {
  return new RangeTable<KeyKindOf<K>>(readSpans('rangeShards', ranges));
}

/** Whether the value is a router with ranges: of this package, of another copy of it, or of the caller's own. */
export function isRangeShards(value: object): value is RangeShards<RangeKey> {
  return 'ranges' in value && 'split' in value && 'merge' in value;
}

/** The implementation of `RangeShards`. */
export class RangeTable<K extends RangeKey> implements RangeShards<K> {
  readonly spans: Spans;
  readonly shards: readonly string[];

  constructor(spans: Spans) {
    this.spans = spans;
    this.shards = [...new Set(spans.list.map(({ shard }) => shard))];
  }

  get ranges(): readonly ShardRange<K>[] {
    const { list, kind } = this.spans;
    const end = (value: Comparable | undefined) => (value === undefined ? undefined : (toRangeKey(value, kind) as K));
    return list.map(({ from, to, shard }) => ({ from: end(from), to: end(to), shard }));
  }

  get(key: K): string | undefined {
    const { list } = this.spans;
    return list[indexOfKey(list, this.#check('key', key))]?.shard;
  }

  getRange(from?: K, to?: K): string[] {
    const kind = from === undefined ? this.spans.kind : checkRangeKey('rangeShards', 'from', from, this.spans.kind);
    if (to !== undefined) checkRangeKey('rangeShards', 'to', to, kind);
    const first = from === undefined ? undefined : comparable(from);
    const end = to === undefined ? undefined : comparable(to);
    if (first !== undefined && end !== undefined && first >= end) {
      if (first === end) return [];
      throw new InvalidOptionError('rangeShards', 'to', 'must not be before "from"', to);
    }
    const { list } = this.spans;
    const found = new Set<string>();
    for (let index = Math.max(0, lastStartingBy(list, first)); index < list.length; index++) {
      const span = list[index] as Span;
      if (end !== undefined && span.from !== undefined && span.from >= end) break;
      if (first === undefined || span.to === undefined || span.to > first) found.add(span.shard);
    }
    return [...found];
  }

  split(at: K, shard: string): RangeShards<K> {
    const kind = checkRangeKey('rangeShards', 'at', at, this.spans.kind);
    const { list } = this.spans;
    const cut = comparable(at);
    const index = indexOfKey(list, cut);
    const span = list[index];
    if (span === undefined || span.from === cut) {
      throw new InvalidOptionError('rangeShards', 'at', 'must be inside a range, not at its start', at);
    }
    const upper = { from: cut, to: span.to, shard: checkShard('rangeShards', 'shard', shard) };
    return new RangeTable({
      list: [...list.slice(0, index), { ...span, to: cut }, upper, ...list.slice(index + 1)],
      kind,
    });
  }

  merge(at: K): RangeShards<K> {
    const cut = this.#check('at', at);
    const { list, kind } = this.spans;
    const index = list.findIndex(({ to }) => to === cut);
    const [lower, upper] = list.slice(index, index + 2);
    if (index < 0 || lower === undefined || upper === undefined) {
      throw new InvalidOptionError('rangeShards', 'at', 'must be where two ranges meet', at);
    }
    return new RangeTable({
      list: [...list.slice(0, index), { ...lower, to: upper.to }, ...list.slice(index + 2)],
      kind,
    });
  }

  #check(option: string, key: K): Comparable {
    checkRangeKey('rangeShards', option, key, this.spans.kind);
    return comparable(key);
  }
}
