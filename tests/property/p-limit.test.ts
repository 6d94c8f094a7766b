import { bulkhead } from 'breakwater/bulkhead';
import fc from 'fast-check';
import pLimit from 'p-limit';
import { expect, it } from 'vitest';
import { microtasks, settle, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';

interface Task {
  readonly fails: boolean;
  /** Whether the task submits another one when it ends. */
  readonly leavesAnother: boolean;
}

type Step =
  | { readonly do: 'submit'; readonly tasks: readonly Task[] }
  /** One running task ends, in the order of the scheduler. A new task arrives `after` microtasks later. */
  | { readonly do: 'end'; readonly newcomer: Task | undefined; readonly after: number }
  | { readonly do: 'resize'; readonly to: number };

const task = fc.record({ fails: fc.boolean(), leavesAnother: fc.nat(5).map((n) => n === 0) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('submit' as const), tasks: fc.array(task, { minLength: 1, maxLength: 6 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      newcomer: fc.option(task, { nil: undefined }),
      after: fc.nat(12),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 6 }) }) },
);

/** The operations that p-limit and the bulkhead have in common. */
interface Limiter {
  run(task: () => Promise<unknown>): Promise<unknown>;
  resize(to: number): void;
  counts(): [active: number, waiting: number];
}

function bulkheadLimiter(maxConcurrent: number): Limiter {
  const policy = bulkhead({ maxConcurrent, maxQueue: Infinity });
  return {
    run: (operation) => policy.execute(operation),
    resize: (to) => policy.resize(to),
    counts: () => [policy.active, policy.queued],
  };
}

function peerLimiter(maxConcurrent: number): Limiter {
  const limit = pLimit(maxConcurrent);
  return {
    run: (operation) => limit(operation),
    resize(to) {
      limit.concurrency = to;
    },
    counts: () => [limit.activeCount, limit.pendingCount],
  };
}

it('p-limit and the bulkhead start the same tasks in the same order for any order of ends', async () => {
  let [queued, resized, newcomers] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { maxLength: 30, size: 'max' }),
      fc.scheduler(),
      async (maxConcurrent, steps, scheduler) => {
        const gates = new Map<string, Promise<unknown>>();
        /** One gate for both sides, so that a task ends on both at the same time. */
        const gateOf = (name: string) => {
          const gate = gates.get(name) ?? scheduler.schedule(Promise.resolve(), name);
          gates.set(name, gate);
          return gate;
        };
        const sides = [bulkheadLimiter, peerLimiter].map((make) => ({
          limiter: make(maxConcurrent),
          started: [] as string[],
          ended: [] as string[],
        }));
        const submit = (side: (typeof sides)[number], name: string, { fails, leavesAnother }: Task): void => {
          const result = side.limiter.run(async () => {
            side.started.push(name);
            await gateOf(name);
            if (leavesAnother) submit(side, `${name}'s`, { fails, leavesAnother: false });
            if (fails) throw new Error(name);
          });
          watch(result.finally(() => side.ended.push(name)));
        };
        const submitToAll = (name: string, each: Task) => {
          for (const side of sides) submit(side, name, each);
        };
        const compare = () => {
          const [one, other] = sides.map(({ limiter, started, ended }) => [started, ended, limiter.counts()]);
          expect(one).toEqual(other);
        };

        for (const [index, each] of steps.entries()) {
          if (each.do === 'submit') {
            for (const [n, one] of each.tasks.entries()) submitToAll(`${index}.${n}`, one);
          } else if (each.do === 'resize') {
            resized++;
            for (const { limiter } of sides) limiter.resize(each.to);
          } else if (scheduler.count() > 0) {
            const waited = scheduler.waitNext(1);
            await microtasks(each.after);
            if (each.newcomer !== undefined) newcomers++;
            if (each.newcomer !== undefined) submitToAll(`${index}`, each.newcomer);
            await waited;
          }
          await settle();
          compare();
          if ((sides[0]?.limiter.counts()[1] ?? 0) > 0) queued++;
        }
        while (scheduler.count() > 0) {
          await scheduler.waitNext(1);
          await settle();
          compare();
        }
        expect(sides[0]?.limiter.counts()).toEqual([0, 0]);
        expect(sides[0]?.ended).toHaveLength(gates.size);
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(Math.min(queued, resized, newcomers)).toBeGreaterThan(runs(500)); // queueing, resizing and new tasks were compared
});
