import type { JournalEntry } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { heldJournal, setUp } from './write-behind-setup.js';

describe('journal', () => {
  it('A write is appended to the journal before it is accepted and acknowledged after the store has confirmed it', async () => {
    const journal = heldJournal();
    const { writer, cache, calls } = setUp({ journal, maxBatch: 1 });
    const write = watch(writer.set('a', '1'));
    await settle();
    expect(journal.calls.map(({ description }) => description)).toEqual(['append 1:a=1']);
    expect([write.state, cache.has('a'), writer.peek('a'), calls.length]).toEqual(['pending', false, undefined, 0]);
    journal.calls[0]!.resolve();
    await settle();
    expect([write.state, cache.get('a'), calls.length]).toEqual(['fulfilled', '1', 1]);
    expect(journal.calls.length).toBe(1);
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls.map(({ description }) => description)).toEqual(['append 1:a=1', 'ack a≤1']);
  });

  it('The journal is called one call at a time with all entries that arrived since', async () => {
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
    expect(journal.calls.map(({ description }) => description)).toEqual(['append 1:a=1', 'append 2:b=2 3:a=3 4:c']);
    journal.calls[1]!.resolve();
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls[2]!.description).toBe('ack a≤3 b≤2');
    calls[1]!.resolve(undefined);
    writer.set('d', '5');
    await settle();
    expect(journal.calls.length).toBe(3);
    journal.calls[2]!.resolve();
    await settle();
    journal.calls[3]!.resolve();
    await settle();
    expect(journal.calls.slice(3).map(({ description }) => description)).toEqual(['append 5:d=5', 'ack c≤4']);
  });

  it('A failed append rejects the write and frees its room', async () => {
    const journal = heldJournal();
    const { writer, cache, events } = setUp({ journal, maxPending: 1 });
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
    expect(events).toEqual([['journalError', { error: new Error('disk full') }]]);
    journal.calls[1]!.resolve();
    await settle();
    expect([journal.calls[1]!.description, second.state]).toEqual(['append 2:b=1', 'fulfilled']);
  });

  it('A failed ack is reported by a journalError event and close resolves', async () => {
    const { writer, events, calls } = setUp({
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
    expect(events.find(([name]) => name === 'journalError')).toEqual([
      'journalError',
      { error: new Error('disk full') },
    ]);
  });

  it('close and flush wait for the journal', async () => {
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

  it('A hanging journal delays close until a close timeout elapses', async () => {
    const journal = heldJournal();
    const { writer, calls, clock } = setUp({ journal });
    writer.set('a', '1');
    const close = watch(writer.close());
    await settle();
    journal.calls[0]!.resolve();
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    expect([close.state, journal.calls[1]!.description]).toEqual(['pending', 'ack a≤1']);
    const other = watch(writer.close({ timeout: 10 }));
    await clock.advance(10);
    expect([close.state, other.state, clock.pendingTimers]).toEqual(['fulfilled', 'fulfilled', 0]);
  });

  it('The journal keeps writes that close gives up, and acknowledges writes that failed maxAttempts times', async () => {
    const journal = heldJournal();
    const { writer, calls, clock } = setUp({ journal, maxAttempts: 1, maxBatch: 1 });
    writer.set('a', '1');
    writer.set('b', '1');
    await settle();
    journal.calls[0]!.resolve();
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    expect(journal.calls[1]!.description).toBe('ack a≤1');
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

  it('A write whose append ends after the close timeout is rejected', async () => {
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

  it('The close timeout rejects all writes and flushes that wait for a hanging journal', async () => {
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

  it('Journal entries given as initial are pending at once, latest per key, and numbering continues', async () => {
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
    expect([journal.calls[0]!.description, written()]).toEqual(['append 8:a=4', ['a=3 b']]);
    journal.calls[0]!.resolve();
    calls[0]!.resolve(undefined);
    await settle();
    expect(journal.calls[1]!.description).toBe('ack a≤7 b≤5');
    expect(writer.stats).toMatchObject({ accepted: 4, coalesced: 1, written: 2 });
  });
});
