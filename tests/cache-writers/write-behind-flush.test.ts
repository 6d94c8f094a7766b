import { constantBackoff, LostWritesError, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { setUp } from './write-behind-setup.js';

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
