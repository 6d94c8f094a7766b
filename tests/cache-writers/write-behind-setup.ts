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

/** A writer whose calls the test settles through `calls`. */
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
  const events: unknown[][] = [];
  for (const name of EVENTS) {
    writer.on(name, (event: WriteBehindEvents<string, string>[typeof name]) => events.push([name, event]));
  }
  /** The entries of each call: `a=1` for a set, `a` for a deletion. */
  const written = () => calls.map(({ entries }) => entries.map(formatWrite).join(' '));
  return { clock, cache, calls, writer, events, written };
}

const formatWrite = (write: WriteEntry<string, string>) =>
  write.type === 'set' ? `${write.key}=${write.value}` : write.key;

/** A journal whose calls the test settles through `calls`. */
export function heldJournal() {
  const calls: (Deferred<void> & { readonly description: string })[] = [];
  const hold = (description: string) => {
    const call = { description, ...defer<void>() };
    calls.push(call);
    return call.promise;
  };
  return {
    calls,
    append: (entries: readonly JournalEntry<string, string>[]) =>
      hold(`append ${entries.map((entry) => `${entry.number}:${formatWrite(entry)}`).join(' ')}`),
    ack: (acks: readonly JournalAck<string>[]) =>
      hold(`ack ${acks.map(({ key, number }) => `${key}≤${number}`).join(' ')}`),
  };
}
