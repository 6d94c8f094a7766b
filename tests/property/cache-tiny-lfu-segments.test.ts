import { TinyLfuCache } from 'breakwater/cache';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

/** The three parts of a TinyLFU cache that has room for all, so that nothing is weighed against anything. */
class Parts {
  #window: number[] = [];
  #probation: number[] = [];
  #protected: number[] = [];
  readonly #windowMax: number;
  readonly #protectedMax: number;

  constructor(capacity: number) {
    this.#windowMax = Math.max(1, Math.round(0.35 * capacity));
    this.#protectedMax = Math.floor(0.8 * (capacity - this.#windowMax));
  }

  use(key: number): void {
    if (this.#window.includes(key)) this.#window = [key, ...without(this.#window, key)];
    else if (this.#protected.includes(key)) this.#protected = [key, ...without(this.#protected, key)];
    else if (this.#probation.includes(key)) {
      this.#probation = without(this.#probation, key);
      this.#protected = [key, ...this.#protected];
      if (this.#protected.length > this.#protectedMax) this.#probation.unshift(this.#protected.pop()!);
    } else {
      this.#window = [key, ...this.#window];
      if (this.#window.length > this.#windowMax) this.#probation.unshift(this.#window.pop()!);
    }
  }

  delete(key: number): void {
    this.#window = without(this.#window, key);
    this.#probation = without(this.#probation, key);
    this.#protected = without(this.#protected, key);
  }

  get order(): number[] {
    return [...this.#protected, ...this.#window, ...this.#probation];
  }
}

const without = (keys: readonly number[], key: number) => keys.filter((one) => one !== key);

describe('TinyLfuCache with room for all', () => {
  it('keeps its three parts as the paper says: window, probation, and what was used there again', () => {
    const step = fc.record({ key: fc.nat(11), verb: fc.integer({ min: 0, max: 30 }) });
    const property = fc.property(
      fc.integer({ min: 12, max: 14 }),
      fc.array(step, { minLength: 100, maxLength: 300 }),
      (capacity, steps) => {
        const cache = new TinyLfuCache<number, number>({ capacity });
        const parts = new Parts(capacity);
        for (const { key, verb } of steps) {
          if (verb === 0) {
            cache.delete(key);
            parts.delete(key);
          } else {
            cache.getOrInsert(key, key);
            parts.use(key);
          }
        }
        expect([...cache.keys()]).toEqual(parts.order);
      },
    );
    fc.assert(property, { numRuns: runs(1000) });
  });
});
