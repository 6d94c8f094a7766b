import { describe, expect, it } from 'vitest';
import { setUp, turns } from './setup.js';

describe('failed writes of loaded values', () => {
  it('A refreshed value is not replaced by the older value of a second tier whose write failed', async () => {
    const { clock, store, process, world } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.get('a');
    await turns();
    world.version = 2;
    store.before = ({ operation }) => (operation === 'set' ? Promise.reject(new Error('read only')) : undefined);
    expect(await one.refresh('a')).toBe('a2');
    await turns();
    await clock.advance(1000);
    expect(await one.get('a')).toBe('a2');
  });
});

it('A delete called by the store during a set is applied after the set', async () => {
  const { store, process, world } = setUp();
  const one = process();
  let isFirst = true;
  store.before = ({ operation }) => {
    if (operation !== 'set' || !isFirst) return;
    isFirst = false;
    world.version = 2;
    one.delete('a');
  };
  await one.get('a');
  await turns();
  expect([store.kept.size, await one.get('a')]).toEqual([0, 'a2']);
});

describe('pending invalidations', () => {
  it('Pending invalidations are retried every second, and one that keeps failing does not block the others', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.deleteMatching({ glob: '*' });
    await one.delete('a');
    await one.delete('b');
    store.before = ({ operation }) =>
      operation === 'deleteMatching' ? Promise.reject(new Error('cannot')) : undefined;
    store.calls.length = 0;
    await clock.advance(999);
    await turns();
    expect(store.operations).toEqual([]);
    await clock.advance(1);
    await turns();
    expect(store.operations).toEqual(['deleteMatching {"glob":"*"}']);
    await clock.advance(1000);
    await turns();
    expect(store.operations.slice(1)).toEqual(['delete a', 'delete b', 'deleteMatching {"glob":"*"}']);
    expect([one.stats.l2.pendingInvalidations, clock.pendingTimers]).toEqual([1, 1]);
    store.before = () => {};
    await one.onIdle();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('A retried invalidation is rebroadcast to other processes once confirmed', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.delete('a');
    await one.deleteMatching({ tag: 't' });
    const events: unknown[] = [];
    one.on('invalidate', (invalidation) => events.push(invalidation));
    store.before = () => {};
    await clock.advance(1000);
    await turns();
    expect(events).toEqual([
      { kind: 'delete', key: 'a', isRebroadcast: true },
      { kind: 'deleteMatching', match: { tag: 't' }, isRebroadcast: true },
    ]);
  });

  it('A pending prefix bypasses the second tier for its keys, and a pending tag rejects values with the tag', async () => {
    const { store, process } = setUp();
    const one = process({ prefix: 'p:', tags: () => ['t'] });
    await one.get('ax');
    await turns();
    const two = process({ prefix: 'p:' });
    store.before = () => Promise.reject(new Error('down'));
    await two.deleteMatching({ prefix: 'a' });
    await two.deleteMatching({ tag: 't' });
    await two.deleteMatching({ tag: 'u' });
    store.before = ({ operation }) =>
      operation === 'deleteMatching' ? Promise.reject(new Error('cannot')) : undefined;
    store.calls.length = 0;
    await two.get('ax');
    await two.get('b');
    await turns();
    expect(store.operations.filter((operation) => operation.startsWith('get'))).toEqual(['get p:b']);
    expect(two.stats.l2).toMatchObject({ pendingInvalidations: 3, bypassed: 1 });
  });

  it('A pending invalidation is removed when a new value of the key is stored', async () => {
    const { store, process } = setUp();
    const one = process();
    store.before = ({ operation }) => (operation === 'delete' ? Promise.reject(new Error('down')) : undefined);
    await one.delete('a');
    await one.get('a');
    await turns();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    expect(await process().get('a')).toBe('a1');
  });

  it('A pending invalidation that a later delete has confirmed is not retried', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.delete('a');
    store.before = () => {};
    store.calls.length = 0;
    await one.delete('a');
    await clock.advance(1000);
    await one.set('b', 'x');
    await turns();
    expect(store.operations).toEqual(['delete a', 'set b']);
  });
});
