import { InvalidOptionError } from '../core/errors.js';
import { formatValue } from '../core/inspect.js';
import { readOptions } from '../core/options.js';
import { type Comparable, checkRangeKey, comparable, type KeyKind, type RangeKey, toRangeKey } from './range-keys.js';
import { checkIterable, checkShard } from './shard-router.js';

/** From `from` up to, and without, `to`; undefined is an open end. */
export interface ShardRange<K extends RangeKey> {
  /** The first key. Left out: from the lowest there is. */
  readonly from?: K | undefined;
  /** The first key that is not in it any more. Left out: to the highest there is. */
  readonly to?: K | undefined;
  readonly shard: string;
}

/** A range as it is compared. */
export interface Span {
  readonly from: Comparable | undefined;
  readonly to: Comparable | undefined;
  readonly shard: string;
}

/** Sorted, and each beginning where the one before it ends. */
export interface Spans {
  readonly list: readonly Span[];
  /** Undefined while no end is closed: then any kind of key may come. */
  readonly kind: KeyKind | undefined;
}

/** The caller's ranges, checked and sorted. */
export function readSpans(owner: string, ranges: Iterable<ShardRange<RangeKey>>): Spans {
  let kind: KeyKind | undefined;
  const list: Span[] = [];
  for (const range of checkIterable(owner, 'ranges', ranges)) {
    const option = `ranges[${list.length}]`;
    const own = readOptions(owner, range, { from: undefined, to: undefined, shard: undefined }, option);
    const read = (end: 'from' | 'to'): Comparable | undefined => {
      const key = own[end];
      if (key === undefined) return undefined;
      kind = checkRangeKey(owner, `${option}.${end}`, key, kind);
      return comparable(key);
    };
    list.push({ from: read('from'), to: read('to'), shard: checkShard(owner, `${option}.shard`, own.shard) });
  }
  if (list.length === 0) throw new InvalidOptionError(owner, 'ranges', 'must have at least one range', ranges);
  list.sort(byStart);
  checkNeighbours(owner, { list, kind }, ranges);
  return { list, kind };
}

/** An open end is before everything. */
function byStart(a: Span, b: Span): number {
  if (a.from === undefined || b.from === undefined) return Number(b.from === undefined) - Number(a.from === undefined);
  return a.from < b.from ? -1 : Number(a.from > b.from);
}

function checkNeighbours(owner: string, { list, kind }: Spans, ranges: unknown): void {
  const refuse = (rule: string): never => {
    throw new InvalidOptionError(owner, 'ranges', rule, ranges);
  };
  for (const [index, span] of list.entries()) {
    const { from, to } = span;
    const self = describeSpan(span, kind);
    if (from !== undefined && to !== undefined && from >= to) refuse(`must begin before they end: ${self} is empty`);
    const before = list[index - 1];
    if (before === undefined) continue;
    const pair = `${describeSpan(before, kind)} and ${self}`;
    if (from === undefined || before.to === undefined || from < before.to) refuse(`must not overlap: ${pair} do`);
    else if (from > before.to) refuse(`must leave no gap: between ${pair} there is one`);
  }
}

function describeSpan({ from, to, shard }: Span, kind: KeyKind | undefined): string {
  const end = (value: Comparable | undefined): string => {
    if (value === undefined) return '…';
    const key = toRangeKey(value, kind);
    return key instanceof Date ? key.toISOString() : formatValue(key);
  };
  return `${formatValue(shard)} [${end(from)}, ${end(to)})`;
}

/**
 * The index of the last range that begins at or before the key; -1 when there is none. An undefined key stands for the
 * lowest there is. O(log n).
 */
export function lastStartingBy(list: readonly Span[], key: Comparable | undefined): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { from } = list[middle] as Span;
    if (from === undefined || (key !== undefined && from <= key)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The index of the range that has the key; -1 when none has. */
export function indexOfKey(list: readonly Span[], key: Comparable | undefined): number {
  const index = lastStartingBy(list, key);
  const to = list[index]?.to;
  return key !== undefined && to !== undefined && key >= to ? -1 : index;
}
