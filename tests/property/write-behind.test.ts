import { ClosedError, definePolicy, LostWritesError } from 'breakwater';
import {
  type JournalAck,
  type JournalEntry,
  type WriteBehindOptions,
  type WriteEntry,
  writeBehind,
} from 'breakwater/cache-writers';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { type Fate, Issued, RecordedJournal, RecordedStore } from './models/recorded-store.js';

const KEYS = ['a', 'b', 'c', 'd'];
const key = fc.constantFrom(...KEYS);

type Command =
  | { readonly do: 'set' | 'delete' | 'read'; readonly key: string }
  | { readonly do: 'abort'; readonly caller: number }
  | { readonly do: 'flush' }
  | { readonly do: 'close'; readonly timeout: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('set' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), caller: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
);
/** Commands of one turn. Afterwards the given number of promises settle, and time passes. */
const step = fc.record({
  commands: fc.array(command, { maxLength: 4 }),
  settlements: fc.nat(2),
  wait: fc.constantFrom(0, 0, 5, 10, 40),
});
const fate: fc.Arbitrary<Fate> = fc.constantFrom('done', 'done', 'failed', 'done but failed', 'one failed');
const rules = fc.record({
  maxBatch: fc.constantFrom(1, 2, 3, 100),
  maxPending: fc.constantFrom(1, 2, 3, Infinity),
  flushEvery: fc.constantFrom(0, 10, 30),
  concurrency: fc.constantFrom(1, 2, 3),
  maxAttempts: fc.constantFrom(1, 2, Infinity),
  atLimit: fc.constantFrom('wait' as const, 'reject'),
  hasJournal: fc.boolean(),
  isImpatient: fc.boolean(),
  isSingle: fc.boolean(),
  end: fc.constantFrom('close', 'crash', 'give up'),
});

