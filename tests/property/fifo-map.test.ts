import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FifoMap } from '../../src/core/fifo-map.js';

const key = fc.constantFrom('a', 'b', 'c', 'd', Number.NaN, 0, -0);
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('look' as const) }),
  fc.record({ kind: fc.constant('take' as const) }),
  fc.record({ kind: fc.constant('clear' as const) }),
);

describe('FifoMap', () => {
  it('a FifoMap has the entries of a list in which each set entry moves to the end, and the first entry is the oldest', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = new FifoMap<unknown, number>();
        let list: [unknown, number][] = [];
        const without = (removed: unknown) => list.filter(([each]) => ![each].includes(removed)); // -0 is 0, as in a Map
        for (const [number, each] of steps.entries()) {
          if (each.kind === 'set') {
            map.set(each.key, number);
            list = [...without(each.key), [each.key === 0 ? 0 : each.key, number]];
          } else if (each.kind === 'delete') {
            expect(map.delete(each.key)).toBe(without(each.key).length < list.length);
            list = without(each.key);
          } else if (each.kind === 'look') expect(map.oldest).toEqual(list[0]);
          else if (each.kind === 'take' && map.oldest !== undefined) {
            map.delete(map.oldest[0]);
            list = list.slice(1);
          } else if (each.kind === 'clear') {
            map.clear();
            list = [];
          }
          expect([map.size, [...map.keys()]]).toEqual([list.length, list.map(([it]) => it)]);
        }
        expect(map.oldest).toEqual(list[0]);
        for (const [it, value] of list) expect([map.has(it), map.get(it)]).toEqual([true, value]);
      }),
      { numRuns: 300 },
    );
  });
});
