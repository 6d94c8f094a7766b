import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IdleHeap } from '../../src/rate-limit/idle-heap.js';
import { runs } from '../support/runs.js';

const SLOTS = 20;
const slot = fc.nat(SLOTS - 1);
const time = fc.nat(50);

it('an idle heap has the soonest in front, whatever is added, moved and removed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(slot, time, fc.boolean()), { maxLength: 100, size: 'max' }), (steps) => {
      const heap = new IdleHeap(SLOTS);
      const times = new Map<number, number>();
      for (const [slot, time, removes] of steps) {
        if (!times.has(slot)) heap.add(slot, time);
        else if (removes) heap.remove(slot);
        else heap.move(slot, time);
        if (times.has(slot) && removes) times.delete(slot);
        else times.set(slot, time);
        const { first } = heap;
        expect(first === undefined ? Infinity : heap.timeOf(first)).toBe(Math.min(...times.values()));
        if (first !== undefined) expect(times.get(first)).toBe(heap.timeOf(first));
      }
      const sorted = [...times.values()].sort((a, b) => a - b);
      for (const time of sorted) {
        const first = heap.first as number;
        expect(heap.timeOf(first)).toBe(time);
        heap.remove(first);
      }
      expect(heap.first).toBeUndefined();
    }),
    { numRuns: runs(1000) },
  );
});
