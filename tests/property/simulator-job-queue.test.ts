/** The queue of a simulated server behaves like an array, and its cost per item does not depend on its length. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/simulator/job-queue.js';
import { runs } from '../support/runs.js';

const commands = fc.array(fc.constantFrom('push', 'push', 'push', 'shift', 'pop'), { maxLength: 200 });

describe('JobQueue', () => {
  it('items leave as they leave an array', () => {
    fc.assert(
      fc.property(commands, (names) => {
        const queue = new JobQueue<number>();
        const model: number[] = [];
        for (const [index, name] of names.entries()) {
          if (name === 'push') {
            queue.push(index);
            model.push(index);
          } else expect(queue[name as 'shift' | 'pop']()).toBe(model[name as 'shift' | 'pop']());
          expect(queue.size).toBe(model.length);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it('a million items pass through in arrival order', () => {
    const queue = new JobQueue<number>();
    for (let item = 0; item < 1_000_000; item++) queue.push(item);
    let outOfOrder = 0;
    for (let item = 0; item < 1_000_000; item++) if (queue.shift() !== item) outOfOrder++;
    expect([outOfOrder, queue.size, queue.shift()]).toEqual([0, 0, undefined]);
  });
});
