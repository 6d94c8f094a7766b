import { loadingCache, timeout, writeBehind } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { type Options, setUp } from './write-behind-setup.js';

describe('lost writes', () => {
  it('A write that failed maxAttempts times is reported as lost and deleted from the cache', async () => {
    const { clock, cache, calls, writer, events } = setUp({ flushEvery: 10, maxAttempts: 2 });
    writer.set('a', '1');
    await clock.advance(10);
    calls[0]!.reject(new Error('1st'));
    await clock.advance(100);
    expect(cache.get('a')).toBe('1');
    events.length = 0;
    calls[1]!.reject(new Error('2nd'));
    await settle();
    const write = { type: 'set', key: 'a', value: '1' };
    const error = new Error('2nd');
    expect(events).toEqual([
      ['failure', { write, error, attempt: 2, delayMs: undefined }],
      ['lost', { ...write, error }],
      ['batch', { size: 1, failed: 1, durationMs: 0 }],
    ]);
    expect([cache.has('a'), writer.pending, writer.stats.lost, clock.pendingTimers]).toEqual([false, 0, 1, 0]);
  });

  it('A write is lost when the backoff returns undefined', async () => {
    const { writer, calls, events } = setUp({ maxBatch: 1, backoff: () => undefined });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([writer.pending, events.map(([name]) => name)]).toEqual([0, ['failure', 'lost', 'batch']]);
  });

  it('A lost listener may write the key again, and the cache keeps this value', async () => {
    const { calls, cache, writer, written } = setUp({ maxBatch: 1, maxAttempts: 1 });
    writer.on('lost', () => void writer.set('a', '2'));
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect([written(), cache.get('a')]).toEqual([['a=1', 'a=2'], '2']);
  });

  it('A lost write is deleted from the cache before a write that waits for its room is admitted', async () => {
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

describe('the cache after a lost write', () => {
  it('The cache keeps values that listeners set for keys of the failed batch', async () => {
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

  it('The cache no longer has any key of the lost batch when listeners are notified', async () => {
    const { cache, calls, writer } = setUp({ maxBatch: 2, maxAttempts: 1 });
    const seen: number[] = [];
    writer.on('failure', () => seen.push(cache.size));
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(seen).toEqual([0, 0]);
  });

  /** A store that confirms a value when the test resolves `arrives`, after the timeout of the writer. */
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

  it('A key is deleted from the cache again when a timed-out write completes', async () => {
    const { clock, arrives, cache, writer } = setUpSlow();
    writer.set('a', 'new');
    await clock.advance(100);
    expect([writer.stats.lost, await cache.get('a')]).toEqual([1, 'old']);
    arrives[0]!.resolve();
    await settle();
    expect([cache.peek('a'), await cache.get('a'), writer.pending]).toEqual([undefined, 'new', 0]);
  });

  it('A newer value remains in the cache when a timed-out older write completes', async () => {
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

  it('A key is deleted from the cache again when a timed-out write completes after close', async () => {
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
    ['waits behind a call in flight', 100, ['1', '2'], '1'],
    ['waits behind a timed-out call', 200, ['1', '2'], '1'],
  ])(
    'A key is deleted from the cache again when close has given up a write that %s',
    async (_, closeAt, values, arrived) => {
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
    },
  );

  it('A lost write is deleted from a remote cache once if no call still runs', async () => {
    const deleted: string[] = [];
    const cache = { set: () => {}, delete: (key: string) => deleted.push(key) };
    const { calls, writer } = setUp({ cache, maxAttempts: 1, maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(deleted).toEqual(['a']);
  });
});
