import { AsyncLocalStorage } from 'node:async_hooks';
import {
  constantBackoff,
  definePolicy,
  exponentialBackoff,
  type JournalAck,
  type JournalEntry,
  LostWritesError,
  LruCache,
  loadingCache,
  timeout,
  type WriteBehind,
  type WriteBehindEvents,
  type WriteBehindOptions,
  type WriteContext,
  type WriteEntry,
  writeBehind,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../../support/promises.js';
import { countingController } from '../../support/signals.js';
import { catchUncaught } from '../../support/uncaught.js';

type Options = Partial<WriteBehindOptions<string, string>>;

interface ManyCall extends Deferred<unknown> {
  readonly entries: readonly WriteEntry<string, string>[];
  readonly context: WriteContext;
}

const EVENTS = ['batch', 'failure', 'lost', 'cacheError', 'journalError'] as const;

/** A writer whose calls the test ends by hand. */
function setUp(options: Options = {}) {
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
function heldJournal() {
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

describe('a write', () => {
  it('is accepted at once: pending, and in the cache', async () => {
    const { cache, calls, writer } = setUp();
    const write = writer.set('k', '1');
    expect([cache.get('k'), writer.pending, writer.peek('k')]).toEqual(['1', 1, { type: 'set', key: 'k', value: '1' }]);
    await write;
    const removal = writer.delete('k');
    expect([cache.has('k'), writer.pending, writer.peek('k')]).toEqual([false, 1, { type: 'delete', key: 'k' }]);
    await removal;
    expect(calls).toEqual([]);
  });

  it('is written flushEvery after the first that is pending, with all that came since, the last one of each key', async () => {
    const { clock, calls, writer, written } = setUp({ flushEvery: '1s' });
    expect(clock.pendingTimers).toBe(0);
    await writer.set('a', '1');
    await clock.advance(999);
    await writer.set('b', '2');
    await writer.set('a', '3');
    await writer.delete('b');
    expect([calls.length, clock.pendingTimers]).toEqual([0, 1]);
    await clock.advance(1);
    expect(written()).toEqual(['a=3 b']);
    expect(clock.pendingTimers).toBe(0);
    calls[0]!.resolve(undefined);
    await settle();
    expect([writer.pending, writer.peek('a')]).toEqual([0, undefined]);
    expect(writer.stats).toEqual({
      ...{ accepted: 4, coalesced: 2, written: 2, batches: 1 },
      ...{ failures: 0, retries: 0, lost: 0, waiting: 0 },
    });
    await writer.set('a', '4');
    await clock.advance(999);
    expect(calls.length).toBe(1);
    await clock.advance(1);
    expect(written()).toEqual(['a=3 b', 'a=4']);
  });

  it('is written at once when maxBatch are there, and no call has more', async () => {
    const { calls, writer, written } = setUp({ maxBatch: 2, concurrency: 3 });
    for (const key of ['a', 'b', 'c']) await writer.set(key, '1');
    await settle();
    expect(written()).toEqual(['a=1 b=1']);
    for (const key of ['d', 'e']) writer.set(key, '1');
    await settle();
    expect(written()).toEqual(['a=1 b=1', 'c=1 d=1', 'e=1']);
    for (const call of calls) call.resolve(undefined);
    await settle();
    expect(writer.pending).toBe(0);
  });

  it('waits for no company with a flushEvery of 0, but for the end of the turn', async () => {
    const { calls, writer, written } = setUp({ flushEvery: 0 });
    writer.set('a', '1');
    writer.set('b', '1');
    expect(calls.length).toBe(0);
    await settle();
    expect(written()).toEqual(['a=1 b=1']);
  });

  it('of a key that is being written comes after it, never beside it, and only the last one does', async () => {
    const { calls, writer, written } = setUp({ flushEvery: 0, concurrency: 5 });
    writer.set('a', '1');
    await settle();
    for (const value of ['2', '3', '4']) writer.set('a', value);
    writer.set('b', '1');
    await settle();
    expect(written()).toEqual(['a=1', 'b=1']);
    expect(writer.peek('a')).toMatchObject({ value: '4' });
    calls[0]!.resolve(undefined);
    await settle();
    expect(written()).toEqual(['a=1', 'b=1', 'a=4']);
    expect(writer.pending).toBe(2);
  });

  it('of a key that is being written has waited long enough when the first of those that came meanwhile has', async () => {
    const { calls, clock, writer, written } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    await clock.advance(10);
    writer.set('a', '2');
    await clock.advance(9);
    writer.set('a', '3');
    await clock.advance(1);
    calls[0]!.resolve(undefined);
    await settle();
    expect(written()).toEqual(['a=1', 'a=3']);
  });

  it('goes with others before its time where there is room in a call, and leaves no timer then', async () => {
    const { calls, clock, writer, written } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    await clock.advance(10);
    writer.set('b', '1');
    await clock.advance(15);
    writer.set('c', '1');
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([written(), clock.pendingTimers]).toEqual([['a=1', 'b=1 c=1'], 0]);
  });

  it('takes part in as many calls at once as `concurrency` says', async () => {
    const { calls, writer, written } = setUp({ flushEvery: 0, maxBatch: 1, concurrency: 2 });
    for (const key of ['a', 'b', 'c', 'd']) writer.set(key, '1');
    await settle();
    expect(written()).toEqual(['a=1', 'b=1']);
    calls[1]!.resolve(undefined);
    await settle();
    expect(written()).toEqual(['a=1', 'b=1', 'c=1']);
  });

  it('runs in the async context in which the writer was made', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const see = () => void seen.push(storage.getStore());
    const clock = new TestClock();
    const writer = storage.run('made', () =>
      writeBehind<string, string>({ writeMany: see, journal: { append: see, ack: see }, clock }),
    );
    await storage.run('a', () => writer.set('a', '1'));
    await storage.run('b', () => writer.set('b', '1'));
    await storage.run('timer', () => clock.advance(1000));
    await storage.run('c', () => writer.set('c', '1'));
    await storage.run('flush', () => writer.flush());
    expect(new Set(seen)).toEqual(new Set(['made']));
    expect(seen.length).toBeGreaterThanOrEqual(7);
  });

  it('may be made by whatever the writer calls', async () => {
    const clock = new TestClock();
    let more = 3;
    const again = () => void (more-- > 0 && writer.set(`again ${more}`, '1'));
    const cache = { set: again, delete: again };
    const writer = writeBehind<string, string>({ writeMany: again, cache, clock, flushEvery: 10 });
    writer.on('batch', again);
    await writer.set('k', '1');
    await clock.advance(100);
    expect([writer.pending, writer.stats.written]).toEqual([0, 4]);
  });
});

it('a write that is made while another one is begun is begun as well', async () => {
  const { writer, written, calls } = setUp({ maxBatch: 1, concurrency: 2, flushEvery: '1h' });
  const { push } = calls;
  calls.push = (...made) => {
    if (calls.length === 0) writer.set('b', '1');
    return push.apply(calls, made);
  };
  writer.set('a', '1');
  await settle();
  expect(written()).toEqual(['a=1', 'b=1']);
});

describe('write and remove', () => {
  it('are called for one key at a time, in the order of the keys', async () => {
    const seen: string[] = [];
    const held: Deferred<void>[] = [];
    const hold = (what: string) => {
      seen.push(what);
      const deferred = defer<void>();
      held.push(deferred);
      return deferred.promise;
    };
    const { clock, writer } = setUp({
      write: (key, value) => hold(`${key}=${value}`),
      remove: (key) => hold(key),
      maxBatch: 3,
    });
    for (const key of ['a', 'b', 'c']) writer.set(key, '1');
    writer.delete('b');
    await settle();
    for (let i = 0; i < 3; i++) {
      expect(seen.length).toBe(i + 1);
      held[i]!.resolve();
      await settle();
    }
    expect([seen, writer.pending, clock.pendingTimers]).toEqual([['a=1', 'b', 'c=1'], 0, 0]);
  });

  it('give a policy keys that are strings, and numbers as strings', async () => {
    const keys: unknown[] = [];
    const policy = definePolicy({
      name: 'spy',
      run: (next, context) => {
        keys.push(context.key);
        return next(context);
      },
    });
    const writer = writeBehind<string | number | boolean, string>({ write: () => {}, policy, flushEvery: 0 });
    writer.set('a', '1');
    writer.set(7, '1');
    writer.set(true, '1');
    await writer.close();
    expect(keys).toEqual(['a', '7', undefined]);
  });

  it('without `remove` nothing can be deleted', async () => {
    const { writer } = setUp({ write: () => {} });
    await expect(writer.delete('a')).rejects.toThrow('"remove" is required to delete');
  });
});

describe('a failure', () => {
  it('of a call is one of all its writes: they come back together after the backoff', async () => {
    const { clock, calls, writer, written, told } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    writer.delete('b');
    await clock.advance(10);
    calls[0]!.reject(new Error('down'));
    await settle();
    const error = new Error('down');
    expect(told).toEqual([
      ['failure', { write: { type: 'set', key: 'a', value: '1' }, error, attempt: 1, delayMs: 100 }],
      ['failure', { write: { type: 'delete', key: 'b' }, error, attempt: 1, delayMs: 100 }],
      ['batch', { size: 2, failed: 2, durationMs: 0 }],
    ]);
    await clock.advance(99);
    expect([calls.length, writer.pending]).toEqual([1, 2]);
    await clock.advance(1);
    expect(written()).toEqual(['a=1 b', 'a=1 b']);
    calls[1]!.resolve(undefined);
    await settle();
    expect(writer.stats).toMatchObject({ written: 2, failures: 2, retries: 2, batches: 2 });
    expect([writer.pending, clock.pendingTimers]).toEqual([0, 0]);
  });

  it.each([
    ['a Map', new Map([['b', new Error('b is ill')]])],
    ['an array', [undefined, new Error('b is ill'), 1]],
  ])('of one key, told by %s, is one of that key alone', async (_, answer) => {
    const { clock, calls, writer, written } = setUp({ maxBatch: 3 });
    for (const key of ['a', 'b', 'c']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve(answer);
    await settle();
    expect([writer.pending, writer.peek('b')]).toEqual([1, { type: 'set', key: 'b', value: '1' }]);
    await clock.advance(100);
    expect(written()).toEqual(['a=1 b=1 c=1', 'b=1']);
  });

  it('is no failure when an answer without errors has another length', async () => {
    const { calls, writer } = setUp({ maxBatch: 2 });
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve([{ affected: 2 }]);
    await settle();
    expect([writer.pending, writer.stats.failures]).toEqual([0, 0]);
  });

  it('is one of all when nobody knows whose error it is', async () => {
    const { calls, writer, told } = setUp({ maxBatch: 2 });
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve([new Error('whose?')]);
    await settle();
    expect([writer.pending, writer.stats.failures]).toEqual([2, 2]);
    expect(told[0]![1]).toMatchObject({ error: expect.objectContaining({ name: 'TypeError' }) });
  });

  it('of a key with a newer write by now is followed by the newer one, after the backoff', async () => {
    const { clock, calls, writer, written, told } = setUp({ flushEvery: 10, maxAttempts: 1 });
    writer.set('a', '1');
    await clock.advance(10);
    writer.set('a', '2');
    calls[0]!.reject(new Error('down'));
    await clock.advance(50);
    writer.set('a', '3');
    expect(written()).toEqual(['a=1']);
    await clock.advance(50);
    expect(written()).toEqual(['a=1', 'a=3']);
    calls[1]!.resolve(undefined);
    await settle();
    expect(told.some(([event]) => event === 'lost')).toBe(false);
    expect(writer.stats).toMatchObject({ accepted: 3, coalesced: 2, written: 1, retries: 0 });
  });

  it('does not hold up other keys', async () => {
    const { clock, calls, writer, written } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    await clock.advance(10);
    calls[0]!.reject(new Error('down'));
    await settle();
    writer.set('b', '1');
    await clock.advance(10);
    expect(written()).toEqual(['a=1', 'b=1']);
  });

  it('comes back when its own time has come, whatever has failed since', async () => {
    const delays = [10, 100];
    const { clock, calls, writer, written } = setUp({ maxBatch: 1, backoff: () => delays.shift() });
    for (const key of ['a', 'b']) {
      writer.set(key, '1');
      await settle();
      calls.at(-1)!.reject(new Error('down'));
      await settle();
    }
    await clock.advance(10);
    expect(written()).toEqual(['a=1', 'b=1', 'a=1']);
    calls[2]!.resolve(undefined);
    await clock.advance(89);
    expect(calls.length).toBe(3);
    await clock.advance(1);
    expect(written()).toEqual(['a=1', 'b=1', 'a=1', 'b=1']);
  });

  it('makes the backoff grow by key, until a write of it has succeeded', async () => {
    const asked: unknown[] = [];
    const { clock, calls, writer } = setUp({
      flushEvery: 1,
      backoff: ({ attempt, previousDelayMs, outcome, random }) => {
        asked.push([attempt, previousDelayMs, outcome.ok ? '' : outcome.error, random()]);
        return attempt * 10;
      },
      random: () => 0.5,
    });
    writer.set('a', '1');
    await clock.advance(1);
    calls[0]!.reject('1st');
    await clock.advance(10);
    writer.set('a', '2');
    calls[1]!.reject('2nd');
    await clock.advance(20);
    writer.set('a', '3'); // pending when the one before it succeeds
    calls[2]!.resolve(undefined);
    await clock.advance(1);
    calls[3]!.reject('3rd');
    await settle();
    expect(asked).toEqual([
      [1, undefined, '1st', 0.5],
      [2, 10, '2nd', 0.5],
      [1, undefined, '3rd', 0.5],
    ]);
  });

  it('costs no write when the backoff itself fails', async () => {
    using uncaught = catchUncaught();
    const { clock, calls, writer } = setUp({ flushEvery: 1, backoff: () => Number.NaN, random: () => 0.5 });
    writer.set('a', '1');
    await clock.advance(1);
    calls[0]!.reject('1st');
    await clock.advance(99);
    expect(calls.length).toBe(1);
    await clock.advance(1);
    expect(calls.length).toBe(2);
    expect(uncaught.errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining('"backoff" must return') }),
    ]);
  });

  it('grows and is jittered by default', async () => {
    const { clock, calls, writer } = setUp({ flushEvery: 1, backoff: undefined, random: () => 0.5 });
    expect(exponentialBackoff()({ attempt: 2, random: () => 0.5 } as never)).toBe(200);
    writer.set('a', '1');
    await clock.advance(1);
    calls[0]!.reject('1st');
    await clock.advance(100);
    calls[1]!.reject('2nd');
    await clock.advance(199);
    expect(calls.length).toBe(2);
    await clock.advance(1);
    expect(calls.length).toBe(3);
  });

  it('of what was left behind by a timeout holds up the key until that has ended, and nobody else', async () => {
    using uncaught = catchUncaught();
    const clock = new TestClock();
    const { calls, writer, written } = setUp({
      clock,
      flushEvery: 1,
      backoff: constantBackoff(1),
      policy: timeout({ duration: 50, clock }),
    });
    writer.set('a', '1');
    await clock.advance(51);
    expect(calls[0]!.context.signal.aborted).toBe(true);
    writer.set('a', '2');
    writer.set('b', '1');
    await clock.advance(10);
    expect([written(), writer.pending]).toEqual([['a=1', 'b=1'], 2]);
    calls[1]!.resolve(undefined);
    await clock.advance(10);
    expect(calls.length).toBe(2);
    calls[0]!.reject(new Error('late'));
    await clock.advance(10);
    expect(written()).toEqual(['a=1', 'b=1', 'a=2']);
    expect(uncaught.rejections).toEqual([]);
  });
});

