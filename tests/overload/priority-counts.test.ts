import { describe, expect, it } from 'vitest';
import { PriorityCounts } from '../../src/overload/priority-counts.js';

/** Ten parts of 100 ms. In each part, calls of the priorities pass, and some are rejected inside. */
function setUp() {
  const counts = new PriorityCounts(1000, 0);
  let now = 0;
  const part = (calls: readonly number[], passed = calls.length, rejected = 0) => {
    for (const priority of calls) counts.countCall(priority);
    for (let i = 0; i < passed; i++) counts.countPassed();
    for (let i = 0; i < rejected; i++) counts.countRejected();
    now += 100;
    counts.advance(now);
    return counts.admitted;
  };
  const advance = (ms: number) => {
    now += ms;
    counts.advance(now);
  };
  return { counts, part, advance };
}

const thousand = Array.from({ length: 1000 }, (_, index) => index % 10);

describe('The counts of a priority gate', () => {
  it('the admitted share shrinks by the share that was rejected inside, and not below 1 %', () => {
    const { part } = setUp();
    expect(part(thousand, 1000, 250)).toBe(0.75);
    expect(part(thousand, 750, 150)).toBeCloseTo(0.6, 12);
    expect(part(thousand, 10, 20)).toBe(0.01); // more rejections than calls of this part
  });

  it('two rejections in a thousand calls are tolerated, three are not', () => {
    expect(setUp().part(thousand, 1000, 2)).toBe(1);
    expect(setUp().part(thousand, 1000, 3)).toBe(0.997);
  });

  it('the share grows by 0.5 %, then by half as much again, and starts over after an overload', () => {
    const { part } = setUp();
    part(thousand, 1000, 500);
    expect(part(thousand)).toBeCloseTo(0.5 * 1.005, 12);
    const second = part(thousand);
    expect(second).toBeCloseTo(0.5 * 1.005 * 1.0075, 12);
    const shrunk = part(thousand, 1000, 100);
    expect(shrunk).toBeCloseTo(second * 0.9, 12);
    expect(part(thousand)).toBeCloseTo(shrunk * 1.005, 12);
  });

  it('the growth of a part is at most 50 %', () => {
    const { part } = setUp();
    part(thousand, 10, 10);
    let [before, after, largest] = [0.01, 0.01, 1];
    while (after < 1) {
      [before, after] = [after, part(thousand)];
      if (after < 1) largest = Math.max(largest, after / before);
    }
    expect(largest).toBeLessThanOrEqual(1.5 + 1e-9);
    expect(largest).toBeGreaterThan(1.2);
  });

  it('the threshold is the priority at the quantile, which passes in part', () => {
    const { counts, part } = setUp();
    part(thousand, 1000, 250); // of ten equal priorities, 0 to 6 pass, and half of 7
    expect(counts.threshold).toBe(7);
    expect([0, 6, 7, 8, 9].map((priority) => counts.shareOf(priority))).toEqual([1, 1, 0.5, 0, 0]);
  });

  it('without an overload every priority passes', () => {
    const { counts, part } = setUp();
    part(thousand);
    expect([counts.admitted, counts.threshold, counts.shareOf(9), counts.shareOf(Infinity)]).toEqual([
      1,
      Infinity,
      1,
      1,
    ]);
  });

  it('a part ends after a tenth of the window, and not before', () => {
    const { counts, advance } = setUp();
    counts.countCall(5);
    counts.countPassed();
    counts.countRejected();
    advance(99);
    expect(counts.admitted).toBe(1);
    advance(1);
    expect(counts.admitted).toBe(0.01);
  });

  it('a whole window without a call admits everything again, and nine tenths of one do not', () => {
    const { counts, part, advance } = setUp();
    part(thousand, 1000, 900);
    advance(900);
    expect(counts.admitted).toBeLessThan(1);
    advance(1000);
    expect([counts.admitted, counts.threshold]).toEqual([1, Infinity]);
  });
});
