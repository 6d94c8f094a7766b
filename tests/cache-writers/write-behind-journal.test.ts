import type { JournalEntry } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { heldJournal, setUp } from './write-behind-setup.js';

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
