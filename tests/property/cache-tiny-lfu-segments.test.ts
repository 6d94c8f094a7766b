import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TinyLfuSegments } from '../../src/cache/tiny-lfu-segments.js';
import { runs } from '../support/runs.js';

const MOST = 15;

/** The lists of a W-TinyLFU cache in arrays, newest entries first. */
class NaiveSegments {
  readonly window: number[] = [];
  readonly probation: number[] = [];
  readonly protectedOnes: number[] = [];
  readonly unseen = new Map<number, number>();
  /** The uses that the cache has reported to the sketch, by slot. */
  readonly reported = new Map<number, number>();
  #windowMax = 1;
  #protectedMax = 0;
  #limits = '';

  get size(): number {
    return this.unseen.size;
  }

  get order(): number[] {
    return [...this.protectedOnes, ...this.window, ...this.probation];
  }

  setLimits(full: number, share: number): void {
    if (this.#limits === `${full} ${share}`) return;
    const isOtherShare = this.#limits.split(' ')[1] !== `${share}`;
    this.#limits = `${full} ${share}`;
    this.#windowMax = Math.max(1, Math.round(share * full));
    this.#protectedMax = Math.floor(0.8 * (full - this.#windowMax));
    this.#trim();
    this.#drain();
    while (isOtherShare && this.window.length < this.#windowMax && this.probation.length > 0) {
      this.window.push(this.probation.shift()!);
    }
  }

  add(slot: number): void {
    this.window.unshift(slot);
    this.unseen.set(slot, 0);
    this.#drain();
  }

  use(slot: number): void {
    this.unseen.set(slot, Math.min(MOST, this.unseen.get(slot)! + 1));
  }

  remove(slot: number): void {
    this.#wasUsed(slot);
    for (const list of [this.window, this.probation, this.protectedOnes]) {
      if (list.includes(slot)) list.splice(list.indexOf(slot), 1);
    }
    this.unseen.delete(slot);
  }

  victim(estimate: (slot: number) => number, spared: number): number {
    this.#passUsed(this.window);
    this.#passUsedOnProbation();
    if (this.probation.length === 0) this.#passUsed(this.protectedOnes);
    const last = (list: number[]) => list.filter((slot, at) => slot !== spared || at < list.length - 1).at(-1) ?? 0;
    const candidate = last(this.window);
    const oldest = last(this.probation) || last(this.protectedOnes);
    if (oldest === 0 || (candidate !== 0 && estimate(candidate) <= estimate(oldest))) return candidate;
    if (candidate !== 0) {
      this.window.splice(this.window.indexOf(candidate), 1);
      this.probation.unshift(candidate);
    }
    return oldest;
  }

  promote(estimate: (slot: number) => number, frequency: number, mainMax: number): void {
    while (this.size - this.window.length < mainMax && this.window.length > 1) {
      this.#passUsed(this.window);
      if (estimate(this.window.at(-1)!) < frequency) return;
      this.probation.unshift(this.window.pop()!);
    }
  }

  #wasUsed(slot: number): boolean {
    const uses = this.unseen.get(slot)!;
    if (uses > 0) this.reported.set(slot, (this.reported.get(slot) ?? 0) + uses);
    this.unseen.set(slot, 0);
    return uses > 0;
  }

  #passUsed(list: number[]): void {
    while (list.length > 0 && this.#wasUsed(list.at(-1)!)) list.unshift(list.pop()!);
  }

  #passUsedOnProbation(): void {
    while (this.probation.length > 0 && this.#wasUsed(this.probation.at(-1)!)) {
      this.protectedOnes.unshift(this.probation.pop()!);
      this.#trim();
    }
  }

  #trim(): void {
    while (this.protectedOnes.length > this.#protectedMax) {
      this.#passUsed(this.protectedOnes);
      this.probation.unshift(this.protectedOnes.pop()!);
    }
  }

  #drain(): void {
    while (this.window.length > this.#windowMax) {
      this.#passUsed(this.window);
      this.probation.unshift(this.window.pop()!);
    }
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('request' as const), slot: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'use 20 times' as const), slot: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const), spares: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      full: fc.integer({ min: 1, max: 24 }),
      share: fc.constantFrom(0.01, 0.2, 0.35, 0.99),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('promote' as const), frequency: fc.nat(6), most: fc.nat(20) }) },
);

describe('TinyLfuSegments', () => {
  it('TinyLfuSegments orders, reports and evicts entries as a naive model does', () => {
    const happened = { evictions: 0, reports: 0, protections: 0, sampled: 0 };
    const property = fc.property(
      fc.array(step, { minLength: 50, maxLength: 200 }),
      fc.array(fc.nat(15), { minLength: 31, maxLength: 31 }),
      (steps, estimates) => {
        const reported = new Map<number, number>();
        const real = new TinyLfuSegments((hash, uses) => reported.set(hash, (reported.get(hash) ?? 0) + uses));
        const naive = new NaiveSegments();
        const estimate = (slot: number) => estimates[slot]!;
        const sketch = { estimate };
        let isOdd = false;
        real.grow(30);
        const evict = (spared: number) => {
          const slot = real.victim(sketch, spared);
          expect(slot).toBe(naive.victim(estimate, spared));
          for (const one of [real, naive]) one.remove(slot);
          happened.evictions++;
        };
        for (const one of [real, naive]) one.setLimits(12, 0.35);
        for (const each of steps) {
          const slots = naive.order;
          if (each.do === 'request') {
            if (slots.includes(each.slot)) for (const one of [real, naive]) one.use(each.slot);
            else {
              if (slots.length >= 16) evict(0);
              real.add(each.slot, each.slot, isOdd); // the hash of a slot is its number here
              naive.add(each.slot);
            }
          } else if (each.do === 'limit') for (const one of [real, naive]) one.setLimits(each.full, each.share);
          else if (each.do === 'promote') {
            real.promote(sketch, each.frequency, each.most);
            naive.promote(estimate, each.frequency, each.most);
          } else if (each.do === 'evict') {
            const spared = each.spares ? (slots.at(-1) ?? 0) : 0;
            if (slots.length > (each.spares ? 1 : 0)) evict(spared);
          } else if (slots.length > 0) {
            const slot = slots[each.slot % slots.length]!;
            if (each.do === 'remove') for (const one of [real, naive]) one.remove(slot);
            else for (let n = 0; n < 20; n++) for (const one of [real, naive]) one.use(slot);
          }
          if (each.do === 'limit') {
            isOdd = each.full % 2 === 1;
            const wanted = isOdd;
            real.sample((hash) => (hash % 2 === 1) === wanted);
            happened.sampled += naive.size;
          }
          expect([...real.slots()]).toEqual(naive.order);
          expect(real.size).toBe(naive.size);
          expect(new Map(naive.order.map((slot) => [slot, real.unseenUsesOf(slot)]))).toEqual(
            new Map(naive.order.map((slot) => [slot, naive.unseen.get(slot)])),
          );
          happened.protections += naive.protectedOnes.length;
        }
        expect(reported).toEqual(naive.reported);
        happened.reports += reported.size;
      },
    );
    fc.assert(property, { numRuns: runs(1000) });
    expect(Math.min(...Object.values(happened))).toBeGreaterThan(runs(1000));
  });
});
