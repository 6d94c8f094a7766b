import { tiered } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { defer, watch } from '../support/promises.js';
import { holdCalls, isOperation, setUp, turns } from './setup.js';

describe('writes', () => {
  it('set stores a value in both tiers, and in the first tier at once', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    const written = one.set('a', 'new');
    expect(one.getSync('a')).toBe('new');
    expect(await written).toBe(true);
    expect([await process().get('a'), loads]).toEqual(['new', []]);
    expect(store.operations).toEqual(['set a', 'get a']);
  });

  it('Writes of a key run in sequence, and only the last waiting value is written', async () => {
    const { store, process } = setUp();
    const one = process();
    const { release } = holdCalls(store, 'before', isOperation('set'));
    const written = [one.set('a', 'first')];
    await turns();
    written.push(one.set('a', 'second'), one.set('b', 'other'), one.set('a', 'third'));
    await turns();
    expect(store.operations).toEqual(['set a', 'set b']);
    await release();
    expect(await Promise.all(written)).toEqual([true, true, true, true]);
    expect(store.operations).toEqual(['set a', 'set b', 'set a']);
    expect(await process().get('a')).toBe('third');
  });

  it('A write is not replaced in either tier by a load that began before it', async () => {
    const { process } = setUp();
    const origin = defer<string>();
    const one = process({ load: () => origin.promise });
    const read = one.get('a');
    await turns();
    await one.set('a', 'new');
    origin.resolve('old');
    expect(await read).toBe('new');
    await turns();
    expect([one.peek('a'), await process().get('a')]).toEqual(['new', 'new']);
  });

  it('A write that the second tier failed to store is not undone by the old value there', async () => {
    const { clock, store, process, loads } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.set('a', 'old');
    store.before = () => Promise.reject(new Error('down'));
    expect(await one.set('a', 'new')).toBe(false);
    await clock.advance(1000);
    store.before = () => {};
    expect(one.stats.l2.pendingInvalidations).toBe(1);
    expect([await one.get('a'), loads]).toEqual(['a1', ['a']]); // from the origin, not 'old'
    await turns();
    expect([one.stats.l2.pendingInvalidations, await process().get('a')]).toEqual([0, 'a1']);
  });

  it('A value that cannot be serialized is served from the first tier and removes the older one from the second tier', async () => {
    const { clock, store } = setUp();
    const events: unknown[] = [];
    const one = tiered({ capacity: 10 }, store, { load: async () => 7n as bigint | number, clock });
    one.on('secondTier', ({ operation, error }) => events.push([operation, error instanceof TypeError]));
    await one.set('a', 1);
    expect(await one.set('a', 8n)).toBe(false);
    expect([one.peek('a'), await one.get('b'), one.stats.l2.pendingInvalidations]).toEqual([8n, 7n, 1]);
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([0, 0]);
    expect(one.stats.l2.failures).toBe(2);
    expect(events).toContainEqual(['set', true]);
  });
});

describe('writes that complete after their timeout', () => {
  it.each(['deleted', 'set again'])(
    'A timed-out write that completes late does not remain in the second tier if the key was %s since',
    async (how) => {
      const { clock, store, process, world } = setUp();
      const one = process({ l1Ttl: 1000 });
      const late = defer<void>();
      let sets = 0;
      store.before = ({ operation }) => (operation === 'set' && ++sets === 1 ? late.promise : undefined);
      await one.get('a');
      await turns();
      await clock.advance(250);
      await turns();
      world.version = 2;
      // The timed-out write may still complete.
      expect(await (how === 'deleted' ? one.delete('a') : one.set('a', 'a2'))).toBe(false);
      expect(one.stats.l2.pendingInvalidations).toBe(1);
      await clock.advance(1000);
      expect([await one.get('a'), one.stats.l2.bypassed]).toEqual(['a2', 1]);
      const events: unknown[] = [];
      one.on('invalidate', (invalidation) => events.push(invalidation));
      late.resolve();
      await turns();
      expect([await process().get('a'), one.stats.l2.pendingInvalidations]).toEqual(['a2', 0]);
      expect(events).toEqual([{ kind: 'delete', key: 'a', isRebroadcast: true }]);
    },
  );

  it('A failed write is not followed by another write of the key', async () => {
    const { store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.set('a', 'x');
    await turns();
    expect(store.operations).toEqual(['set a']);
  });
});

it('onIdle resolves after writes of the same key and of different keys', async () => {
  const { process } = setUp();
  const one = process();
  for (const key of ['a', 'a', 'b']) await one.set(key, 'x');
  const idle = watch(one.onIdle());
  await turns();
  expect(idle.state).toBe('fulfilled');
});
