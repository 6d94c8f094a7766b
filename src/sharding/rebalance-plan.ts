import { InvalidOptionError } from '../core/errors.js';
import { checkMethods } from '../core/options.js';
import { type BaseRing, isRing } from '../hash-ring/base-ring.js';
import { type HashShards, placementOf } from './hash-shards.js';
import { type Comparable, type RangeKey, toRangeKey } from './range-keys.js';
import { isRangeShards, type RangeShards } from './range-shards.js';
import { indexOfKey, readSpans, type Spans } from './range-spans.js';
import { type AsyncShardRouter, checkIterable, type ShardRouter } from './shard-router.js';

/** The old and the new shard of keys that move. A side is undefined if the keys have no shard there. */
export interface ShardMove {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** A range of keys that moves. `from` is inclusive, `to` is exclusive, and an undefined end is open. */
export interface RangeMove<K extends RangeKey> extends ShardMove {
  readonly range: { readonly from: K | undefined; readonly to: K | undefined };
}

/** The movements between two range routers. */
export interface RangePlan<K extends RangeKey> {
  /** The ranges that move, in order. Neighbouring ranges with the same movement are merged. */
  readonly moves: readonly RangeMove<K>[];
}

/** The movements between two rings. */
export interface SharePlan {
  /** The share of all keys that move, from 0 to 1. */
  readonly share: number;
  /** The movements with their shares of all keys, sorted by `from`, then by `to`. */
  readonly moves: readonly (ShardMove & { readonly share: number })[];
}

/** The movements of a list of keys. */
export interface KeyPlan<K> {
  /** The number of keys in the list. */
  readonly total: number;
  /** The number of keys that move. */
  readonly moved: number;
  /** The movements, sorted by `from`, then by `to`, with their keys in the order of the list. */
  readonly moves: readonly (ShardMove & { readonly keys: readonly K[] })[];
}

/** A synchronous router, or a placement. */
type SyncRouter<K> = Pick<ShardRouter<K>, 'get'>;

/**
 * Computes which keys move when one router replaces another. Use it to copy the data before the switch.
 *
 * For two range routers, the result contains the exact ranges. For two rings that hash keys equally (as `hashShards` or
 * directly), it contains the exact shares of all keys. For any two routers and a list of keys, it contains the keys
 * that move. If one of the routers is asynchronous, keys are looked up one after the other and the result is a promise.
 *
 * O((n + m) log(n + m)) for ranges, O(points log points) for rings, two lookups per key for a list.
 *
 * @throws InvalidOptionError if the routers cannot be compared in this way.
 * @example
 * ```ts
 * const before = rangeShards([{ to: 'n', shard: 'a' }, { from: 'n', shard: 'b' }]);
 * const after = before.split('g', 'c');
 * console.log(rebalancePlan(before, after).moves); // [ { from: 'a', to: 'c', range: { from: 'g', to: 'n' } } ]
 * ```
 */
export function rebalancePlan<K extends RangeKey>(before: RangeShards<K>, after: RangeShards<K>): RangePlan<K>;
export function rebalancePlan(before: HashShards | BaseRing, after: HashShards | BaseRing): SharePlan;
export function rebalancePlan<K>(before: SyncRouter<K>, after: SyncRouter<K>, keys: Iterable<K>): KeyPlan<K>;
export function rebalancePlan<K>(
  before: SyncRouter<K> | AsyncShardRouter<K>,
  after: SyncRouter<K> | AsyncShardRouter<K>,
  keys: Iterable<K>,
): Promise<KeyPlan<K>>;
export function rebalancePlan<K>(
  before: SyncRouter<K> | AsyncShardRouter<K>,
  after: SyncRouter<K> | AsyncShardRouter<K>,
  keys?: Iterable<K>,
): RangePlan<RangeKey> | SharePlan | KeyPlan<K> | Promise<KeyPlan<K>> {
  checkMethods('rebalancePlan', 'before', before, ['get']);
  checkMethods('rebalancePlan', 'after', after, ['get']);
  if (keys !== undefined) {
    const list = checkIterable('rebalancePlan', 'keys', keys);
    return isAsync(before) || isAsync(after) ? lookUpAsync(before, after, list) : lookUp(before, after, list);
  }
  if (isRangeShards(before) && isRangeShards(after)) return compareRanges(before, after);
  const [old, next] = [placementOf(before), placementOf(after)];
  if (isRing(old) && isRing(next)) return compareRings(old, next);
  throw new InvalidOptionError(
    'rebalancePlan',
    'keys',
    'must be passed, unless both routers have ranges or both are rings',
    keys,
  );
}

function isAsync<K>(router: SyncRouter<K> | AsyncShardRouter<K>): router is AsyncShardRouter<K> {
  return 'isAsync' in router && router.isAsync;
}

/** Cuts the keys at every end of a range of either router. All keys between two cuts have the same movement. */
function compareRanges<K extends RangeKey>(one: RangeShards<K>, other: RangeShards<K>): RangePlan<K> {
  const [before, after] = [readSpans('rebalancePlan', one.ranges), readSpans('rebalancePlan', other.ranges)];
  const kind = before.kind ?? after.kind;
  if (after.kind !== undefined && after.kind !== kind) {
    throw new InvalidOptionError('rebalancePlan', 'after', `must have ranges of the same kind, ${kind}`, after.kind);
  }
  const ends = [...before.list, ...after.list].flatMap(({ from, to }) => [from, to]);
  const cuts = [...new Set(ends.filter((end) => end !== undefined))].sort((a, b) => (a < b ? -1 : 1));
  const pieces: RangeMove<Comparable>[] = [];
  for (const [index, from] of [undefined, ...cuts].entries()) {
    const piece = { from: shardAt(before, from), to: shardAt(after, from), range: { from, to: cuts[index] } };
    const last = pieces.at(-1);
    const joins = last !== undefined && last.from === piece.from && last.to === piece.to;
    if (joins) pieces[pieces.length - 1] = { ...piece, range: { from: last.range.from, to: piece.range.to } };
    else pieces.push(piece);
  }
  const key = (end: Comparable | undefined) => (end === undefined ? undefined : (toRangeKey(end, kind) as K));
  const moves = pieces.filter(({ from, to }) => from !== to);
  return {
    moves: moves.map(({ from, to, range }) => ({ from, to, range: { from: key(range.from), to: key(range.to) } })),
  };
}

const shardAt = ({ list }: Spans, key: Comparable | undefined): string | undefined =>
  list[indexOfKey(list, key)]?.shard;

function compareRings(before: BaseRing, after: BaseRing): SharePlan {
  const { share, moves } = before.diff(after);
  return { share, moves: [...moves].sort(byNames) };
}

function lookUp<K>(before: SyncRouter<K>, after: SyncRouter<K>, keys: Iterable<K>): KeyPlan<K> {
  const plan = new KeyMoves<K>();
  for (const key of keys) plan.add(key, before.get(key), after.get(key));
  return plan.toPlan();
}

/** Looks up one key after the other, to avoid overloading a directory. */
async function lookUpAsync<K>(
  before: SyncRouter<K> | AsyncShardRouter<K>,
  after: SyncRouter<K> | AsyncShardRouter<K>,
  keys: Iterable<K>,
): Promise<KeyPlan<K>> {
  const plan = new KeyMoves<K>();
  for (const key of keys) plan.add(key, await before.get(key), await after.get(key));
  return plan.toPlan();
}

class KeyMoves<K> {
  #total = 0;
  #moved = 0;
  readonly #moves = new Map<string, ShardMove & { readonly keys: K[] }>();

  add(key: K, from: string | undefined, to: string | undefined): void {
    this.#total++;
    if (from === to) return;
    this.#moved++;
    const id = JSON.stringify([from, to]);
    const move = this.#moves.get(id);
    if (move === undefined) this.#moves.set(id, { from, to, keys: [key] });
    else move.keys.push(key);
  }

  toPlan(): KeyPlan<K> {
    return { total: this.#total, moved: this.#moved, moves: [...this.#moves.values()].sort(byNames) };
  }
}

/** Compares movements. A side without a shard comes first. */
function byNames(a: ShardMove, b: ShardMove): number {
  return compareNames(a.from, b.from) || compareNames(a.to, b.to);
}

function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return a === undefined || (b !== undefined && a < b) ? -1 : 1;
}
