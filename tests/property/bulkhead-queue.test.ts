import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Waiter, WaitingQueue } from '../../src/bulkhead/waiting-queue.js';
import { AbortScope } from '../../src/core/abort-scope.js';
import { runs } from '../support/runs.js';

type Step =
  | { readonly do: 'join'; readonly priority: number }
  | { readonly do: 'admit first' }
  /** The waiter leaves the queue from any position. */
  | { readonly do: 'abort' | 'refuse'; readonly index: number };

const priority = fc.oneof(
  fc.constantFrom(5, 5, 1, 9, 0, -0),
  fc.integer({ min: -20, max: 20 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const index = fc.nat(500);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('join' as const), priority }) },
  { weight: 2, arbitrary: fc.constant({ do: 'admit first' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'refuse' as const), index }) },
);

interface Entry {
  readonly id: number;
  readonly priority: number;
  readonly waiter: Waiter;
  readonly scope: AbortScope;
}

it('The queue admits waiters by priority, then by arrival, with any number of priorities and after any waiter leaves', () => {
  let mostPriorities = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const queue = new WaitingQueue({ timeouts: undefined, onTimeout: () => {} });
      const left: string[] = [];
      const expected: string[] = [];
      let naive: Entry[] = [];
      let joined = 0;
      const take = (entry: Entry, how: string) => {
        naive = naive.filter((one) => one !== entry);
        expected.push(`${entry.id} ${how}`);
      };
      const admitFirst = () => {
        queue.first?.admit();
        const [first] = naive;
        if (first !== undefined) take(first, 'admitted');
      };
      for (const each of steps) {
        if (each.do === 'join') {
          const id = joined++;
          const scope = new AbortScope();
          const waiter = new Waiter(
            () => left.push(`${id} admitted`),
            (reason) => left.push(`${id} ${reason}`),
            () => {},
          );
          queue.push(waiter.follow(scope), each.priority);
          naive.push({ id, priority: each.priority, waiter, scope });
          naive.sort((a, b) => a.priority - b.priority || a.id - b.id);
        } else if (each.do === 'admit first') {
          admitFirst();
        } else {
          const entry = naive[each.index % Math.max(1, naive.length)];
          if (entry === undefined) continue;
          if (each.do === 'abort') entry.scope.abort('aborted');
          else entry.waiter.reject('refused');
          take(entry, each.do === 'abort' ? 'aborted' : 'refused');
        }
        mostPriorities = Math.max(mostPriorities, new Set(naive.map((entry) => entry.priority)).size);
        expect([queue.size, queue.first === naive[0]?.waiter]).toEqual([naive.length, true]);
      }
      for (let waiting = queue.size; waiting > 0; waiting--) admitFirst();
      expect(left).toEqual(expected);
      expect([queue.first, naive]).toEqual([undefined, []]);
    }),
    { numRuns: runs(300) },
  );
  expect(mostPriorities).toBeGreaterThan(40); // the heap had several levels
});
