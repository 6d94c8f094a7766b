import {
  directoryShards,
  geoShards,
  hashShards,
  rangeShards,
  rebalancePlan,
  type ShardRange,
} from 'breakwater/sharding';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, type Watched, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';

const shard = fc.constantFrom('a', 'b', 'c', 'd');

/** Consecutive ranges between random ends in random order. The first and the last end may be open. */
function ranges<K extends number | string | bigint>(key: fc.Arbitrary<K>): fc.Arbitrary<ShardRange<K>[]> {
  return fc
    .record({
      ends: fc.uniqueArray(key, { minLength: 2, maxLength: 10 }),
      shards: fc.array(shard, { minLength: 11, maxLength: 11 }),
      openFrom: fc.boolean(),
      openTo: fc.boolean(),
    })
    .chain(({ ends, shards, openFrom, openTo }) => {
      const sorted: (K | undefined)[] = [...ends].sort((a, b) => (a < b ? -1 : 1));
      if (openFrom) sorted.unshift(undefined);
      if (openTo) sorted.push(undefined);
      const list = sorted.slice(1).map((to, i) => ({ from: sorted[i], to, shard: shards[i]! }));
      return fc.shuffledSubarray(list, { minLength: list.length });
    });
}

/** Finds the shard by checking every range. */
function scan<K extends number | string | bigint>(list: readonly ShardRange<K>[], key: K): string | undefined {
  return list.find(({ from, to }) => (from === undefined || from <= key) && (to === undefined || key < to))?.shard;
}

const whole = fc.integer({ min: -30, max: 30 });
const KEYS = Array.from({ length: 67 }, (_, i) => i - 33);

