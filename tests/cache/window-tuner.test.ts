import { describe, expect, it } from 'vitest';
import { FrequencySketch } from '../../src/cache/frequency-sketch.js';
import { hashOf } from '../../src/cache/key-hash.js';
import { LRU_SHARE, WINDOW_SHARES, WindowTuner } from '../../src/cache/window-tuner.js';

/** The decisions of a tuner for a cache of `full` entries over these keys. */
function decisions(full: number, keys: Iterable<number>, share: number = LRU_SHARE): number[] {
  const sketch = new FrequencySketch(full);
  const tuner = new WindowTuner(full, share);
  const decided: number[] = [];
  for (const key of keys) {
    const hash = hashOf(key);
    sketch.add(hash, 1);
    const decision = tuner.isSampled(hash) ? tuner.record(hash, sketch) : 0;
    if (decision !== 0) decided.push(decision);
  }
  return decided;
}

const keys = (count: number, keyOf: (n: number) => number) => Array.from({ length: count }, (_, n) => keyOf(n));

describe('WindowTuner', () => {
  it.each([1, 2, 40])('The tuner decides after four requests per entry in a cache of %i entries', (full) => {
    const fewer = keys(4 * full - 1, (n) => n);
    expect(decisions(full, fewer)).toEqual([]);
    expect(decisions(full, [...fewer, 0])).toHaveLength(1);
    expect(
      decisions(
        full,
        keys(12 * full, (n) => n),
      ),
    ).toHaveLength(3);
  });

  it.each([64, 1000, 20_000])(
    'The tuner decides after four sampled requests per entry of its miniature in a cache of %i entries',
    (full) => {
      const tuner = new WindowTuner(full, LRU_SHARE);
      const sketch = new FrequencySketch(full);
      const sampled = keys(80 * full, (n) => hashOf(n)).filter((hash) => tuner.isSampled(hash));
      const share = Math.round((80 * full) / sampled.length);
      expect(Math.abs(Math.log2(share) - Math.round(Math.log2(share)))).toBeLessThan(0.1);
      const rate = 2 ** Math.round(Math.log2(share));
      const decided = sampled.map((hash) => tuner.record(hash, sketch));
      const due = 4 * Math.round(full / rate);
      expect(decided.indexOf(LRU_SHARE)).toBe(due - 1);
      expect(decided.filter((one) => one !== 0)).toHaveLength(Math.floor(sampled.length / due));
    },
  );

  it.each(WINDOW_SHARES)('The tuner keeps the share of %d while no other share has more hits', (share) => {
    expect(
      new Set(
        decisions(
          500,
          keys(10_000, (n) => n),
          share,
        ),
      ),
    ).toEqual(new Set([share]));
    expect(
      new Set(
        decisions(
          500,
          keys(10_000, (n) => n % 100),
          share,
        ),
      ),
    ).toEqual(new Set([share]));
  });

  it('The tuner chooses the smallest window for a loop over more keys than the capacity', () => {
    expect(
      decisions(
        500,
        keys(40_000, (n) => n % 700),
      ).at(-1),
    ).toBe(Math.min(...WINDOW_SHARES));
  });

  it('The tuner chooses the largest window if each key is repeated after as many keys as the capacity', () => {
    const twice = keys(40_000, (n) => (n % 900 < 450 ? n : n - 450));
    expect(decisions(500, twice, 0.01).at(-1)).toBe(LRU_SHARE);
  });

  it('The tuner changes its decision when the traffic changes', () => {
    const loop = keys(40_000, (n) => n % 700);
    const twice = keys(80_000, (n) => 1e6 + (n % 900 < 450 ? n : n - 450));
    const decided = decisions(500, [...loop, ...twice]);
    expect(decided[19]).toBe(Math.min(...WINDOW_SHARES));
    expect(decided.at(-1)).toBe(LRU_SHARE);
  });

  it.each([2048, 20_000])('The tuner decides from a sample as from all keys (%i entries)', (full) => {
    expect(
      decisions(
        full,
        keys(40 * full, (n) => n % Math.round(1.4 * full)),
      ).at(-1),
    ).toBe(Math.min(...WINDOW_SHARES));
  });
});
