import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capacityFor, compare, summarise } from '../../bench/hit-ratio/compare.js';
import { optimalHits } from '../../bench/hit-ratio/optimum.js';
import { type CacheName, caches, hitsOf } from '../../bench/hit-ratio/replay.js';
import { summaryOf, tableOf } from '../../bench/hit-ratio/report.js';
import { type Trace, traceOf } from '../../bench/hit-ratio/trace.js';
import { makeWorkload, workloads } from '../../bench/hit-ratio/workloads.js';
import { runs } from '../support/runs.js';

const names = Object.keys(caches) as CacheName[];
const keysOf = ({ requests, keys }: Trace) => Array.from(requests, (number) => keys[number]);

/** Tries every choice: after each request, the cache may hold any subset of its keys and the requested key. */
function mostHits(requests: readonly number[], capacity: number): number {
  const known = new Map<string, number>();
  const from = (at: number, held: readonly number[]): number => {
    if (at === requests.length) return 0;
    const state = `${at}: ${held}`;
    let best = known.get(state);
    if (best === undefined) {
      const key = requests[at]!;
      const choice = [...new Set([...held, key])].sort();
      // If all keys fit, holding more keys is never worse.
      const next = choice.length <= capacity ? [choice] : choice.map((one) => choice.filter((other) => other !== one));
      best = (held.includes(key) ? 1 : 0) + Math.max(...next.map((then) => from(at + 1, then)));
      known.set(state, best);
    }
    return best;
  };
  return from(0, []);
}

/** The keys in an array, with the most recently used key at the end. */
function lruHits(requests: readonly number[], capacity: number): number {
  let held: number[] = [];
  let hits = 0;
  for (const key of requests) {
    if (held.includes(key)) hits++;
    held = [...held.filter((other) => other !== key), key].slice(-capacity);
  }
  return hits;
}

describe('Hit ratios', () => {
  it('optimalHits returns the maximum of all choices', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 14 }), fc.integer({ min: 1, max: 4 }), (keys, capacity) => {
        expect(optimalHits(traceOf('', keys).requests, capacity)).toBe(mostHits(keys, capacity));
      }),
      { numRuns: runs(500) },
    );
  });

  it('no cache has more hits than the optimum, which misses each key once if all keys fit', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (keys, capacity) => {
        const trace = traceOf('', keys);
        const optimum = optimalHits(trace.requests, capacity);
        for (const name of names) expect(hitsOf(caches[name](capacity), trace), name).toBeLessThanOrEqual(optimum);
        expect(optimalHits(trace.requests, 31)).toBe(keys.length - trace.keys.length);
      }),
      { numRuns: runs(100) },
    );
  });

  it('the optimum of a long cyclic trace, where all keys except one fit, is close to 1,000 of 1,001', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => i % 1_001);
    expect(optimalHits(traceOf('', keys).requests, 1_000) / keys.length).toBeCloseTo(1_000 / 1_001, 1);
  });

  it('LruCache has the hits of a naive model', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), fc.integer({ min: 1, max: 15 }), (keys, capacity) => {
        expect(hitsOf(caches.LruCache(capacity), traceOf('', keys))).toBe(lruHits(keys, capacity));
      }),
      { numRuns: runs(200) },
    );
  });

  it('compare includes LruCache and the optimum and checks LruCache against the lru-cache package', () => {
    const point = compare(traceOf('abc', ['a', 'b', 'a', 'c', 'b', 'a']), 2, ['FifoCache']);
    expect(point).toMatchObject({ trace: 'abc', capacity: 2, agrees: true });
    expect([...point.percents].map(([name, percent]) => [name, Math.round(percent)])).toEqual([
      ['LruCache', 17],
      ['FifoCache', 33],
      ['optimum', 50], // the optimum never keeps c
    ]);
    expect(summarise('FifoCache', [point])).toMatchObject({ wins: 1, losses: 0, worstOfLarge: undefined });
  });

  it('a capacity below 1 is a share of the keys, of which at least one fits', () => {
    const trace = traceOf(
      '',
      Array.from({ length: 250 }, (_, key) => key),
    );
    expect([0.01, 0.001, 0.5, 1, 300].map((asked) => capacityFor(asked, trace))).toEqual([3, 1, 125, 1, 300]);
  });

  it('the report contains a row per capacity and a summary', () => {
    const trace = traceOf('abc', ['a', 'b', 'a', 'c', 'b', 'a']);
    const points = [1, 2].map((capacity) => compare(trace, capacity, ['FifoCache']));
    const table = stripVTControlCharacters(tableOf(trace, points));
    expect(table).toContain('abc: hit % of 6 requests for 3 keys');
    expect(table).toMatch(/ 2 │ +67 % │ +16\.7 │ +33\.3 │ +50\.0 │/);
    const summary = stripVTControlCharacters(summaryOf(points));
    expect(summary).toMatch(/FifoCache +│ +\+8\.3 │ +0\.0 │ abc @ 1 +│/);
    expect(summary).toContain('2 points of a log and a capacity');
    expect(stripVTControlCharacters(summaryOf(points.map((point) => ({ ...point, agrees: false }))))).toContain(
      'LruCache has not the hits of the lru-cache package: abc @ 1, abc @ 2',
    );
  });
});

describe('Generated traces', () => {
  it.each(Object.keys(workloads))('the trace %s is the same for the same seed', (name) => {
    const trace = makeWorkload(name);
    expect(trace.requests).toHaveLength(100_000);
    const isSame = (other: Trace) => keysOf(other).join() === keysOf(trace).join();
    expect(isSame(makeWorkload(name))).toBe(true);
    expect(isSame(makeWorkload(name, 2))).toBe(name === 'loop'); // a loop uses no random numbers
  });
});
