import { definePolicy } from 'breakwater';
import { type WriteThrough, writeAround, writeThrough } from 'breakwater/cache-writers';
import { loadingCache } from 'breakwater/loading-cache';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { type Fate, Issued, RecordedStore } from './models/recorded-store.js';

const key = fc.constantFrom('a', 'b');

type Command =
  | { readonly do: 'set' | 'delete' | 'read'; readonly key: string }
  | { readonly do: 'abort'; readonly caller: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), caller: fc.nat(3) }) },
);
const step = fc.record({ commands: fc.array(command, { maxLength: 4 }), settlements: fc.nat(2) });
const fate: fc.Arbitrary<Fate> = fc.constantFrom('done', 'done', 'failed', 'done but failed');

it('after all calls have settled, the cache has the value of the store or no value, through any failures, aborts and late results', async () => {
  using uncaught = catchUncaught();
  const seen = { kept: 0, dropped: 0, failed: 0, aborted: 0, queued: 0, fulfilled: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        order: fc.constantFrom('store-first' as const, 'both' as const, 'around' as const),
        kind: fc.constantFrom('remote', 'loading'),
        isImpatient: fc.boolean(),
      }),
      fc.array(fate, { minLength: 1, maxLength: 6 }),
      fc.array(step, { maxLength: 12, size: 'max' }),
      fc.scheduler(),
      async ({ order, kind, isImpatient }, fates, steps, scheduler) => {
        const issued = new Issued();
        const store = new RecordedStore(issued);
        const callers: ReturnType<typeof countingController>[] = [];
        let calls = 0;
        const later = (what: string) => scheduler.schedule(Promise.resolve(), what);

        const held = new Map<string, number>();
        const remote = {
          set: (key: string, value: number) => later('cache').then(() => held.set(key, value)),
          delete: (key: string) => later('cache').then(() => held.delete(key)),
        };
        const loading = loadingCache<string, number | undefined>({
          // The load reads before it returns.
          load: async (key) => {
            await later('read');
            const value = store.values.get(key);
            await later('back');
            return value;
          },
          capacity: 10,
        });
        const impatient = definePolicy({
          name: 'impatient',
          run: (next, context) =>
            Promise.race([
              next(context),
              later('patience').then(() => {
                throw new Error('too late');
              }),
            ]),
        });
        const write = async (entry: Parameters<RecordedStore['apply']>[0]) => {
          const fate = fates[calls++ % fates.length]!;
          store.begin([entry]);
          await later('write');
          store.end([entry]);
          if (fate !== 'failed') store.apply(entry);
          if (fate !== 'done') throw new Error(fate);
        };
        const options = {
          cache: kind === 'remote' ? remote : loading,
          write: (key: string, value: number) => write({ type: 'set', key, value }),
          remove: (key: string) => write({ type: 'delete', key }),
          policy: isImpatient ? impatient : undefined,
        };
        const writer: WriteThrough<string, number> =
          order === 'around' ? writeAround(options) : writeThrough({ ...options, order });

        const run = (each: Command): void => {
          if (each.do === 'read') loading.get(each.key);
          else if (each.do === 'abort') callers[callers.length - 1 - each.caller]?.controller.abort('aborted');
          else {
            const caller = countingController();
            callers.push(caller);
            const { signal } = caller.controller;
            const number = issued.next(each.key, each.do);
            const write =
              each.do === 'set' ? writer.set(each.key, number, { signal }) : writer.delete(each.key, { signal });
            write.then(
              () => {
                seen.fulfilled++;
                const latest = issued.lastLike(each.key, store.values.get(each.key));
                if (latest < number) store.violations.push(`${each.key} ${number} is not in the store`);
              },
              (error) => {
                seen[error === 'aborted' ? 'aborted' : 'failed']++;
              },
            );
          }
        };
        for (const { commands, settlements } of steps) {
          for (const each of commands) run(each);
          seen.queued += callers.length - calls;
          for (let i = 0; i < settlements && scheduler.count() > 0; i++) {
            await scheduler.waitNext(1);
            await settle();
          }
          await settle();
        }
        while (scheduler.count() > 0) {
          await scheduler.waitNext(1);
          await settle();
        }
        expect(store.violations).toEqual([]);
        expect(writer.writing).toBe(0);
        expect(callers.map(({ listeners }) => listeners()).filter(Boolean)).toEqual([]);
        for (const key of ['a', 'b']) {
          const cached = kind === 'remote' ? held.get(key) : loading.peek(key);
          seen[cached === undefined ? 'dropped' : 'kept']++;
          if (cached !== undefined) expect([key, cached]).toEqual([key, store.values.get(key)]);
        }
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  for (const [what, count] of Object.entries(seen)) expect([what, count > runs(40)]).toEqual([what, true]);
}, 120_000);