describe('a lost write', () => {
  it('was tried maxAttempts times: it is told, and the cache forgets its key', async () => {
    const { clock, cache, calls, writer, told } = setUp({ flushEvery: 10, maxAttempts: 2 });
    writer.set('a', '1');
    await clock.advance(10);
    calls[0]!.reject(new Error('1st'));
    await clock.advance(100);
    expect(cache.get('a')).toBe('1');
    told.length = 0;
    calls[1]!.reject(new Error('2nd'));
    await settle();
    const write = { type: 'set', key: 'a', value: '1' };
    const error = new Error('2nd');
    expect(told).toEqual([
      ['failure', { write, error, attempt: 2, delayMs: undefined }],
      ['lost', { ...write, error }],
      ['batch', { size: 1, failed: 1, durationMs: 0 }],
    ]);
    expect([cache.has('a'), writer.pending, writer.stats.lost, clock.pendingTimers]).toEqual([false, 0, 1, 0]);
  });

  it('is one that the backoff gives up', async () => {
    const { writer, calls, told } = setUp({ maxBatch: 1, backoff: () => undefined });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([writer.pending, told.map(([event]) => event)]).toEqual([0, ['failure', 'lost', 'batch']]);
  });

  it('may be written again by whoever is told, and is in the cache then', async () => {
    const { calls, cache, writer, written } = setUp({ maxBatch: 1, maxAttempts: 1 });
    writer.on('lost', () => void writer.set('a', '2'));
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([written(), cache.get('a')]).toEqual([['a=1', 'a=2'], '2']);
  });

  it('is forgotten by the cache before somebody who waited for its room is let in', async () => {
    const { calls, cache, writer } = setUp({ maxPending: 1, maxAttempts: 1 });
    writer.set('a', '1');
    const waiting = [watch(writer.set('b', '2')), watch(writer.set('b', '3'))];
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([cache.has('a'), cache.get('b'), ...waiting.map(({ state }) => state)]).toEqual([
      false,
      '3',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

describe('what a lost write leaves in the cache', () => {
  it('is what a listener has set since, be it of its own key or of another one of the batch', async () => {
    const { cache, calls, writer } = setUp({ maxBatch: 3, maxAttempts: 1 });
    writer.on('failure', ({ write }) => {
      if (write.key === 'a') writer.set('a', '2');
    });
    writer.on('lost', ({ key }) => {
      if (key === 'a') writer.set('c', '2');
    });
    for (const key of ['a', 'b', 'c']) writer.set(key, '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([...cache].sort()).toEqual([
      ['a', '2'],
      ['c', '2'],
    ]);
  });

  it('is what it says to a listener: nothing, whichever of the batch he hears of', async () => {
    const { cache, calls, writer } = setUp({ maxBatch: 2, maxAttempts: 1 });
    const seen: number[] = [];
    writer.on('failure', () => seen.push(cache.size));
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(seen).toEqual([0, 0]);
  });

  /** A store that takes the value when the test says so, long after the writer has lost patience. */
  const setUpSlow = (options: Options = {}) => {
    const clock = new TestClock();
    const rows = new Map([['a', 'old']]);
    const arrives: Deferred<void>[] = [];
    const cache = loadingCache({ load: async (key: string) => rows.get(key), capacity: 10 });
    const writer = writeBehind<string, string>({
      write: async (key, value) => {
        const held = defer<void>();
        arrives.push(held);
        await held.promise;
        rows.set(key, value);
      },
      cache,
      maxAttempts: 1,
      flushEvery: 0,
      policy: timeout({ duration: 100, clock }),
      clock,
      ...options,
    });
    return { clock, rows, arrives, cache, writer };
  };

  it('is forgotten once more when the write has arrived after all', async () => {
    const { clock, arrives, cache, writer } = setUpSlow();
    writer.set('a', 'new');
    await clock.advance(100);
    expect([writer.stats.lost, await cache.get('a')]).toEqual([1, 'old']);
    arrives[0]!.resolve();
    await settle();
    expect([cache.peek('a'), await cache.get('a'), writer.pending]).toEqual([undefined, 'new', 0]);
  });

  it('stays when it is newer than what arrives, and what was written in time stays as well', async () => {
    const { clock, arrives, cache, writer } = setUpSlow();
    writer.set('a', '1');
    await clock.advance(100);
    writer.set('a', '2');
    arrives[0]!.resolve();
    await settle();
    expect(cache.peek('a')).toBe('2');
    arrives[1]!.resolve();
    await settle();
    expect([cache.peek('a'), writer.pending]).toEqual(['2', 0]);
  });

  it('is forgotten once more though the writer has closed meanwhile', async () => {
    const { clock, arrives, cache, writer } = setUpSlow();
    writer.set('a', 'new');
    const close = watch(writer.close());
    await clock.advance(100);
    expect([close.state, await cache.get('a')]).toEqual(['rejected', 'old']);
    arrives[0]!.resolve();
    await settle();
    expect(await cache.get('a')).toBe('new');
  });

  it.each([
    ['is under way', 100, ['1'], '1'],
    ['waits behind the one that arrives', 100, ['1', '2'], '1'],
    ['waits behind what a timeout has left', 200, ['1', '2'], '1'],
  ])('is forgotten once more when close has given up one that %s', async (_, closeAt, values, arrived) => {
    const { clock, arrives, cache, writer } = setUpSlow();
    for (const value of values) {
      writer.set('a', value);
      await settle();
    }
    const close = watch(writer.close({ timeout: closeAt - 50 }));
    await clock.advance(closeAt);
    expect([close.state, await cache.get('a')]).toEqual(['rejected', 'old']);
    arrives[0]!.resolve();
    await settle();
    expect([await cache.get('a'), arrives.length]).toEqual([arrived, 1]);
  });

  it('is told to a cache elsewhere once, where nothing is running any more', async () => {
    const told: string[] = [];
    const cache = { set: () => {}, delete: (key: string) => told.push(key) };
    const { calls, writer } = setUp({ cache, maxAttempts: 1, maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(told).toEqual(['a']);
  });
});

describe('room', () => {
  const full = async (options: Options = {}) => {
    const made = setUp({ maxPending: 2, flushEvery: '1h', ...options });
    await made.writer.set('a', '1');
    await made.writer.set('b', '1');
    return made;
  };

  it('is needed by keys that are not pending, not by newer writes of those that are', async () => {
    const { writer, cache } = await full();
    await writer.set('a', '2');
    const third = watch(writer.set('c', '1'));
    await null;
    expect([third.state, cache.has('c'), writer.peek('c'), writer.pending]).toEqual(['pending', false, undefined, 2]);
    expect(writer.stats.waiting).toBe(1);
  });

  it('is waited for in order, and made at once', async () => {
    const { writer, calls, written } = await full({ maxBatch: 1 });
    const order: string[] = [];
    for (const what of ['c=1', 'd=1', 'c=2', 'e=1']) {
      const [key, value] = what.split('=') as [string, string];
      writer.set(key, value).then(() => order.push(what));
    }
    await settle();
    expect([written(), order]).toEqual([['a=1'], []]);
    calls[0]!.resolve(undefined);
    await settle();
    // A key's writes are let in together, or a later one would come before an earlier one.
    expect([order, writer.peek('c')]).toEqual([['c=1', 'c=2'], { type: 'set', key: 'c', value: '2' }]);
    expect(writer.pending).toBe(2);
    calls[1]!.resolve(undefined);
    await settle();
    expect(order).toEqual(['c=1', 'c=2', 'd=1']);
  });

  it('is not taken by a newcomer while others wait', async () => {
    const { writer, calls } = await full({ maxBatch: 2 });
    const waiting = ['c', 'd', 'e'].map((key) => watch(writer.set(key, '1')));
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    const late = watch(writer.set('f', '1'));
    await settle();
    expect([...waiting, late].map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'pending', 'pending']);
  });

  it('is given up by an abort at once, which leaves nothing behind', async () => {
    const { writer, calls, written } = await full();
    const { controller, listeners } = countingController();
    const third = watch(writer.set('c', '1', { signal: controller.signal }));
    const fourth = watch(writer.set('d', '1'));
    await settle();
    calls[0]!.resolve(undefined);
    controller.abort('enough');
    await settle();
    expect([third.error, fourth.state, listeners()]).toEqual(['enough', 'fulfilled', 0]);
    expect([writer.peek('c'), writer.stats.waiting]).toEqual([undefined, 0]);
    await expect(writer.set('c', '1', { signal: controller.signal })).rejects.toBe('enough');
    expect(written()).toEqual(['a=1 b=1']);
  });

  it('keeps no listener of a write that was accepted', async () => {
    const { writer } = setUp();
    const { controller, listeners } = countingController();
    await writer.set('c', '1', { signal: controller.signal });
    expect(listeners()).toBe(0);
  });

  it('is refused by atLimit "refuse"', async () => {
    const { writer } = await full({ atLimit: 'reject', name: 'views' });
    await writer.set('a', '2');
    await expect(writer.set('c', '1')).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'views' });
    expect(writer.stats.waiting).toBe(0);
  });
});

describe('reading', () => {
  const setUpReading = (options: Options = {}) => {
    const made = setUp(options);
    const loads: Deferred<string>[] = [];
    const given: unknown[][] = [];
    const read = made.writer.readYourWrites(
      (...args: [string, string]) => {
        const load = defer<string>();
        given.push(args);
        loads.push(load);
        return load.promise;
      },
      { onDeleted: (key) => `no ${key}` },
    );
    return { ...made, loads, given, read };
  };

  it('brings the pending value, or that it was deleted; else what was loaded', async () => {
    const { writer, loads, given, read } = setUpReading();
    writer.set('a', '1');
    writer.delete('b');
    expect([await read('a', 'context'), await read('b', 'context'), loads.length]).toEqual(['1', 'no b', 0]);
    const third = read('c', 'context');
    loads[0]!.resolve('stored');
    expect([await third, given]).toEqual(['stored', [['c', 'context']]]);
    expect(await writer.readYourWrites(async () => 'stored')('b', undefined)).toBe(undefined);
  });

  it('brings what is being written', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    expect([calls.length, await read('a', ''), loads.length]).toEqual([1, '1', 0]);
  });

  it('brings no load that a write has overtaken, not even when that is in the store by then', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1 });
    const [first, second] = [read('a', ''), read('a', '')];
    writer.set('a', '1');
    writer.set('a', '2');
    await settle();
    for (const call of calls) call.resolve(undefined);
    await settle();
    expect(writer.pending).toBe(0);
    loads[0]!.resolve('old');
    loads[1]!.reject(new Error('down'));
    expect([await first, await second]).toEqual(['2', '2']);
    const third = watch(read('a', ''));
    loads[2]!.reject(new Error('down'));
    await third.done;
    expect(third.error).toEqual(new Error('down'));
  });

  it('brings what was loaded when the write during the load was lost', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1, maxAttempts: 1 });
    const first = read('a', '');
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    loads[0]!.resolve('stored');
    expect(await first).toBe('stored');
  });

  it('makes a loadingCache show pending writes when it has evicted them', async () => {
    const rows = new Map([['a', 'stored']]);
    const { writer, clock } = setUp({
      cache: undefined,
      write: (key, value) => void rows.set(key, value),
      flushEvery: 10,
    });
    const cache = loadingCache<string, string | undefined>({
      load: writer.readYourWrites((key: string) => rows.get(key) as string),
      capacity: 1,
    });
    expect(await cache.get('a')).toBe('stored');
    await writer.set('a', 'new');
    cache.delete('a');
    expect(await cache.get('a')).toBe('new');
    expect(rows.get('a')).toBe('stored');
    await clock.advance(10);
    expect(rows.get('a')).toBe('new');
  });
});

