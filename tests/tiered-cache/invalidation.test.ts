import { type Invalidation, tiered } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { holdCalls, invalidate, isOperation, setUp, turns } from './setup.js';

describe('invalidation', () => {
  it('delete removes the key from both tiers', async () => {
    const { store, process, world } = setUp();
    const one = process();
    await one.get('a');
    world.version = 2;
    const deleted = one.delete('a');
    expect(one.peek('a')).toBeUndefined();
    expect(await deleted).toBe(true);
    expect([store.kept.size, await one.get('a')]).toEqual([0, 'a2']);
  });

  it.each([
    ['a tag', { tag: 't:a1' }, '{"tag":"p:t:a1"}'],
    ['a prefix', { prefix: 'a' }, '{"prefix":"p:a"}'],
    ['a glob', { glob: 'a*' }, '{"glob":"p:a*"}'],
  ])('deleteMatching with %s removes all matching keys from both tiers', async (_, match, sentMatch) => {
    const { store, process } = setUp();
    const one = process({ prefix: 'p:', tags: (value) => [`t:${value}`] });
    await one.getMany(['a', 'b']);
    await turns();
    expect(await one.deleteMatching(match)).toBe(true);
    expect([one.peek('a'), one.peek('b'), [...store.kept.keys()]]).toEqual([undefined, 'b1', ['p:b']]);
    expect(store.operations.at(-1)).toBe(`deleteMatching ${sentMatch}`);
  });

  it('A tag invalidation matches a value that was read from the second tier', async () => {
    const { process } = setUp();
    const options = { tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    const two = process();
    await two.get('a');
    two.applyInvalidation({ kind: 'deleteMatching', match: { tag: 't' } });
    expect(two.peek('a')).toBeUndefined();
  });

  it('expire and expireMatching keep a stale value in the first tier and remove it from the second tier', async () => {
    const { store, process, world } = setUp();
    const one = process({ staleIfError: '1h', tags: () => ['t'] });
    await one.getMany(['a', 'b']);
    await turns();
    expect(await one.expire('a')).toBe(true);
    expect([...store.kept.keys()]).toEqual(['b']);
    expect(await one.expireMatching({ tag: 't' })).toBe(true);
    expect(store.kept.size).toBe(0);
    world.isDown = true;
    expect(await one.getMany(['a', 'b'])).toEqual(['a1', 'b1']);
  });

  it('Invalidation of all keys removes only keys with the prefix of the cache', async () => {
    const { store, process } = setUp();
    const [one, other] = [process({ prefix: 'a*:' }), process({ prefix: 'ab:' })];
    await one.get('x');
    await other.get('x');
    await turns();
    expect(await one.deleteMatching({ glob: '*' })).toBe(true);
    expect([...store.kept.keys()]).toEqual(['ab:x']);
    await one.get('x');
    await turns();
    expect(await one.clear()).toBe(true);
    expect([one.peek('x'), [...store.kept.keys()]]).toEqual([undefined, ['ab:x']]);
  });

  it.each(['key', 'tag', 'prefix', 'everything'])(
    'Invalidation by %s is not undone by a read that began before it',
    async (by) => {
      const { store, process, world, loads } = setUp();
      const options = { tags: () => ['t'] };
      await process(options).get('a');
      await turns();
      const two = process(options);
      const { release } = holdCalls(store, 'after', isOperation('get'));
      const read = two.get('a');
      await turns();
      world.version = 2;
      await invalidate(two, by);
      await release();
      expect(await read).toBe('a1'); // the read began before the invalidation
      expect([two.peek('a'), loads]).toEqual([undefined, ['a']]);
      expect(await two.get('a')).toBe('a2');
    },
  );

  it.each(['key', 'tag', 'prefix', 'everything'])(
    'Invalidation by %s applies to reads while the second tier has not confirmed it',
    async (by) => {
      const { store, process, world } = setUp();
      const options = { tags: () => ['t'] };
      await process(options).get('a');
      await turns();
      const two = process(options);
      const { release } = holdCalls(store, 'before', (call) => call.operation.startsWith('delete'));
      world.version = 2;
      const deleted = invalidate(two, by);
      await turns();
      expect(store.kept.has('a')).toBe(true);
      expect(await two.get('a')).toBe('a2'); // not the old value in the second tier
      expect(two.stats.l2.bypassed).toBe(1);
      await release();
      expect(await deleted).toBe(true);
      await two.get('b');
      expect(two.stats.l2).toMatchObject({ pendingInvalidations: 0, misses: 1 });
    },
  );

  it.each(['key', 'tag', 'prefix', 'everything'])(
    'A failed invalidation by %s is retried when the store works again',
    async (by) => {
      const { clock, store, process, world } = setUp();
      const options = { tags: () => ['t'], l1Ttl: 1000 };
      await process(options).get('a');
      await turns();
      const two = process(options);
      store.before = () => Promise.reject(new Error('down'));
      world.version = 2;
      expect(await invalidate(two, by)).toBe(false);
      expect(await two.get('a')).toBe('a2');
      await clock.advance(1000);
      store.before = () => {};
      expect(await two.get('a')).toBe('a2'); // the second tier has a1
      await turns();
      // The new value of a key has replaced the old one.
      expect(two.stats.l2.pendingInvalidations).toBe(by === 'key' ? 0 : 1);
      await clock.advance(1000);
      await turns();
      expect(two.stats.l2.pendingInvalidations).toBe(0);
      expect(store.kept.get('a')?.data ?? '').not.toContain('a1');
      expect(await process(options).get('a')).toBe('a2');
    },
  );

  it('An invalidation received during the write of a loaded value removes the value from the second tier', async () => {
    const { store, process, world } = setUp();
    const one = process({ tags: () => ['t'] });
    for (const invalidation of [
      { kind: 'delete', key: 'a' },
      { kind: 'deleteMatching', match: { tag: 't' } },
      { kind: 'expireMatching', match: { prefix: 'a' } },
      { kind: 'clear' },
    ] as const) {
      const { release } = holdCalls(store, 'before', isOperation('set'));
      await one.get('a'); // loaded and cached in the first tier, write to the second tier held
      await turns();
      world.version++;
      // Another process has written the key and deleted it from the second tier.
      one.applyInvalidation(invalidation);
      await release();
      expect(store.kept.size).toBe(0);
      expect([await one.get('a'), one.stats.l2.pendingInvalidations]).toEqual([`a${world.version}`, 0]);
      await turns();
      await one.delete('a');
    }
  });

  it('A late invalidation removes a recent write from the second tier and is rebroadcast to other processes', async () => {
    const { clock, store, process } = setUp();
    const one = process({ tags: () => ['t'] });
    const events: unknown[] = [];
    one.on('invalidate', (invalidation) => events.push(invalidation));
    const apply = async (invalidation: Invalidation<string>) => {
      one.applyInvalidation(invalidation);
      await turns();
    };
    await one.getMany(['a', 'b', 'c']);
    await turns();
    await apply({ kind: 'delete', key: 'a', isRebroadcast: true });
    expect([store.kept.size, events]).toEqual([3, []]);
    await apply({ kind: 'delete', key: 'a' });
    expect([[...store.kept.keys()], events]).toEqual([['b', 'c'], [{ kind: 'delete', key: 'a', isRebroadcast: true }]]);
    await apply({ kind: 'delete', key: 'a' });
    await one.delete('b');
    await one.get('b');
    await turns();
    expect(events).toHaveLength(2);
    await clock.advance(1000);
    await apply({ kind: 'expireMatching', match: { tag: 't' } });
    expect([store.kept.size, events.length]).toEqual([0, 3]);
    await one.get('d');
    await turns();
    await clock.advance(2000); // the write is no longer recent
    await apply({ kind: 'clear' });
    expect([[...store.kept.keys()], events.length]).toEqual([['d'], 3]);
  });

  it('A received invalidation does not remove a value that was set by a cache without a loader', async () => {
    const { clock, store } = setUp();
    const one = tiered<string>({ capacity: 10 }, store, { clock });
    await one.set('a', 'x');
    one.applyInvalidation({ kind: 'delete', key: 'a' });
    await turns();
    expect(await one.get('a')).toBe('x');
  });

  it('An invalidation is not confirmed until a write in flight has been removed', async () => {
    const { clock, store, process } = setUp();
    const one = process({ tags: () => ['t'] });
    const events: unknown[] = [];
    const { held } = holdCalls(store, 'before', isOperation('set'));
    const written = one.set('a', 'old');
    await turns();
    one.on('invalidate', (invalidation) => events.push(invalidation));
    const deleted = watch(one.deleteMatching({ tag: 't' }));
    await turns();
    expect([deleted.state, events]).toEqual(['pending', []]);
    store.before = ({ operation }) => (operation === 'delete' ? Promise.reject(new Error('down')) : undefined);
    for (const gate of held) gate.resolve();
    await written;
    await turns();
    expect([deleted.value, store.kept.size]).toEqual([false, 1]);
    store.before = () => {};
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([0, 0]);
  });

  it('An invalidation of one key keeps writes in flight of other keys', async () => {
    const { store, process } = setUp();
    const one = process({ tags: (value) => [value] });
    const { release } = holdCalls(store, 'before', isOperation('set'));
    await one.get('a');
    await turns();
    one.applyInvalidation({ kind: 'delete', key: 'b' });
    one.applyInvalidation({ kind: 'deleteMatching', match: { tag: 'b1' } });
    await release();
    expect([...store.kept.keys()]).toEqual(['a']);
  });

  it('An invalidation is emitted after both tiers have applied it, and a received one is not emitted', async () => {
    const { store, process } = setUp();
    const one = process();
    const events: unknown[] = [];
    one.on('invalidate', (invalidation) => events.push([invalidation, store.operations.length]));
    await one.set('a', 'x');
    await one.delete('a');
    await one.expire('a');
    await one.deleteMatching({ tag: 't' });
    await one.expireMatching({ prefix: 'p' });
    await one.clear();
    one.applyInvalidation({ kind: 'clear' });
    expect(events).toEqual([
      [{ kind: 'delete', key: 'a' }, 1],
      [{ kind: 'delete', key: 'a' }, 2],
      [{ kind: 'expire', key: 'a' }, 3],
      [{ kind: 'deleteMatching', match: { tag: 't' } }, 4],
      [{ kind: 'expireMatching', match: { prefix: 'p' } }, 5],
      [{ kind: 'clear' }, 6],
    ]);
    expect(store.operations).toHaveLength(6);
  });

  it('An invalid invalidation is rejected and changes nothing', async () => {
    const { store, process } = setUp();
    const one = process();
    await one.get('a');
    await turns();
    await expect(one.deleteMatching({} as never)).rejects.toThrow('"match" must have exactly one of');
    expect(() => one.applyInvalidation({ kind: 'drop' } as never)).toThrow('"invalidation" must have one of the kinds');
    expect([one.peek('a'), store.kept.size]).toEqual(['a1', 1]);
  });
});
