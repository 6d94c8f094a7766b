import { type LoadingCache, loadingCache } from 'breakwater/loading-cache';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { type Fate, NaiveLoadingCache, type NaiveRules } from './models/naive-loading-cache.js';

const KEYS = ['a', 'ab', 'b'];
const key = fc.constantFrom(...KEYS);
const tag = fc.constantFrom('s', 't');
const tags = fc.subarray(['s', 't']);
const wait = fc.constantFrom(0, 5, 10, 20, 30);

type Command =
  | { readonly do: 'get' | 'refresh' | 'delete' | 'expire'; readonly key: string }
  | { readonly do: 'set'; readonly key: string; readonly tags: readonly string[] }
  | { readonly do: 'clear' }
  | {
      readonly do: 'invalidate';
      readonly verb: 'delete' | 'expire';
      readonly kind: 'tag' | 'prefix';
      readonly text: string;
    }
  | { readonly do: 'abort'; readonly reader: number };

/** Commands of one turn without a microtask between them. Afterwards one load may end, and time may pass. */
interface Step {
  readonly commands: readonly Command[];
  readonly settles: boolean;
  readonly wait: number;
}

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('refresh' as const, 'delete', 'expire'), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set' as const), key, tags }) },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({
        do: fc.constant('invalidate' as const),
        verb: fc.constantFrom('delete' as const, 'expire'),
        kind: fc.constant('tag' as const),
        text: tag,
      }),
      fc.record({
        do: fc.constant('invalidate' as const),
        verb: fc.constantFrom('delete' as const, 'expire'),
        kind: fc.constant('prefix' as const),
        text: fc.constantFrom('a', 'ab', 'b', 'c'),
      }),
    ),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('abort' as const), reader: fc.nat(5) }) },
);
const step: fc.Arbitrary<Step> = fc.record({
  commands: fc.array(command, { maxLength: 4 }),
  settles: fc.boolean(),
  wait: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, wait),
});
const fate: fc.Arbitrary<Fate> = fc.record({ fails: fc.nat(3).map((n) => n === 0), tags });
const rules: fc.Arbitrary<NaiveRules> = fc.record({
  ttl: fc.constantFrom(20, 40, Infinity),
  staleWhileRevalidate: fc.constantFrom(0, 15, 40),
  staleIfError: fc.constantFrom(0, 30),
  negativeTtl: fc.constantFrom(0, 10, 25),
  refreshAhead: fc.constantFrom(0.5, 1),
});

it('every reader of a loading cache receives the result of a cache that runs each command at once, with the same entries', async () => {
  using uncaught = catchUncaught();
  const seen = { stale: 0, again: 0, discarded: 0, aborted: 0, coalesced: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(
      rules,
      fc.array(fate, { minLength: 1, maxLength: 8 }),
      fc.array(step, { maxLength: 25, size: 'max' }),
      fc.scheduler(),
      async (rules, fates, steps, scheduler) => {
        const begun: string[] = [];
        const signals: AbortSignal[] = [];
        const settled: number[] = [];
        let now = 0;
        const cache: LoadingCache<string, string> = loadingCache({
          ...rules,
          refreshAhead: rules.refreshAhead === 1 ? undefined : rules.refreshAhead,
          negativeTtl: () => rules.negativeTtl,
          load: (key: string, { signal }) => {
            const id = begun.length;
            begun.push(key);
            signals.push(signal);
            return scheduler.schedule(Promise.resolve(), `load ${id}`).then(() => {
              settled.push(id);
              if (fates[id % fates.length]!.fails) throw `error ${id}`;
              return `load ${id}`;
            });
          },
          tags: (value) => fates[Number(value.slice(5)) % fates.length]!.tags,
          capacity: 100,
          clock: { now: () => now, setTimeout: () => 0, clearTimeout: () => {} },
        });
        const model = new NaiveLoadingCache(rules, fates);
        const answers = new Map<string, string>();
        const readers: { name: string; controller: AbortController; listeners: () => number }[] = [];

        const read = (start: (name: string, signal: AbortSignal) => Promise<string>): string => {
          const name = `reader ${readers.length}`;
          const { controller, listeners } = countingController();
          readers.push({ name, controller, listeners });
          start(name, controller.signal).then(
            (value) => answers.set(name, value),
            (error) => answers.set(name, error),
          );
          return name;
        };
        const run = (each: Command, number: string): void => {
          if (each.do === 'get') {
            model.get(
              read((_, signal) => cache.get(each.key, { signal })),
              each.key,
            );
          } else if (each.do === 'refresh') {
            model.refresh(
              read((_, signal) => cache.refresh(each.key, { signal })),
              each.key,
            );
          } else if (each.do === 'set') {
            cache.set(each.key, `set ${number}`, { tags: each.tags });
            model.set(each.key, `set ${number}`, each.tags);
          } else if (each.do === 'clear') {
            cache.clear();
            model.clear();
          } else if (each.do === 'invalidate') {
            const match = (each.kind === 'tag' ? { tag: each.text } : { prefix: each.text }) as { tag: string };
            if (each.verb === 'delete') cache.deleteMatching(match);
            else cache.expireMatching(match);
            model.invalidate(each.verb, each.kind, each.text);
          } else if (each.do !== 'abort') {
            cache[each.do](each.key);
            model[each.do](each.key);
          }
        };
        const compare = () => {
          const [actual, expected] = [
            {
              begun,
              answers,
              aborted: signals.flatMap((signal, id) => (signal.aborted ? [id] : [])),
              open: cache.loading,
              values: KEYS.map((key) => cache.peek(key)),
            },
            {
              begun: model.begun,
              answers: model.answers,
              aborted: [...model.aborted].sort((one, other) => one - other),
              open: model.open,
              values: KEYS.map((key) => model.peek(key)),
            },
          ];
          expect(actual).toEqual(expected);
        };
        const settleOne = async () => {
          const before = begun.length;
          await scheduler.waitNext(1);
          await settle();
          for (const id of settled.splice(0)) model.settle(id);
          if (begun.length > before) seen.again++;
          compare();
        };

        for (const [index, { commands, settles, wait }] of steps.entries()) {
          const aborts: string[] = [];
          for (const [n, each] of commands.entries()) {
            if (each.do === 'abort') {
              const reader = readers[readers.length - 1 - each.reader];
              reader?.controller.abort('aborted');
              if (reader !== undefined) aborts.push(reader.name);
            } else run(each, `${index}.${n}`);
          }
          for (const name of aborts) model.abort(name); // an abort takes effect one microtask after the commands
          await settle();
          compare();
          if (settles && scheduler.count() > 0) await settleOne();
          now += wait;
          model.now = now;
        }
        while (scheduler.count() > 0) await settleOne();
        expect(model.waiting).toBe(0);
        expect(answers.size).toBe(readers.length);
        expect(readers.map(({ listeners }) => listeners()).filter((count) => count > 0)).toEqual([]);
        expect(cache.loading).toBe(0);
        const { staleHits, discarded, coalesced, loadFailures } = cache.stats;
        seen.stale += staleHits;
        seen.discarded += discarded;
        seen.coalesced += coalesced;
        seen.failed += loadFailures;
        seen.aborted += model.aborted.size;
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(uncaught.rejections).toEqual([]);
  for (const [what, count] of Object.entries(seen)) expect([what, count > runs(40)]).toEqual([what, true]);
}, 120_000);