describe('flush', () => {
  it('writes what is pending now, and resolves when the store has it', async () => {
    const { writer, calls, written, clock } = setUp({ concurrency: 2 });
    await writer.flush();
    await writer.set('a', '1');
    const flush = watch(writer.flush());
    await settle();
    await writer.set('b', '1');
    expect([written(), flush.state]).toEqual([['a=1'], 'pending']);
    calls[0]!.resolve(undefined);
    await settle();
    expect([flush.state, writer.pending, calls.length, clock.pendingTimers]).toEqual(['fulfilled', 1, 1, 1]);
  });

  it('does not wait for a backoff, but for the tries', async () => {
    const { writer, calls, clock } = setUp({ maxBatch: 1, backoff: constantBackoff(1000) });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    const flush = watch(writer.flush());
    await settle();
    expect(calls.length).toBe(2);
    calls[1]!.reject(new Error('down'));
    await clock.advance(999);
    expect([calls.length, flush.state]).toEqual([2, 'pending']);
    await clock.advance(1);
    calls[2]!.resolve(undefined);
    await settle();
    expect(flush.state).toBe('fulfilled');
  });

  it('waits for a newer write where one has taken the place of what was pending', async () => {
    const { writer, calls, written } = setUp();
    writer.set('a', '1');
    const flush = watch(writer.flush());
    await settle();
    writer.set('a', '2');
    calls[0]!.reject(new Error('down'));
    await settle();
    const other = watch(writer.flush());
    await settle();
    expect([written(), flush.state]).toEqual([['a=1', 'a=2'], 'pending']);
    calls[1]!.resolve(undefined);
    await settle();
    expect([flush.state, other.state]).toEqual(['fulfilled', 'fulfilled']);
  });

  it('does not end with an older write of a key', async () => {
    const { writer, calls } = setUp({ maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    writer.set('a', '2');
    const flush = watch(writer.flush());
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([calls.length, flush.state]).toEqual([2, 'pending']);
    calls[1]!.resolve(undefined);
    await settle();
    expect(flush.state).toBe('fulfilled');
  });

  it('has what waits behind a write of its own key written right after that', async () => {
    const { writer, calls, written } = setUp();
    writer.set('a', '1');
    const flushes = [watch(writer.flush())];
    await settle();
    writer.set('a', '2');
    flushes.push(watch(writer.flush()));
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([written(), ...flushes.map(({ state }) => state)]).toEqual([['a=1', 'a=2'], 'fulfilled', 'pending']);
  });

  it('does not wait for the backoff of a write of which something is still running, only for that', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: 10, clock });
    const { writer, calls } = setUp({ clock, policy, maxBatch: 1, backoff: constantBackoff(1000) });
    writer.set('a', '1');
    await clock.advance(10);
    watch(writer.flush());
    await settle();
    expect([calls.length, writer.stats.failures]).toEqual([1, 1]);
    calls[0]!.reject(new Error('late'));
    await settle();
    expect(calls.length).toBe(2);
  });

  it('rejects with what was lost, when the rest is written', async () => {
    const { writer, calls } = setUp({ maxAttempts: 1, maxBatch: 1 });
    writer.set('a', '1');
    writer.set('b', '1');
    const flush = watch(writer.flush());
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(flush.state).toBe('pending');
    calls[1]!.resolve(undefined);
    await settle();
    const error = flush.error as LostWritesError;
    expect(error).toBeInstanceOf(LostWritesError);
    expect([error.message, error.name, error.code, error.cause, error.lost]).toEqual([
      '"writeBehind" has lost 1 write',
      'LostWritesError',
      'ERR_LOST_WRITES',
      new Error('down'),
      [{ type: 'set', key: 'a', value: '1', error: new Error('down') }],
    ]);
  });

  it('resolves when the writer closes meanwhile, with everything written', async () => {
    const { writer } = setUp();
    const close = watch(writer.close());
    await writer.flush();
    expect(close.state).toBe('fulfilled');
    await writer.flush();
  });

  it('ends its caller’s wait alone by his signal', async () => {
    const { writer, calls } = setUp();
    const { controller, listeners } = countingController();
    writer.set('a', '1');
    const flush = watch(writer.flush({ signal: controller.signal }));
    await settle();
    controller.abort('enough');
    await settle();
    expect([flush.error, calls[0]!.context.signal.aborted, listeners()]).toEqual(['enough', false, 0]);
    await expect(writer.flush({ signal: controller.signal })).rejects.toBe('enough');
    await expect(writer.flush({ signal: 1 as never })).rejects.toThrow('writeBehind: "signal" must be');
  });
});

