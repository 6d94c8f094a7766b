import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('set' as const), ms: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('clear' as const), pick: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat(10) }) },
);

it('TestClock fires timers in the order of a sorted list, with any timers set and cleared', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const clock = new TestClock();
      const fired: [id: number, at: number][] = [];
      const expected: typeof fired = [];
      const handles: unknown[] = [];
      let armed: { readonly id: number; readonly due: number }[] = [];
      for (const each of steps) {
        if (each.do === 'set') {
          const id = handles.length;
          armed.push({ id, due: clock.now() + each.ms });
          handles.push(clock.setTimeout(() => fired.push([id, clock.now()]), each.ms));
        } else if (each.do === 'clear' && handles.length > 0) {
          const id = each.pick % handles.length;
          armed = armed.filter((timer) => timer.id !== id);
          clock.clearTimeout(handles[id]);
        } else if (each.do === 'advance') {
          const end = clock.now() + each.ms;
          const due = armed.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due || a.id - b.id);
          armed = armed.filter((timer) => timer.due > end);
          expected.push(...due.map(({ id, due }) => [id, due] as [number, number]));
          await clock.advance(each.ms);
        }
        expect(clock.pendingTimers).toBe(armed.length);
      }
      expect(fired).toEqual(expected);
    }),
    { numRuns: runs(200) },
  );
});