describe('rangeShards', () => {
  it('get returns the same shard as a scan of every range', () => {
    const checked = <K extends number | string | bigint>(key: fc.Arbitrary<K>) =>
      fc.property(ranges(key), fc.array(key, { maxLength: 20 }), (list, keys) => {
        const router = rangeShards(list as ShardRange<number>[]);
        const ends = list.flatMap(({ from, to }) => [from, to]).filter((end) => end !== undefined);
        const all = [...keys, ...ends];
        expect(all.map((one) => router.get(one as number))).toEqual(all.map((one) => scan(list, one)));
      });
    // Plus 0: only one zero, since an end must not equal its start.
    fc.assert(checked(fc.double({ noNaN: true, noDefaultInfinity: true }).map((key) => key + 0)), {
      numRuns: runs(1000),
    });
    fc.assert(checked(fc.string({ unit: 'binary', maxLength: 4 })), { numRuns: runs(1000) });
    fc.assert(checked(fc.bigInt()), { numRuns: runs(1000) });
  });

  it('getRange returns exactly the shards that have a key in the range, in the order of their first keys', () => {
    fc.assert(
      fc.property(
        ranges(whole),
        fc.option(whole, { nil: undefined }),
        fc.option(whole, { nil: undefined }),
        (list, a, b) => {
          const [from, to] = a !== undefined && b !== undefined && a > b ? [b, a] : [a, b];
          const inside = KEYS.filter((key) => (from === undefined || from <= key) && (to === undefined || key < to));
          const shards = inside.map((key) => scan(list, key)).filter((one) => one !== undefined);
          expect(rangeShards(list).getRange(from, to)).toEqual([...new Set(shards)]);
        },
      ),
      { numRuns: runs(1000) },
    );
  });

  it('every key stays on its shard through splits and merges, except those that the plan moves', () => {
    const command = fc.record({ splits: fc.boolean(), at: whole, shard });
    fc.assert(
      fc.property(ranges(whole), fc.array(command, { maxLength: 15, size: 'max' }), (list, commands) => {
        let router = rangeShards(list);
        const model = new Map(KEYS.map((key) => [key, scan(list, key)]));
        let cuts = list.flatMap(({ from, to }) => [from, to]).filter((end) => end !== undefined);
        for (const { splits, at, shard } of commands) {
          const sorted = [...new Set(cuts)].sort((a, b) => a - b);
          const has = model.get(at) !== undefined;
          const below = model.get(at - 1); // keys are integers: this one is just before the cut
          const ends = (key: number) => sorted.find((cut) => cut > key) ?? Infinity;
          const possible = splits ? has && !cuts.includes(at) : has && cuts.includes(at) && below !== undefined;
          const change = () => (splits ? router.split(at, shard) : router.merge(at));
          if (!possible) {
            expect(change).toThrow(splits ? 'must be inside a range' : 'must be where two ranges meet');
            continue;
          }
          const next = change();
          const to = splits ? shard : below;
          for (const key of KEYS) if (key >= at && key < ends(at)) model.set(key, to);
          cuts = splits ? [...cuts, at] : cuts.filter((cut) => cut !== at);
          const { moves } = rebalancePlan(router, next);
          const from = router.get(at);
          const end = ends(at) === Infinity ? undefined : ends(at);
          expect(moves).toEqual(from === to ? [] : [{ from, to, range: { from: at, to: end } }]);
          router = next;
          expect(KEYS.map((key) => next.get(key))).toEqual([...model.values()]);
          expect(rangeShards(router.ranges).ranges).toEqual(router.ranges);
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('rebalancePlan', () => {
  it('a plan of ranges contains every moved key in exactly one move', () => {
    fc.assert(
      fc.property(ranges(whole), ranges(whole), (before, after) => {
        const [old, next] = [rangeShards(before), rangeShards(after)];
        const { moves } = rebalancePlan(old, next);
        const found = KEYS.map((key) =>
          moves
            .filter(({ range }) => (range.from ?? -99) <= key && key < (range.to ?? 99))
            .map(({ from, to }) => [from, to]),
        );
        const expected = KEYS.map((key) => [[scan(before, key), scan(after, key)]].filter(([from, to]) => from !== to));
        expect(found).toEqual(expected);
        for (const [i, move] of moves.entries()) {
          const last = moves[i - 1];
          if (last === undefined) continue;
          const touches = last.range.to === move.range.from;
          expect(touches && last.from === move.from && last.to === move.to).toBe(false);
          expect(last.range.to! <= move.range.from!).toBe(true);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it('a plan of keys contains each moved key once, with its old and its new shard', () => {
    const key = fc.oneof(fc.string({ maxLength: 4 }), fc.integer({ min: 0 }));
    const buckets = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 30 }), buckets, buckets, (keys, one, other) => {
        const [before, after] = [hashShards({ buckets: one }), hashShards({ buckets: other })];
        const plan = rebalancePlan(before, after, keys);
        const moves = plan.moves.flatMap(({ from, to, keys }) => keys.map((key) => ({ key, from, to })));
        const moved = keys.filter((key) => before.get(key) !== after.get(key));
        const byKey = (list: typeof moves) => list.map((move) => JSON.stringify(move)).sort();
        expect(byKey(moves)).toEqual(byKey(moved.map((key) => ({ key, from: before.get(key), to: after.get(key) }))));
        expect([plan.total, plan.moved]).toEqual([keys.length, moved.length]);
        // Jump hash moves no key between the buckets that exist before and after.
        const fewest = Math.min(one, other);
        for (const { from, to } of moves) expect(Number(one < other ? to : from)).toBeGreaterThanOrEqual(fewest);
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('geoShards', () => {
  const place = fc.record({
    latitude: fc.oneof(fc.constantFrom(-90, 0, 90), fc.double({ min: -90, max: 90, noNaN: true })),
    longitude: fc.oneof(fc.constantFrom(-180, 0, 180), fc.double({ min: -180, max: 180, noNaN: true })),
  });
  const sites = fc
    .array(place, { minLength: 1, maxLength: 8 })
    .map((places) => places.map((one, i) => ({ shard: `s${i}`, ...one })));
  type Place = { readonly latitude: number; readonly longitude: number };

  /** The point on the unit sphere. */
  function point({ latitude, longitude }: Place): [number, number, number] {
    const [phi, lambda] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
    return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
  }

  /** The length of the straight line through the earth. */
  const chord = (a: Place, b: Place) => Math.hypot(...point(a).map((x, i) => x - point(b)[i]!));

  it('geoShards orders shards from the nearest to the farthest, as measured by straight lines through the earth', () => {
    fc.assert(
      fc.property(sites, place, (shards, from) => {
        const order = geoShards({ shards }).getMany(from, Infinity);
        expect([...order].sort()).toEqual(shards.map(({ shard }) => shard).sort());
        const lengths = order.map((name) => chord(from, shards.find(({ shard }) => shard === name)!));
        for (const [i, length] of lengths.entries()) {
          if (i > 0) expect(length).toBeGreaterThanOrEqual(lengths[i - 1]! - 1e-7);
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});

type Command =
  | { readonly type: 'get'; readonly key: string; readonly aborts: boolean }
  | { readonly type: 'abort'; readonly index: number }
  | { readonly type: 'set'; readonly key: string; readonly shard: string }
  | { readonly type: 'delete' | 'invalidate'; readonly key: string }
  | { readonly type: 'invalidateAll' }
  | { readonly type: 'settle'; readonly index: number; readonly shard: string | undefined; readonly fails: boolean }
  | { readonly type: 'advance'; readonly ms: number };

/** A load in the model. */
interface Load {
  readonly key: string;
  readonly waiting: Set<number>;
  /** Whether its result would be cached. */
  isWanted: boolean;
  isOver: boolean;
  isAborted: boolean;
}

const TTL = 100;
const NEGATIVE_TTL = 30;
const STALE = 50;
const CAPACITY = 2;

/** A simple model of a directory. */
class DirectoryModel {
  readonly entries: Record<string, string> = {};
  /** The most recently used keys are last. */
  kept: { key: string; shard: string | undefined; freshUntil: number }[] = [];
  readonly loads: Load[] = [];
  readonly answers: string[] = [];
  now = 0;

  get(key: string): void {
    const id = this.answers.push('pending') - 1;
    const entry = this.entries[key];
    if (entry !== undefined) {
      this.answers[id] = entry;
      return;
    }
    const known = this.kept.find((one) => one.key === key);
    this.kept = this.kept.filter((one) => one !== known);
    const isFresh = known !== undefined && this.now < known.freshUntil;
    if (known !== undefined && (isFresh || this.#serves(known))) this.kept.push(known);
    if (known !== undefined && isFresh) {
      this.answers[id] = String(known.shard);
      return;
    }
    const running = this.loads.find((load) => load.key === key && load.isWanted);
    const load = running ?? { key, waiting: new Set(), isWanted: true, isOver: false, isAborted: false };
    if (running === undefined) this.loads.push(load);
    load.waiting.add(id);
  }

  #serves({ shard, freshUntil }: { shard: string | undefined; freshUntil: number }): boolean {
    return shard !== undefined && this.now < freshUntil + STALE;
  }

  abort(id: number): void {
    const load = this.loads.find(({ waiting }) => waiting.has(id));
    if (load === undefined) return;
    this.answers[id] = 'aborted';
    load.waiting.delete(id);
    if (load.waiting.size > 0) return;
    load.isOver = true;
    load.isAborted = true;
    load.isWanted = false;
  }

  set(key: string, shard: string): void {
    this.entries[key] = shard;
    this.kept = this.kept.filter((one) => one.key !== key);
    for (const load of this.loads.filter((one) => one.key === key && one.isWanted)) {
      this.#answer(load, shard);
      load.isAborted = true;
    }
  }

  remove(keys: (key: string) => boolean): void {
    this.kept = this.kept.filter(({ key }) => !keys(key));
    for (const load of this.loads) if (keys(load.key)) load.isWanted = false;
  }

  settle(load: Load, shard: string | undefined, fails: boolean): void {
    if (load.isOver) return;
    const old = this.kept.find((one) => one.key === load.key);
    if (fails) {
      const stale = load.isWanted && old !== undefined && this.#serves(old) ? old.shard : undefined;
      this.#answer(load, stale ?? 'failed');
      return;
    }
    if (load.isWanted) {
      this.kept = this.kept.filter((one) => one !== old);
      this.kept.push({ key: load.key, shard, freshUntil: this.now + (shard === undefined ? NEGATIVE_TTL : TTL) });
      while (this.kept.length > CAPACITY) this.kept.shift();
    }
    this.#answer(load, String(shard));
  }

  #answer(load: Load, answer: string): void {
    for (const id of load.waiting) this.answers[id] = answer;
    load.waiting.clear();
    load.isOver = true;
    load.isWanted = false;
  }
}

describe('directoryShards', () => {
  const key = fc.constantFrom('k', 'l', 'm');
  const index = fc.nat(20);
  const command: fc.Arbitrary<Command> = fc.oneof(
    { arbitrary: fc.record({ type: fc.constant('get' as const), key, aborts: fc.boolean() }), weight: 5 },
    { arbitrary: fc.record({ type: fc.constant('abort' as const), index }), weight: 2 },
    {
      arbitrary: fc.record({
        type: fc.constant('settle' as const),
        index,
        shard: fc.option(shard, { nil: undefined }),
        fails: fc.nat(3).map((draw) => draw === 0),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(1, 20, 49, 51, 100) }),
      weight: 2,
    },
    fc.record({ type: fc.constant('set' as const), key, shard }),
    { arbitrary: fc.record({ type: fc.constantFrom('delete' as const, 'invalidate' as const), key }), weight: 2 },
    fc.record({ type: fc.constant('invalidateAll' as const) }),
  );

  it('a directory behaves like its model, with any events during a load', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), async (commands) => {
        const clock = new TestClock();
        const model = new DirectoryModel();
        const calls: (Deferred<string | undefined> & { signal: AbortSignal })[] = [];
        const directory = directoryShards({
          load(_, { signal }) {
            const call = { ...defer<string | undefined>(), signal };
            calls.push(call);
            return call.promise;
          },
          clock,
          ttl: TTL,
          negativeTtl: NEGATIVE_TTL,
          staleIfError: STALE,
          capacity: CAPACITY,
        });
        const waits: { answer: Watched<string | undefined>; controller: AbortController; aborts: boolean }[] = [];
        for (const one of commands) {
          switch (one.type) {
            case 'get': {
              const controller = new AbortController();
              const { signal } = controller;
              const answer = watch(directory.get(one.key, one.aborts ? { signal } : undefined));
              waits.push({ answer, controller, aborts: one.aborts });
              model.get(one.key);
              break;
            }
            case 'abort': {
              const id = one.index % (waits.length || 1);
              waits[id]?.controller.abort();
              if (waits[id]?.aborts) model.abort(id);
              break;
            }
            case 'set':
              directory.set(one.key, one.shard);
              model.set(one.key, one.shard);
              break;
            case 'delete':
              expect(directory.delete(one.key)).toBe(one.key in model.entries);
              delete model.entries[one.key];
              model.remove((key) => key === one.key);
              break;
            case 'invalidate':
              directory.invalidate(one.key);
              model.remove((key) => key === one.key);
              break;
            case 'invalidateAll':
              directory.invalidateAll();
              model.remove(() => true);
              break;
            case 'settle': {
              const open = calls.length || 1;
              const load = model.loads[one.index % open];
              if (load !== undefined) model.settle(load, one.shard, one.fails);
              if (one.fails) calls[one.index % open]?.reject(new Error('down'));
              else calls[one.index % open]?.resolve(one.shard);
              break;
            }
            case 'advance':
              await clock.advance(one.ms);
              model.now += one.ms;
          }
          await settle();
          expect(waits.map(({ answer }) => resultOf(answer))).toEqual(model.answers);
          expect(calls.map(({ signal }) => signal.aborted)).toEqual(model.loads.map(({ isAborted }) => isAborted));
          expect(directory.size).toBe(model.kept.length);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  /** The result in the terms of the model. */
  function resultOf({ state, value, error }: Watched<string | undefined>): string {
    if (state === 'rejected') return error instanceof DOMException ? 'aborted' : 'failed';
    return state === 'pending' ? 'pending' : String(value);
  }
});
