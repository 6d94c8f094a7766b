import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.js';

const MEGABYTE = 1024 * 1024;

describe.concurrent('Calls on one long-lived signal', () => {
  it.each([
    ['100,000 calls through a pipeline of all policies', 1, [100_000, 'pipeline of all']],
    ['500,000 calls that a full bulkhead rejects', 1, [500_000, 'full bulkhead']],
    ['20,000 calls of resilientFetch', 1, [20_000, 'resilientFetch']],
    [
      '30,000 calls through each policy alone',
      10,
      [30_000, 'not', 'pipeline of all', 'full bulkhead', 'resilientFetch'],
    ],
  ])('%s leave no listener, no timer and no memory', async (_name, kinds, args) => {
    const { code, lines, errors } = await runChild('leaks', { args, flags: ['--expose-gc'] });
    expect([code, errors]).toEqual([0, '']);
    expect(lines).toHaveLength(kinds);
    for (const line of lines) {
      const left = JSON.parse(line) as { name: string; listeners: number; timers: number; grewBy: number };
      expect(left).toMatchObject({ listeners: 0, timers: 0 });
      expect(left.grewBy, left.name).toBeLessThan(MEGABYTE);
    }
  });
});

describe('10,000 random calls', () => {
  it.each([
    ['test', 1],
    ['test', 2],
    ['test', 3],
    ['system', 4],
  ])(
    '10,000 random calls settle and release everything without an unhandled rejection on the %s clock (seed %i)',
    async (clock, seed) => {
      const { code, lines, errors } = await runChild('fuzz', { args: [clock, seed] });
      expect([code, errors]).toEqual([0, '']);
      const left = JSON.parse(lines[0] ?? '');
      expect(left).toMatchObject({
        settled: 10_000,
        unhandled: 0,
        uncaught: [],
        unreported: 0,
        held: 0,
        permits: [true, true, true, true],
        listeners: 0,
        timers: 0,
      });
      const { fulfilled, rejected, aborts, listenerThrows } = left.happened;
      expect(Math.min(fulfilled, rejected, aborts, listenerThrows)).toBeGreaterThan(1000);
    },
  );
});
