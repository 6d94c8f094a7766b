import { AsyncLocalStorage } from 'node:async_hooks';
import { definePolicy, writeBehind } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle } from '../support/promises.js';
import { setUp } from './write-behind-setup.js';

describe('writes', () => {
  it('A write is accepted at once, is pending, and changes the cache', async () => {
    const { cache, calls, writer } = setUp();
    const write = writer.set('k', '1');
    expect([cache.get('k'), writer.pending, writer.peek('k')]).toEqual(['1', 1, { type: 'set', key: 'k', value: '1' }]);
    await write;
    const removal = writer.delete('k');
    expect([cache.has('k'), writer.pending, writer.peek('k')]).toEqual([false, 1, { type: 'delete', key: 'k' }]);
    await removal;
    expect(calls).toEqual([]);
  });

  it('All pending writes are written flushEvery after the first one, with the latest value of each key', async () => {
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

  it('A full batch is written at once, and no call has more than maxBatch writes', async () => {
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

  it('With a flushEvery of 0 writes are written at the end of the turn', async () => {
    const { calls, writer, written } = setUp({ flushEvery: 0 });
    writer.set('a', '1');
    writer.set('b', '1');
    expect(calls.length).toBe(0);
    await settle();
    expect(written()).toEqual(['a=1 b=1']);
  });

  it('Later writes of a key in flight wait for the call, and only the latest is written', async () => {
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

  it('The flushEvery time of a replaced write continues from the first write that waits', async () => {
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

  it('A waiting write joins an earlier call with room and leaves no timer', async () => {
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

  it('At most `concurrency` calls run at once', async () => {
    const { calls, writer, written } = setUp({ flushEvery: 0, maxBatch: 1, concurrency: 2 });
    for (const key of ['a', 'b', 'c', 'd']) writer.set(key, '1');
    await settle();
    expect(written()).toEqual(['a=1', 'b=1']);
    calls[1]!.resolve(undefined);
    await settle();
    expect(written()).toEqual(['a=1', 'b=1', 'c=1']);
  });

  it('Calls to the store and the journal run in the async context in which the writer was created', async () => {
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

  it('The store, the cache and listeners may write from within their calls', async () => {
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

it('A write made while another call begins is written too', async () => {
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
  it('write and remove are called for one key at a time in the order of the keys', async () => {
    const seen: string[] = [];
    const held: Deferred<void>[] = [];
    const hold = (description: string) => {
      seen.push(description);
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

  it('A policy receives string keys, and number keys as strings', async () => {
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

  it('delete rejects without `remove`', async () => {
    const { writer } = setUp({ write: () => {} });
    await expect(writer.delete('a')).rejects.toThrow('"remove" is required to delete');
  });
});
