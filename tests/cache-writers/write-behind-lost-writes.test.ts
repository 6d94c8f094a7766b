import { loadingCache, timeout, writeBehind } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { type Options, setUp } from './write-behind-setup.js';

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
