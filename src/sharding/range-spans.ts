import { InvalidOptionError } from '../core/errors.js';
import { formatValue } from '../core/inspect.js';
import { readOptions } from '../core/options.js';
import { type Comparable, checkRangeKey, comparable, type KeyKind, type RangeKey, toRangeKey } from './range-keys.js';
import { checkIterable, checkShard } from './shard-router.js';

/** A range of keys from `from` (inclusive) to `to` (exclusive). An undefined end is open. */
export interface ShardRange<K extends RangeKey> {
  /** The first key in the range. @defaultValue open: no lower limit */
  readonly from?: K | undefined;
  /** The first key after the range. @defaultValue open: no upper limit */
  readonly to?: K | undefined;
  /** The name of the shard. */
  readonly shard: string;
}

/** A range in comparable form. */
export interface Span {
  readonly from: Comparable | undefined;
  readonly to: Comparable | undefined;
  readonly shard: string;
}

/** Sorted spans without gaps. */
export interface Spans {
  readonly list: readonly Span[];
  /** The type of the keys. Undefined if all ends are open, so that keys of any type are allowed. */
  readonly kind: KeyKind | undefined;
}

/** Checks and sorts ranges. */
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

/** Compares spans by their start. An open start is before all others. */
function byStart(a: Span, b: Span): number {
  if (a.from === undefined || b.from === undefined) return Number(b.from === undefined) - Number(a.from === undefined);
  return a.from < b.from ? -1 : Number(a.from > b.from);
}

function checkNeighbours(owner: string, { list, kind }: Spans, ranges: unknown): void {
  const reject = (rule: string): never => {
    throw new InvalidOptionError(owner, 'ranges', rule, ranges);
  };
  for (const [index, span] of list.entries()) {
    const { from, to } = span;
    const self = describeSpan(span, kind);
    if (from !== undefined && to !== undefined && from >= to) reject(`must begin before they end: ${self} is empty`);
    const before = list[index - 1];
    if (before === undefined) continue;
    const pair = `${describeSpan(before, kind)} and ${self}`;
    if (from === undefined || before.to === undefined || from < before.to) reject(`must not overlap: ${pair} do`);
    else if (from > before.to) reject(`must not have a gap: there is one between ${pair}`);
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
 * Returns the index of the last span that begins at or before the key; -1 if there is none. An undefined key is below
 * all others. O(log n).
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

/** Returns the index of the span that contains the key; -1 if there is none. */
export function indexOfKey(list: readonly Span[], key: Comparable | undefined): number {
  const index = lastStartingBy(list, key);
  const to = list[index]?.to;
  return key !== undefined && to !== undefined && key >= to ? -1 : index;
}
