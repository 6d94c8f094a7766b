import { timeout, writeBehind } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp } from './write-behind-setup.js';

describe('close', () => {
  it('close rejects new writes, writes pending ones, and resolves for each call afterwards', async () => {
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

  it('`await using` closes the writer', async () => {
    const rows = new Map<string, string>();
    {
      await using writer = writeBehind<string, string>({ write: (key, value) => void rows.set(key, value) });
      await writer.set('a', '1');
    }
    expect(rows.get('a')).toBe('1');
  });

  it('close admits writes that already wait for room', async () => {
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

  it('close retries failed writes at once and then after the backoff', async () => {
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

  it('close rejects with the writes that failed maxAttempts times', async () => {
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

  it('close rejects with the unwritten writes after its timeout and aborts calls in flight', async () => {
    using uncaught = catchUncaught();
    const { writer, calls, clock, cache, events } = setUp({ maxPending: 2, maxBatch: 1, concurrency: 2 });
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
    events.length = 0;
    await clock.advance(1);
    const lost = [
      { type: 'set', key: 'a', value: '2', error: expect.objectContaining({ code: 'ERR_TIMEOUT', timeoutMs: 50 }) },
      { type: 'delete', key: 'b', error: new Error('b is ill') },
    ];
    expect(closes[0]!.error).toMatchObject({ lost });
    expect(closes.map(({ error }) => error)).toEqual(closes.map(() => closes[0]!.error));
    expect(flush.error).toMatchObject({ lost });
    expect(events).toEqual(lost.map((write) => ['lost', write]));
    expect([third.state, writer.stats.waiting, writer.pending, cache.has('a')]).toEqual(['rejected', 0, 0, false]);
    expect(third.error).toMatchObject({ code: 'ERR_CLOSED' });
    expect([calls[0]!.context.signal.aborted, clock.pendingTimers]).toEqual([true, 0]);
    calls[0]!.resolve(undefined);
    await clock.advance(1000);
    expect([calls.length, writer.stats.written, uncaught.rejections]).toEqual([calls.length, 0, []]);
  });

  it('The signal of close ends only the wait of its caller', async () => {
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

  it('close with an aborted signal or an invalid timeout rejects and leaves the writer open', async () => {
    const { writer } = setUp();
    await expect(writer.close({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    await expect(writer.close({ timeout: -1 })).rejects.toThrow('writeBehind: "timeout" must be');
    await writer.set('a', '1');
  });

  it('close does not wait for a timed-out call whose outcome is decided', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: 10, clock });
    const { writer } = setUp({ clock, maxAttempts: 1, policy });
    writer.set('a', '1');
    const close = watch(writer.close());
    await clock.advance(10);
    expect(close.error).toMatchObject({ lost: [{ key: 'a' }] });
  });
});
