import {
  constantBackoff,
  type JournalAck,
  type JournalEntry,
  type WriteBehindEvents,
  type WriteBehindOptions,
  type WriteContext,
  type WriteEntry,
  writeBehind,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { type Deferred, defer } from '../support/promises.js';

export type Options = Partial<WriteBehindOptions<string, string>>;

interface ManyCall extends Deferred<unknown> {
  readonly entries: readonly WriteEntry<string, string>[];
  readonly context: WriteContext;
}

const EVENTS = ['batch', 'failure', 'lost', 'cacheError', 'journalError'] as const;

/** A writer whose calls the test ends by hand. */
export function setUp(options: Options = {}) {
  const clock = new TestClock();
  const cache = new Map<string, string>();
  const calls: ManyCall[] = [];
  const writer = writeBehind<string, string>({
    ...(options.write === undefined && {
      writeMany: (entries: readonly WriteEntry<string, string>[], context: WriteContext) => {
        const call = { entries, context, ...defer() };
        calls.push(call);
        return call.promise;
      },
    }),
    cache,
    backoff: constantBackoff(100),
    clock,
    ...options,
  });
  const told: unknown[][] = [];
  for (const event of EVENTS) {
    writer.on(event, (it: WriteBehindEvents<string, string>[typeof event]) => told.push([event, it]));
  }
  /** What each call was given: `a=1` for a set, `a` for a deletion. */
  const written = () => calls.map(({ entries }) => entries.map(show).join(' '));
  return { clock, cache, calls, writer, told, written };
}

const show = (write: WriteEntry<string, string>) => (write.type === 'set' ? `${write.key}=${write.value}` : write.key);

/** A journal whose calls the test ends by hand. */
export function heldJournal() {
  const calls: (Deferred<void> & { readonly what: string })[] = [];
  const hold = (what: string) => {
    const call = { what, ...defer<void>() };
    calls.push(call);
    return call.promise;
  };
  return {
    calls,
    append: (entries: readonly JournalEntry<string, string>[]) =>
      hold(`append ${entries.map((entry) => `${entry.number}:${show(entry)}`).join(' ')}`),
    ack: (acks: readonly JournalAck<string>[]) =>
      hold(`ack ${acks.map(({ key, number }) => `${key}≤${number}`).join(' ')}`),
  };
}
