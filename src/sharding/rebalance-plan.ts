import { InvalidOptionError } from '../core/errors.js';
import { checkMethods } from '../core/options.js';
import { BaseRing } from '../hash-ring/base-ring.js';
import { type HashShards, PlacedShards } from './hash-shards.js';
import { type Comparable, type RangeKey, toRangeKey } from './range-keys.js';
import { type RangeShards, RangeTable } from './range-shards.js';
import { indexOfKey, type Spans } from './range-spans.js';
import { type AsyncShardRouter, checkIterable, type ShardRouter } from './shard-router.js';

/** From which shard to which; undefined where there is none: keys that had no shard, or have none any more. */
export interface ShardMove {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** A range that moves, from its `from` up to, and without, its `to`; undefined is an open end. */
export interface RangeMove<K extends RangeKey> extends ShardMove {
  readonly range: { readonly from: K | undefined; readonly to: K | undefined };
}

export interface RangePlan<K extends RangeKey> {
  /** In the order of the ranges; neighbours that go the same way are one. */
  readonly moves: readonly RangeMove<K>[];
}

export interface SharePlan {
  /** What fraction of all keys moves. */
  readonly share: number;
  /** By `from`, then by `to`; each with its fraction of all keys. */
  readonly moves: readonly (ShardMove & { readonly share: number })[];
}

export interface KeyPlan<K> {
  /** How many keys were looked at. */
  readonly total: number;
  /** How many of them move. */
  readonly moved: number;
  /** By `from`, then by `to`; the keys in the order in which they were given. */
  readonly moves: readonly (ShardMove & { readonly keys: readonly K[] })[];
}

/** Whatever gives a key its place at once: a router, or a placement by itself. */
type Places<K> = Pick<ShardRouter<K>, 'get'>;

/**
 * What has to move when one router takes the place of another: copy this, then switch.
 *
 * Of two range routers it tells the exact ranges; of two rings that hash keys alike, as `hashShards` or by themselves, what
 * share of all keys goes from where to where, exactly; of any two routers, for keys that you list, which of them move.
 * Routers that have to be asked are asked about one key after another, and the plan is a promise.
 *
 * O((n + m) log(n + m)) for ranges, O(points) for rings, one lookup each for keys.
 *
 * @throws InvalidOptionError for routers that cannot be compared in this way.
 * @example
 * ```ts
 * const before = rangeShards([{ to: 'n', shard: 'a' }, { from: 'n', shard: 'b' }]);
 * const after = before.split('g', 'c');
 * console.log(rebalancePlan(before, after).moves); // [ { from: 'a', to: 'c', range: { from: 'g', to: 'n' } } ]
 * ```
 */
export function rebalancePlan<K extends RangeKey>(before: RangeShards<K>, after: RangeShards<K>): RangePlan<K>;
export function rebalancePlan(before: HashShards | BaseRing, after: HashShards | BaseRing): SharePlan;
export function rebalancePlan<K>(before: Places<K>, after: Places<K>, keys: Iterable<K>): KeyPlan<K>;
export function rebalancePlan<K>(
  before: Places<K> | AsyncShardRouter<K>,
  after: Places<K> | AsyncShardRouter<K>,
  keys: Iterable<K>,
): Promise<KeyPlan<K>>;
export function rebalancePlan<K>(
  before: Places<K> | AsyncShardRouter<K>,
  after: Places<K> | AsyncShardRouter<K>,
  keys?: Iterable<K>,
): RangePlan<RangeKey> | SharePlan | KeyPlan<K> | Promise<KeyPlan<K>> {
  checkMethods('rebalancePlan', 'before', before, ['get']);
  checkMethods('rebalancePlan', 'after', after, ['get']);
  if (keys !== undefined) {
    const list = checkIterable('rebalancePlan', 'keys', keys);
    return isAsync(before) || isAsync(after) ? askAbout(before, after, list) : placeAll(before, after, list);
  }
  if (before instanceof RangeTable && after instanceof RangeTable) return compareRanges(before, after);
  const [old, next] = [before, after].map((one) => (one instanceof PlacedShards ? one.placement : one));
  if (old instanceof BaseRing && next instanceof BaseRing) return compareRings(old, next);
  throw new InvalidOptionError(
    'rebalancePlan',
    'keys',
    'must be given, unless both have ranges or both are rings',
    keys,
  );
}

function isAsync<K>(router: Places<K> | AsyncShardRouter<K>): router is AsyncShardRouter<K> {
  return 'isAsync' in router && router.isAsync;
}

/** Cuts the keys at every end that either has; within a piece all keys go the same way. */
function compareRanges<K extends RangeKey>(one: RangeTable<K>, other: RangeTable<K>): RangePlan<K> {
  const [before, after] = [one.spans, other.spans];
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

function placeAll<K>(before: Places<K>, after: Places<K>, keys: Iterable<K>): KeyPlan<K> {
  const plan = new KeyMoves<K>();
  for (const key of keys) plan.add(key, before.get(key), after.get(key));
  return plan.toPlan();
}

/** One key after another: a directory is not to be flooded for a plan. */
async function askAbout<K>(
  before: Places<K> | AsyncShardRouter<K>,
  after: Places<K> | AsyncShardRouter<K>,
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

/** Where there is no shard comes first. */
function byNames(a: ShardMove, b: ShardMove): number {
  return compareNames(a.from, b.from) || compareNames(a.to, b.to);
}

function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return a === undefined || (b !== undefined && a < b) ? -1 : 1;
}
