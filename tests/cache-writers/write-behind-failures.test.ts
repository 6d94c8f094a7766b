import { constantBackoff, exponentialBackoff, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp } from './write-behind-setup.js';

describe('failed writes', () => {
  it('A failed call fails all its writes, and they are retried together after the backoff', async () => {
    const { clock, calls, writer, written, events } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    writer.delete('b');
    await clock.advance(10);
    calls[0]!.reject(new Error('down'));
    await settle();
    const error = new Error('down');
    expect(events).toEqual([
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
  ])('An error of one key in %s fails only the write of this key', async (_, answer) => {
    const { clock, calls, writer, written } = setUp({ maxBatch: 3 });
    for (const key of ['a', 'b', 'c']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve(answer);
    await settle();
    expect([writer.pending, writer.peek('b')]).toEqual([1, { type: 'set', key: 'b', value: '1' }]);
    await clock.advance(100);
    expect(written()).toEqual(['a=1 b=1 c=1', 'b=1']);
  });

  it('A result without errors is a success whatever its length', async () => {
    const { calls, writer } = setUp({ maxBatch: 2 });
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve([{ affected: 2 }]);
    await settle();
    expect([writer.pending, writer.stats.failures]).toEqual([0, 0]);
  });

  it('A result with an error and a wrong length fails all writes of the call', async () => {
    const { calls, writer, events } = setUp({ maxBatch: 2 });
    for (const key of ['a', 'b']) writer.set(key, '1');
    await settle();
    calls[0]!.resolve([new Error('whose?')]);
    await settle();
    expect([writer.pending, writer.stats.failures]).toEqual([2, 2]);
    expect(events[0]![1]).toMatchObject({ error: expect.objectContaining({ name: 'TypeError' }) });
  });

  it('A failed write is replaced by a newer write of the key after the backoff', async () => {
    const { clock, calls, writer, written, events } = setUp({ flushEvery: 10, maxAttempts: 1 });
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
    expect(events.some(([event]) => event === 'lost')).toBe(false);
    expect(writer.stats).toMatchObject({ accepted: 3, coalesced: 2, written: 1, retries: 0 });
  });

  it('A failed write does not delay other keys', async () => {
    const { clock, calls, writer, written } = setUp({ flushEvery: 10 });
    writer.set('a', '1');
    await clock.advance(10);
    calls[0]!.reject(new Error('down'));
    await settle();
    writer.set('b', '1');
    await clock.advance(10);
    expect(written()).toEqual(['a=1', 'b=1']);
  });

  it('Each failed write is retried after its own backoff', async () => {
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

  it('Attempts of the backoff are counted per key until a write of the key succeeds', async () => {
    const backoffCalls: unknown[] = [];
    const { clock, calls, writer } = setUp({
      flushEvery: 1,
      backoff: ({ attempt, previousDelayMs, outcome, random }) => {
        backoffCalls.push([attempt, previousDelayMs, outcome.ok ? '' : outcome.error, random()]);
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
    writer.set('a', '3'); // pending when the write before it succeeds
    calls[2]!.resolve(undefined);
    await clock.advance(1);
    calls[3]!.reject('3rd');
    await settle();
    expect(backoffCalls).toEqual([
      [1, undefined, '1st', 0.5],
      [2, 10, '2nd', 0.5],
      [1, undefined, '3rd', 0.5],
    ]);
  });

  it('An invalid backoff delay is reported as uncaught and a default delay is used', async () => {
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

  it('The default backoff is exponential with jitter', async () => {
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

  it('A timed-out call that still runs delays later writes of its key and of no other key', async () => {
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
