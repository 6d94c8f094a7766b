import { bulkhead } from 'breakwater/bulkhead';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

type Step =
  | { readonly do: 'call'; readonly priority: number }
  | { readonly do: 'acquire'; readonly priority: number }
  | { readonly do: 'tryAcquire' }
  | { readonly do: 'end' | 'fail' | 'abort'; readonly index: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'wait'; readonly ms: number };

const index = fc.nat(30);
const priority = fc.constantFrom(5, 5, 5, 1, 9);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), priority }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acquire' as const), priority }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tryAcquire' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'fail' as const, 'abort' as const), index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 120 }) }) },
);

/** One call in the naive model: a bulkhead written with an array, which is easy to believe. */
interface Entry {
  readonly id: number;
  readonly priority: number;
  readonly deadline: number;
  status: 'queued' | 'running' | 'over';
  end(how: 'end' | 'fail'): void;
  abort(): void;
}

it('behaves like a naive model, whatever is called, ended, aborted, resized and timed out, in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(step, { maxLength: 60 }),
      async (maxConcurrent, maxQueue, steps) => {
        const clock = new TestClock();
        const policy = bulkhead({ maxConcurrent, maxQueue, queueTimeout: 100, clock });
        const model: Entry[] = [];
        const calls = new Set<number>();
        let limit = maxConcurrent;
        const started: number[] = [];
        const expected: number[] = [];
        const isCall = (id: number) => calls.has(id);
        const of = (status: Entry['status']) => model.filter((entry) => entry.status === status);
        const start = (entry: Entry) => {
          entry.status = 'running';
          expected.push(entry.id);
        };
        const fill = () => {
          while (of('running').length < limit) {
            const [next] = of('queued').sort((a, b) => a.priority - b.priority || a.id - b.id);
            if (next === undefined) return;
            start(next);
          }
        };

        for (const each of steps) {
          if (each.do === 'call' || each.do === 'acquire' || each.do === 'tryAcquire') {
            const id = model.length;
            const controller = new AbortController();
            let finish: (how: 'end' | 'fail') => void = () => {};
            const options = { signal: controller.signal, priority: 'priority' in each ? each.priority : 5 };
            if (each.do === 'call') {
              calls.add(id);
              watch(
                policy.execute(() => {
                  started.push(id);
                  return new Promise((resolve, reject) => {
                    finish = (how) => (how === 'end' ? resolve(id) : reject(new Error(`${id}`)));
                  });
                }, options),
              );
            } else {
              const hold = (permit: { release(): void } | undefined) => {
                if (permit === undefined) return;
                started.push(id);
                finish = () => permit.release();
              };
              if (each.do === 'tryAcquire') hold(policy.tryAcquire());
              else policy.acquire(options).then(hold, () => {});
            }
            const isAccepted =
              of('running').length < limit || (each.do !== 'tryAcquire' && of('queued').length < maxQueue);
            const entry: Entry = {
              id,
              priority: options.priority,
              deadline: clock.now() + 100,
              status: isAccepted ? 'queued' : 'over',
              end: (how) => finish(how),
              // An acquired permit has left the signal's reach; a call has not.
              abort: () => (each.do === 'call' || entry.status === 'queued' ? controller.abort() : finish('end')),
            };
            model.push(entry);
            fill();
          } else if (each.do === 'resize') {
            policy.resize(each.to);
            limit = each.to;
            fill();
          } else if (each.do === 'wait') {
            const until = clock.now() + each.ms;
            for (const entry of of('queued')) if (entry.deadline <= until) entry.status = 'over';
            await clock.advance(each.ms);
          } else {
            const candidates = each.do === 'abort' ? [...of('running'), ...of('queued')] : of('running');
            const entry = candidates[each.index % Math.max(1, candidates.length)];
            if (entry === undefined) continue;
            if (each.do === 'abort') entry.abort();
            else entry.end(each.do);
            entry.status = 'over';
            await settle();
            fill();
          }
          await settle();
          // Permits reach their holders a few microtasks later than operations start: among those let in at once, only
          // the order of the calls can be seen.
          expect(started.filter(isCall)).toEqual(expected.filter(isCall));
          expect([...started].sort()).toEqual([...expected].sort());
          expect([policy.active, policy.queued]).toEqual([of('running').length, of('queued').length]);
        }

        // In the end every slot comes back.
        while (of('running').length > 0) {
          for (const entry of of('running')) {
            entry.end('end');
            entry.status = 'over';
          }
          await settle();
          fill();
        }
        expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
      },
    ),
    { numRuns: 300 },
  );
});
