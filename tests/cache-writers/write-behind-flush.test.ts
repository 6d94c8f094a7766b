import { constantBackoff, LostWritesError, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { setUp } from './write-behind-setup.js';

describe('flush', () => {
  it('flush writes what is pending and resolves when the store has confirmed it', async () => {
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

  it('flush skips a backoff that has begun and waits for later attempts', async () => {
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

  it('flush waits for a newer write that has replaced a pending one', async () => {
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

  it('flush waits for a pending write behind an older write of the key in flight', async () => {
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

  it('A write behind one of its key in flight is written right after it by flush', async () => {
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

  it('flush skips the backoff of a timed-out write but waits for the call that still runs', async () => {
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

  it('flush rejects with the lost writes after the other writes have settled', async () => {
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

  it('flush resolves if the writer closes meanwhile with everything written', async () => {
    const { writer } = setUp();
    const close = watch(writer.close());
    await writer.flush();
    expect(close.state).toBe('fulfilled');
    await writer.flush();
  });

  it('The signal of flush ends only the wait of its caller', async () => {
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
