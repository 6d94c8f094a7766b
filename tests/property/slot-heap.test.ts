import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SlotHeap } from '../../src/core/slot-heap.js';
import { runs } from '../support/runs.js';

/** Slots ordered by their times. Slots of equal times can be in any order. */
class TimeHeap extends SlotHeap {
  readonly #times: number[] = [];

  timeOf(slot: number): number {
    return this.#times[slot]!;
  }

  add(slot: number, time: number): void {
    this.#times[slot] = time;
    this.push(slot);
  }

  move(slot: number, time: number): void {
    this.#times[slot] = time;
    this.reposition(slot);
  }

  protected isBefore(a: number, b: number): boolean {
    return this.timeOf(a) < this.timeOf(b);
  }
}

const SLOTS = 20;
const slot = fc.nat(SLOTS - 1);
const time = fc.nat(50);

it('a slot heap keeps the earliest slot in front while slots are added, moved and removed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(slot, time, fc.boolean()), { maxLength: 100, size: 'max' }), (steps) => {
      const heap = new TimeHeap(SLOTS);
      const times = new Map<number, number>();
      for (const [slot, time, removes] of steps) {
        if (!times.has(slot)) heap.add(slot, time);
        else if (removes) heap.remove(slot);
        else heap.move(slot, time);
        if (times.has(slot) && removes) times.delete(slot);
        else times.set(slot, time);
        const { front: first } = heap;
        expect(first === undefined ? Infinity : heap.timeOf(first)).toBe(Math.min(...times.values()));
        if (first !== undefined) expect(times.get(first)).toBe(heap.timeOf(first));
      }
      const sorted = [...times.values()].sort((a, b) => a - b);
      heap.resize(2 * SLOTS);
      expect(Array.from(heap.sorted(), (slot) => heap.timeOf(slot))).toEqual(sorted);
      for (const time of sorted) {
        const first = heap.front as number;
        expect(heap.timeOf(first)).toBe(time);
        heap.remove(first);
      }
      expect(heap.front).toBeUndefined();
    }),
    { numRuns: runs(1000) },
  );
});
