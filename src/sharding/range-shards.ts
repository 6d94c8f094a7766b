import { InvalidOptionError } from '../core/errors.js';
import { type Comparable, checkRangeKey, comparable, type RangeKey, toRangeKey } from './range-keys.js';
import { indexOfKey, lastStartingBy, readSpans, type ShardRange, type Span, type Spans } from './range-spans.js';
import { checkShard, type ShardRouter } from './shard-router.js';

/** The kind of a key, whatever its value. */
export type KeyKindOf<K extends RangeKey> = K extends number
  ? number
  : K extends bigint
    ? bigint
    : K extends string
      ? string
      : Date;

/** Shards that have a range of keys each. Never changes: `split` and `merge` give another one. */
export interface RangeShards<K extends RangeKey> extends ShardRouter<K> {
  /** All ranges in their order, as plain data: `rangeShards(router.ranges)` is the same again. */
  readonly ranges: readonly ShardRange<K>[];
  /**
   * The shards that have keys from `from` up to, and without, `to`, each once, in the order of their first ranges:
   * those that a query over this range must ask. An end that is left out is open.
   */
  getRange(from?: K, to?: K): string[];
  /** Cuts the range that has `at` in two: keys before `at` stay where they are, those from `at` on go to `shard`. */
  split(at: K, shard: string): RangeShards<K>;
  /**
   * Joins the two ranges that meet at `at`: the keys of the upper one go to the shard of the lower one. Undoes a `split`
   * at the same place.
   */
  merge(at: K): RangeShards<K>;
}

/**
 * Gives each shard a range of keys, as tables are partitioned by month or by the first letter.
 *
 * Ranges are half-open, from `from` up to and without `to`, so that one ends exactly where the next begins. Keys that are
 * near each other are on one shard, and a query over a range asks few shards; in return the newest range may get all the
 * writes. Ranges may come in any order, and a shard may have several. Between them there is no gap; below the first and
 * above the last, if those ends are closed, `get` answers undefined.
 *
 * `get` is O(log n) by binary search; `getRange` is O(log n) and a step for each range it covers; `split`, `merge` and
 * `ranges` are O(n).
 *
 * @throws InvalidOptionError for ranges with gaps or overlaps, or that are empty; for keys of different kinds, numbers that
 * are not finite, and dates that are not valid.
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

/** The ranges behind the interface, for plans of what moves. */
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
    const asked = new Set<string>();
    for (let index = Math.max(0, lastStartingBy(list, first)); index < list.length; index++) {
      const span = list[index] as Span;
      if (end !== undefined && span.from !== undefined && span.from >= end) break;
      if (first === undefined || span.to === undefined || span.to > first) asked.add(span.shard);
    }
    return [...asked];
  }

  split(at: K, shard: string): RangeShards<K> {
    const kind = checkRangeKey('rangeShards', 'at', at, this.spans.kind);
    const { list } = this.spans;
    const cut = comparable(at);
    const index = indexOfKey(list, cut);
    const span = list[index];
    if (span === undefined || span.from === cut) {
      throw new InvalidOptionError('rangeShards', 'at', 'must be inside a range, not where one begins', at);
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