describe('close', () => {
  it('refuses new writes, writes what is pending, and resolves then, however often it is called', async () => {
    const { writer, calls, clock } = setUp();
    await writer.set('a', '1');
    const closes = [watch(writer.close()), watch(writer.close())];
    await expect(writer.set('b', '1')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(writer.delete('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await settle();
    expect(closes.map(({ state }) => state)).toEqual(['pending', 'pending']);
    calls[0]!.resolve(undefined);
    await settle();
    await writer.close();
    expect(closes.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
    expect([writer.pending, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('is what `await using` does', async () => {
    const rows = new Map<string, string>();
    {
      await using writer = writeBehind<string, string>({ write: (key, value) => void rows.set(key, value) });
      await writer.set('a', '1');
    }
    expect(rows.get('a')).toBe('1');
  });

  it('lets in who waits for room already', async () => {
    const { writer, calls, written } = setUp({ maxPending: 1 });
    writer.set('a', '1');
    const second = watch(writer.set('b', '1'));
    const close = watch(writer.close());
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([second.state, close.state, written()]).toEqual(['fulfilled', 'pending', ['a=1', 'b=1']]);
    calls[1]!.resolve(undefined);
    await settle();
    expect(close.state).toBe('fulfilled');
  });

  it('tries again what has failed, at once and then after the backoff', async () => {
    const { writer, calls, clock } = setUp({ maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('1st'));
    await settle();
    const close = watch(writer.close());
    await settle();
    expect(calls.length).toBe(2);
    calls[1]!.reject(new Error('2nd'));
    await clock.advance(99);
    expect(calls.length).toBe(2);
    await clock.advance(1);
    calls[2]!.resolve(undefined);
    await settle();
    expect(close.state).toBe('fulfilled');
  });

  it('says exactly what it has lost: after maxAttempts', async () => {
    const { writer, calls } = setUp({ maxAttempts: 1 });
    writer.set('a', '1');
    writer.set('b', '1');
    const close = watch(writer.close());
    await settle();
    calls[0]!.resolve(new Map([['b', new Error('b is ill')]]));
    await settle();
    expect(close.error).toMatchObject({ lost: [{ key: 'b', value: '1', error: new Error('b is ill') }] });
    await expect(writer.close()).rejects.toBe(close.error);
  });

  it('says exactly what it has lost: after its timeout, which aborts what is under way', async () => {
    using uncaught = catchUncaught();
    const { writer, calls, clock, cache, told } = setUp({ maxPending: 2, maxBatch: 1, concurrency: 2 });
    writer.set('a', '1');
    writer.delete('b');
    const third = watch(writer.set('c', '1'));
    await settle();
    writer.set('a', '2');
    calls[1]!.reject(new Error('b is ill'));
    const flush = watch(writer.flush());
    const closes = [
      watch(writer.close()),
      watch(writer.close({ timeout: 50 })),
      watch(writer.close({ timeout: '1h' })),
    ];
    await clock.advance(49);
    expect(closes.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
    told.length = 0;
    await clock.advance(1);
    const lost = [
      { type: 'set', key: 'a', value: '2', error: expect.objectContaining({ code: 'ERR_TIMEOUT', timeoutMs: 50 }) },
      { type: 'delete', key: 'b', error: new Error('b is ill') },
    ];
    expect(closes[0]!.error).toMatchObject({ lost });
    expect(closes.map(({ error }) => error)).toEqual(closes.map(() => closes[0]!.error));
    expect(flush.error).toMatchObject({ lost });
    expect(told).toEqual(lost.map((one) => ['lost', one]));
    expect([third.state, writer.stats.waiting, writer.pending, cache.has('a')]).toEqual(['rejected', 0, 0, false]);
    expect(third.error).toMatchObject({ code: 'ERR_CLOSED' });
    expect([calls[0]!.context.signal.aborted, clock.pendingTimers]).toEqual([true, 0]);
    calls[0]!.resolve(undefined);
    await clock.advance(1000);
    expect([calls.length, writer.stats.written, uncaught.rejections]).toEqual([calls.length, 0, []]);
  });

  it('ends its caller’s wait alone by his signal', async () => {
    const { writer, calls } = setUp();
    writer.set('a', '1');
    const { controller, listeners } = countingController();
    const close = watch(writer.close({ signal: controller.signal }));
    controller.abort('enough');
    await settle();
    expect([close.error, listeners()]).toEqual(['enough', 0]);
    calls[0]!.resolve(undefined);
    await writer.close();
    expect(writer.pending).toBe(0);
  });

  it('does nothing with a signal that has aborted, or a timeout that is none', async () => {
    const { writer } = setUp();
    await expect(writer.close({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    await expect(writer.close({ timeout: -1 })).rejects.toThrow('writeBehind: "timeout" must be');
    await writer.set('a', '1');
  });

  it('does not wait for a write whose outcome is known, though something of it is still running', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: 10, clock });
    const { writer } = setUp({ clock, maxAttempts: 1, policy });
    writer.set('a', '1');
    const close = watch(writer.close());
    await clock.advance(10);
    expect(close.error).toMatchObject({ lost: [{ key: 'a' }] });
  });
});

describe('a journal', () => {
  it('has a write before it is accepted, and is told when the store has it', async () => {
    const journal = heldJournal();
    const { writer, cache, calls } = setUp({ journal, maxBatch: 1 });
    const write = watch(writer.set('a', '1'));
    await settle();
    expect(journal.calls.map(({ what }) => what)).toEqual(['append 1:a=1']);
    expect([write.state, cache.has('a'), writer.peek('a'), calls.length]).toEqual(['pending', false, undefined, 0]);
    journal.calls[0]!.resolve();
    await settle();
    expect([write.state, cache.get('a'), calls.length]).toEqual(['fulfilled', '1', 1]);
    expect(journal.calls.length).toBe(1);
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls.map(({ what }) => what)).toEqual(['append 1:a=1', 'ack a≤1']);
  });

  it('is called one call at a time, with all that came meanwhile', async () => {
    const journal = heldJournal();
    const { writer, calls } = setUp({ journal, maxBatch: 2 });
    writer.set('a', '1');
    await settle();
    writer.set('b', '2');
    writer.set('a', '3');
    writer.delete('c');
    await settle();
    expect(journal.calls.length).toBe(1);
    journal.calls[0]!.resolve();
    await settle();
    expect(journal.calls.map(({ what }) => what)).toEqual(['append 1:a=1', 'append 2:b=2 3:a=3 4:c']);
    journal.calls[1]!.resolve();
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls[2]!.what).toBe('ack a≤3 b≤2');
    calls[1]!.resolve(undefined);
    writer.set('d', '5');
    await settle();
    expect(journal.calls.length).toBe(3);
    journal.calls[2]!.resolve();
    await settle();
    journal.calls[3]!.resolve();
    await settle();
    expect(journal.calls.slice(3).map(({ what }) => what)).toEqual(['append 5:d=5', 'ack c≤4']);
  });

  it('that fails has the write rejected, and its room is free', async () => {
    const journal = heldJournal();
    const { writer, cache, told } = setUp({ journal, maxPending: 1 });
    const first = watch(writer.set('a', '1'));
    const second = watch(writer.set('b', '1'));
    await settle();
    expect(writer.pending).toBe(1);
    journal.calls[0]!.reject(new Error('disk full'));
    await settle();
    expect([first.error, cache.has('a'), second.state, writer.peek('a')]).toEqual([
      new Error('disk full'),
      false,
      'pending',
      undefined,
    ]);
    expect(told).toEqual([['journalError', { error: new Error('disk full') }]]);
    journal.calls[1]!.resolve();
    await settle();
    expect([journal.calls[1]!.what, second.state]).toEqual(['append 2:b=1', 'fulfilled']);
  });

  it('that cannot take an ack is told of, and harms nobody', async () => {
    const { writer, told, calls } = setUp({
      journal: {
        append() {},
        ack() {
          throw new Error('disk full');
        },
      },
      maxBatch: 1,
    });
    await writer.set('a', '1');
    calls[0]!.resolve(undefined);
    await writer.close();
    expect(told.find(([event]) => event === 'journalError')).toEqual([
      'journalError',
      { error: new Error('disk full') },
    ]);
  });

  it('is what close and flush wait for', async () => {
    const journal = heldJournal();
    const { writer, calls } = setUp({ journal });
    const write = watch(writer.set('a', '1'));
    const [flush, close] = [watch(writer.flush()), watch(writer.close())];
    await settle();
    expect([flush.state, close.state]).toEqual(['pending', 'pending']);
    journal.calls[0]!.resolve();
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([write.state, flush.state, close.state]).toEqual(['fulfilled', 'fulfilled', 'pending']);
    journal.calls[1]!.resolve();
    await settle();
    expect(close.state).toBe('fulfilled');
  });

  it('that hangs holds up close, until somebody has had enough', async () => {
    const journal = heldJournal();
    const { writer, calls, clock } = setUp({ journal });
    writer.set('a', '1');
    const close = watch(writer.close());
    await settle();
    journal.calls[0]!.resolve();
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([close.state, journal.calls[1]!.what]).toEqual(['pending', 'ack a≤1']);
    const other = watch(writer.close({ timeout: 10 }));
    await clock.advance(10);
    expect([close.state, other.state, clock.pendingTimers]).toEqual(['fulfilled', 'fulfilled', 0]);
  });

  it('keeps what close gives up; what was tried maxAttempts times it does not', async () => {
    const journal = heldJournal();
    const { writer, calls, clock } = setUp({ journal, maxAttempts: 1, maxBatch: 1 });
    writer.set('a', '1');
    writer.set('b', '1');
    await settle();
    journal.calls[0]!.resolve();
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(journal.calls[1]!.what).toBe('ack a≤1');
    journal.calls[1]!.resolve();
    const close = watch(writer.close({ timeout: 10 }));
    const late = watch(writer.set('c', '1'));
    await clock.advance(10);
    expect([close.error, late.state]).toEqual([
      expect.objectContaining({ lost: [expect.objectContaining({ key: 'b' })] }),
      'rejected',
    ]);
    expect(journal.calls.length).toBe(2);
  });

  it('refuses a write that was still being recorded when close gave up', async () => {
    const journal = heldJournal();
    const { writer, clock, cache } = setUp({ journal });
    const write = watch(writer.set('a', '1'));
    const close = watch(writer.close({ timeout: 10 }));
    await clock.advance(10);
    expect(close.state).toBe('fulfilled');
    journal.calls[0]!.resolve();
    await settle();
    expect([write.error, cache.has('a')]).toEqual([expect.objectContaining({ code: 'ERR_CLOSED' }), false]);
  });

  it('that hangs has everybody told when close gives up: who waits for it, who is in line, who flushes', async () => {
    using uncaught = catchUncaught();
    const journal = heldJournal();
    const { writer, clock } = setUp({ journal });
    const sets = [watch(writer.set('a', '1'))];
    await settle();
    sets.push(watch(writer.set('a', '2')), watch(writer.set('b', '1')));
    const flush = watch(writer.flush());
    const close = watch(writer.close({ timeout: 10 }));
    await clock.advance(10);
    const closed = expect.objectContaining({ code: 'ERR_CLOSED' });
    expect([close.state, flush.error, ...sets.map(({ error }) => error)]).toEqual([
      'fulfilled',
      ...Array(4).fill(closed),
    ]);
    await writer.flush();
    journal.calls[0]!.reject(new Error('late'));
    await settle();
    expect([journal.calls.length, uncaught.rejections]).toEqual([1, []]);
  });

  it('gives back what it had: pending from the start, the last one of each key, and numbers go on', async () => {
    const journal = heldJournal();
    const initial: JournalEntry<string, string>[] = [
      { type: 'set', key: 'a', value: '3', number: 7 },
      { type: 'set', key: 'a', value: '1', number: 2 },
      { type: 'delete', key: 'b', number: 5 },
    ];
    const { writer, cache, calls, written, clock } = setUp({ journal, initial, maxPending: 1, flushEvery: 10 });
    expect([writer.pending, cache.get('a'), writer.peek('b')]).toEqual([2, '3', { type: 'delete', key: 'b' }]);
    writer.set('a', '4');
    await clock.advance(10);
    expect([journal.calls[0]!.what, written()]).toEqual(['append 8:a=4', ['a=3 b']]);
    journal.calls[0]!.resolve();
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls[1]!.what).toBe('ack a≤7 b≤5');
    expect(writer.stats).toMatchObject({ accepted: 4, coalesced: 1, written: 2 });
  });
});

describe('a cache', () => {
  it('somewhere else is waited for, and told one thing of a key after the other', async () => {
    const told: (Deferred<void> & { what: string })[] = [];
    const tell = (what: string) => {
      const deferred = { what, ...defer<void>() };
      told.push(deferred);
      return deferred.promise;
    };
    const cache = { set: (_: string, value: string) => tell(value), delete: () => tell('delete') };
    const { writer } = setUp({ cache });
    const writes = [writer.set('a', '1'), writer.set('a', '2'), writer.set('b', '9')].map(watch);
    await settle();
    expect(told.map(({ what }) => what)).toEqual(['1', '9']);
    told[0]!.resolve();
    await settle();
    writes.push(watch(writer.delete('a')));
    expect(told.map(({ what }) => what)).toEqual(['1', '9', '2']);
    for (let i = 1; i < 4; i++) {
      told[i]!.resolve();
      await settle();
    }
    expect(told.map(({ what }) => what)).toEqual(['1', '9', '2', 'delete']);
    expect(writes.map(({ state }) => state)).toEqual(Array(4).fill('fulfilled'));
  });

  it('somewhere else that writes the key again, while it is told of it, has what was written last', async () => {
    const held = new Map<string, string>();
    const writes: Promise<void>[] = [];
    const cache = {
      set: async (key: string, value: string) => {
        if (value === '1') writes.push(writer.set(key, '2'));
        await settle();
        held.set(key, value);
      },
      delete: () => {},
    };
    const writer = writeBehind<string, string>({ write: () => {}, cache, flushEvery: '1h' });
    await writer.set('a', '1');
    await Promise.all(writes);
    expect([held.get('a'), writer.peek('a')]).toEqual(['2', { type: 'set', key: 'a', value: '2' }]);
    await writer.close();
  });

  it('that writes the key again, while it is told of it, has in the same turn what was written last', async () => {
    const held = new Map<string, string>();
    const writes: Promise<void>[] = [];
    const cache = {
      set: (key: string, value: string) => {
        if (key === 'a' && value < '4') writes.push(writer.set(key, `${Number(value) + 1}`), writer.set('b', value));
        held.set(key, value);
      },
      delete: () => {},
    };
    const { writer } = setUp({ cache });
    writes.push(writer.set('a', '1'));
    expect([...held]).toEqual([
      ['b', '3'],
      ['a', '4'],
    ]);
    await Promise.all(writes);
    writer.set('a', '5');
    expect(held.get('a')).toBe('5');
  });

  it('that fails, and has a listener write the key again, forgets the key before', async () => {
    const held = new Map<string, string>([['a', 'old']]);
    const cache = {
      set: (key: string, value: string) => {
        if (value === '1') throw new Error('no 1');
        held.set(key, value);
      },
      delete: (key: string) => held.delete(key),
    };
    const { writer } = setUp({ cache });
    writer.on('cacheError', ({ key }) => writer.set(key, '2'));
    writer.set('a', '1');
    expect([held.get('a'), writer.peek('a')]).toEqual(['2', { type: 'set', key: 'a', value: '2' }]);
  });

  it('that fails is told of, and the write is accepted all the same', async () => {
    using uncaught = catchUncaught();
    const cache = {
      set: () => Promise.reject(new Error('no set')),
      delete: () => {
        throw new Error('no delete');
      },
    };
    const { writer, told } = setUp({ cache });
    await writer.set('a', '1');
    await writer.delete('b');
    expect(told.map(([event, it]) => [event, (it as { error: Error }).error.message])).toEqual([
      ['cacheError', 'no set'],
      ['cacheError', 'no delete'],
      ['cacheError', 'no delete'],
    ]);
    expect([writer.pending, uncaught.rejections]).toEqual([2, []]);
  });

  it('need not be there', async () => {
    const { writer } = setUp({ cache: undefined });
    await writer.set('a', '1');
    expect(writer.peek('a')).toMatchObject({ value: '1' });
  });

  it('may be an LruCache', async () => {
    const cache = new LruCache<string, string>({ capacity: 1 });
    const { writer } = setUp({ cache });
    await writer.set('a', '1');
    await writer.set('b', '1');
    expect([cache.has('a'), cache.has('b'), writer.pending]).toEqual([false, true, 2]);
  });
});

describe('options', () => {
  it.each([
    [{ write: () => {} }, 'writeBehind: "write" or "writeMany" is required, but not both'],
    [{ writeMany: undefined }, 'writeBehind: "write" or "writeMany" is required, but not both'],
    [{ writeMany: 1 }, 'writeBehind: "writeMany" must be a function'],
    [{ writeMany: undefined, write: 1 }, 'writeBehind: "write" must be a function'],
    [{ remove: () => {} }, 'writeBehind: "remove" is allowed only with "write"'],
    [{ writeMany: undefined, write: () => {}, remove: 1 }, 'writeBehind: "remove" must be a function'],
    [{ cache: {} }, 'writeBehind: "cache" must be'],
    [{ flushEvery: Infinity }, 'writeBehind: "flushEvery" must be'],
    [{ maxBatch: 0 }, 'writeBehind: "maxBatch" must be an integer ≥ 1'],
    [{ maxPending: 0 }, 'writeBehind: "maxPending" must be an integer ≥ 1'],
    [{ atLimit: 'drop' }, `writeBehind: "atLimit" must be one of 'wait', 'reject'`],
    [{ concurrency: 0 }, 'writeBehind: "concurrency" must be an integer ≥ 1'],
    [{ backoff: 100 }, 'writeBehind: "backoff" must be a function'],
    [{ maxAttempts: 0 }, 'writeBehind: "maxAttempts" must be an integer ≥ 1'],
    [{ policy: {} }, 'writeBehind: "policy" must be'],
    [{ journal: { append() {} } }, 'writeBehind: "journal" must be an object with append, ack'],
    [{ initial: 1 }, 'writeBehind: "initial" must be iterable'],
    [{ initial: [{ type: 'put', number: 1 }] }, 'writeBehind: "initial.type" must be one of'],
    [{ initial: [{ type: 'set', number: -1 }] }, 'writeBehind: "initial.number" must be'],
    [{ writeMany: undefined, write: () => {}, initial: [{ type: 'delete', number: 1 }] }, '"remove" is required'],
    [{ name: '' }, 'writeBehind: "name" must be'],
    [{ clock: 1 }, 'writeBehind: "clock" must be'],
    [{ random: 1 }, 'writeBehind: "random" must be'],
    [{ flushevery: 1 }, 'writeBehind: "flushevery" is unknown (did you mean "flushEvery"?)'],
  ])('%o are refused', (options, message) => {
    expect(() => writeBehind({ writeMany: () => {}, ...options } as never)).toThrow(message);
  });

  it.each([
    ['set', (writer, options) => writer.set('k', 'v', options), { tll: 1 }, '"tll" is unknown'],
    ['set', (writer, options) => writer.set('k', 'v', options), { ttl: 1 }, '"ttl" is unknown'],
    ['delete', (writer, options) => writer.delete('k', options), { signa: null }, 'did you mean "signal"?'],
    ['flush', (writer, options) => writer.flush(options), { timeout: 1 }, '"timeout" is unknown'],
    ['close', (writer, options) => writer.close(options), { timeOut: 1 }, 'did you mean "timeout"?'],
    ['set', (writer, options) => writer.set('k', 'v', options), 5, '"options" must be an object'],
    ['flush', (writer, options) => writer.flush(options), null, '"options" must be an object'],
    ['close', (writer, options) => writer.close(options), '100ms', '"options" must be an object'],
  ] as [string, (writer: WriteBehind<string, string>, options: never) => Promise<void>, unknown, string][])(
    'of one %s are checked, and nothing happens if they are wrong',
    async (method, call, options, message) => {
      const { cache, writer } = setUp({ name: 'views' });
      const refused = watch(call(writer, options as never));
      await settle();
      expect(refused.error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) });
      expect((refused.error as Error).message).toContain(`views.${method}: `);
      expect([writer.pending, cache.size]).toEqual([0, 0]);
      await writer.set('k', 'v', { signal: undefined });
      await writer.delete('k', { signal: null });
      watch(writer.close({ timeout: undefined, signal: undefined }));
    },
  );
});