it('no accepted write is lost or reverted, and no key is written twice at once, through any failures, late results and crashes', async () => {
  using uncaught = catchUncaught();
  const seen = { retries: 0, coalesced: 0, lost: 0, waited: 0, recovered: 0, late: 0, flushed: 0, read: 0, gaveUp: 0 };
  await fc.assert(
    fc.asyncProperty(
      rules,
      fc.array(fate, { minLength: 1, maxLength: 8 }),
      fc.array(step, { maxLength: 15, size: 'max' }),
      fc.scheduler(),
      async ({ hasJournal, isImpatient, isSingle, end, ...options }, fates, steps, scheduler) => {
        let clock = new TestClock();
        const issued = new Issued();
        const store = new RecordedStore(issued);
        const journal = new RecordedJournal();
        const cache = new Map<string, number>();
        const accepted = new Map<string, number>();
        const lost = new Map<string, number>();
        const callers: ReturnType<typeof countingController>[] = [];
        let calls = 0;
        let isWorking = false;
        let generation = 1;
        const fateOf = () => (isWorking ? 'done' : fates[calls++ % fates.length]!);
        const later = (what: string) => scheduler.schedule(Promise.resolve(), what);

        /** A crashed process no longer writes. */
        const writeAll = async (mine: number, entries: readonly WriteEntry<string, number>[]) => {
          if (generation !== mine) return new Promise<never>(() => {});
          const fate = fateOf();
          store.begin(entries);
          await later('write');
          if (generation !== mine) return new Promise<never>(() => {});
          store.end(entries);
          const failing = fate === 'one failed' ? entries[0] : undefined;
          if (fate !== 'failed') for (const entry of entries) if (entry !== failing) store.apply(entry);
          if (fate === 'failed' || fate === 'done but failed') throw new Error(fate);
          if (failing === undefined) return undefined;
          if (isSingle) throw new Error(fate);
          return calls % 2 === 0
            ? entries.map((entry) => (entry === failing ? new Error(fate) : undefined))
            : new Map([[failing.key, new Error(fate)]]);
        };
        const record = async (mine: number, lines: readonly (JournalEntry<string, number> | JournalAck<string>)[]) => {
          const fate = fateOf();
          await later('journal');
          if (generation !== mine) return new Promise<never>(() => {});
          if (fate !== 'failed') journal.add(lines);
          if (fate !== 'done') throw new Error(fate);
          return undefined;
        };
        const impatient = definePolicy({
          name: 'impatient',
          run: (next, context) => {
            if (isWorking) return next(context);
            const gaveUp = later('patience').then(() => {
              throw new Error('too late');
            });
            return Promise.race([next(context), gaveUp]);
          },
        });
        const make = (initial: JournalEntry<string, number>[]) => {
          const mine = generation;
          clock = new TestClock();
          const made = writeBehind<string, number>({
            ...options,
            ...(isSingle
              ? {
                  write: (key: string, value: number) => writeAll(mine, [{ type: 'set', key, value }]),
                  remove: (key: string) => writeAll(mine, [{ type: 'delete', key }]),
                }
              : { writeMany: (entries: readonly WriteEntry<string, number>[]) => writeAll(mine, entries) }),
            cache,
            backoff: ({ attempt }) => attempt * 7,
            policy: isImpatient ? impatient : undefined,
            journal: hasJournal
              ? { append: (lines) => record(mine, lines), ack: (acks) => record(mine, acks) }
              : undefined,
            initial,
            clock,
          } satisfies WriteBehindOptions<string, number>);
          made.on('lost', (write) => {
            seen.lost++;
            const number = write.type === 'set' ? write.value : issued.lastLike(write.key, undefined);
            lost.set(write.key, Math.max(number, lost.get(write.key) ?? 0));
          });
          return made;
        };
        let writer = make([]);
        const read = writer.readYourWrites((key: string) => later('load').then(() => store.values.get(key)!), {
          onDeleted: () => 'deleted',
        });

        const run = (each: Command): void => {
          if (each.do === 'set' || each.do === 'delete') {
            const number = issued.next(each.key, each.do);
            const caller = countingController();
            callers.push(caller);
            const { signal } = caller.controller;
            const write =
              each.do === 'set' ? writer.set(each.key, number, { signal }) : writer.delete(each.key, { signal });
            const now = generation;
            write.then(
              () => {
                if (now === generation) accepted.set(each.key, Math.max(number, accepted.get(each.key) ?? 0));
              },
              () => {},
            );
          } else if (each.do === 'read') {
            const least = accepted.get(each.key) ?? 0;
            read(each.key, undefined).then((value) => {
              seen.read++;
              const isOlder =
                typeof value === 'number'
                  ? value < least
                  : value === undefined && issued.lastLike(each.key, undefined) < least;
              if (isOlder && !lost.has(each.key))
                store.violations.push(`${each.key} is read as ${value}, older than ${least}`);
            });
          } else if (each.do === 'flush') {
            const least = new Map(accepted);
            writer.flush().then(
              () => {
                seen.flushed++;
                for (const [key, number] of least) {
                  const isThere = issued.lastLike(key, store.values.get(key)) >= number;
                  if (!isThere && !lost.has(key)) store.violations.push(`flushed without ${key} ${number}`);
                }
              },
              (error) => {
                const isGivenUp = end === 'give up' && error instanceof ClosedError;
                if (!isGivenUp && !(error instanceof LostWritesError)) store.violations.push(`flush: ${error}`);
              },
            );
          } else if (each.do === 'abort') callers[callers.length - 1 - each.caller]?.controller.abort('aborted');
        };
        const settleOne = async () => {
          if (scheduler.count() > 0) await scheduler.waitNext(1);
          await settle();
        };
        const finish = async (closing: Promise<void>) => {
          let isOver = false;
          const over = closing
            .catch((error) => expect(error).toBeInstanceOf(LostWritesError))
            .finally(() => {
              isOver = true;
            });
          for (let turn = 0; !isOver; turn++) {
            if (turn > 1000) throw new Error('it does not close');
            await settleOne();
            await clock.advance(5);
          }
          await over;
        };

        for (const { commands, settlements, wait } of steps) {
          for (const each of commands) run(each);
          for (let i = 0; i < settlements; i++) await settleOne();
          await clock.advance(wait);
          expect(writer.pending).toBeLessThanOrEqual(options.maxPending);
          const { accepted, written, coalesced, lost, waiting, retries } = writer.stats;
          expect(accepted - written - coalesced - lost).toBeGreaterThanOrEqual(0);
          seen.waited += waiting;
          seen.retries += retries;
          seen.late += scheduler.count();
        }
        seen.coalesced += writer.stats.coalesced;
        if (end === 'crash') {
          generation++;
          isWorking = true;
          store.forgetWriters();
          cache.clear();
          const initial = journal.replay();
          seen.recovered += initial.length;
          writer = make(initial);
          await finish(writer.close());
        } else if (end === 'give up') {
          await finish(writer.close({ timeout: 20 }));
          seen.gaveUp += lost.size;
        } else {
          isWorking = calls % 2 === 0;
          const closing = writer.close();
          setImmediate(() => {
            isWorking = true;
          });
          await finish(closing);
          const { accepted, written, coalesced, lost, waiting } = writer.stats;
          expect(accepted).toBe(written + coalesced + lost);
          expect([waiting, writer.pending]).toEqual([0, 0]);
        }
        await clock.advance(0);
        expect(store.violations).toEqual([]);
        expect(clock.pendingTimers).toBe(0);
        if (end !== 'crash')
          for (const [key, value] of cache) expect([key, value]).toEqual([key, store.values.get(key)]);
        if (end !== 'crash' || hasJournal) {
          for (const [key, number] of accepted) {
            const there = Math.max(issued.lastLike(key, store.values.get(key)), lost.get(key) ?? 0);
            expect([key, there >= number]).toEqual([key, true]);
          }
        }
        for (let i = 0; scheduler.count() > 0 && i < 100; i++) await settleOne();
        expect(store.violations).toEqual([]);
        if (end !== 'crash') expect(callers.map(({ listeners }) => listeners()).filter(Boolean)).toEqual([]);
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  for (const [what, count] of Object.entries(seen)) expect([what, count > runs(40)]).toEqual([what, true]);
}, 240_000);
