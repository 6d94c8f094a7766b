import { describe, expect, it } from 'vitest';
import { HedgeCap } from '../../src/hedge/hedge-cap.js';

/** Starts hedges until the cap is reached, and returns their number. */
function hedgesOf(cap: HedgeCap, now: number): number {
  let hedges = 0;
  while (hedges < 1000 && cap.allows(now)) {
    cap.recordHedge();
    hedges++;
  }
  return hedges;
}

describe('The cap of hedges', () => {
  it.each([
    [0, 10], // one per second
    [19, 10],
    [20, 11], // 0.05 × 20 is 1, although the product is rounded
    [39, 11],
    [40, 12],
    [1000, 60],
  ])('of %i calls in ten seconds allows %i hedges with maxRatio 0.05', (calls, hedges) => {
    const cap = new HedgeCap(0.05);
    for (let call = 0; call < calls; call++) cap.recordCall(0);
    expect(hedgesOf(cap, 0)).toBe(hedges);
    expect(cap.allows(9000)).toBe(false);
  });

  it('forgets hedges and calls of more than ten seconds ago', () => {
    const cap = new HedgeCap(0.5);
    for (let call = 0; call < 100; call++) cap.recordCall(0);
    expect(hedgesOf(cap, 0)).toBe(60);
    expect(hedgesOf(cap, 11_000)).toBe(10);
  });
});
