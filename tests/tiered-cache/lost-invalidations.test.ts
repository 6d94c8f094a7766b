import { describe, expect, it } from 'vitest';
import { setUp, turns } from './setup.js';

describe('what is loaded anew', () => {
  it('and could not be told the second tier is not forgotten for what that has', async () => {
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

it('a store that calls back while it is being told has the last word last', async () => {
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

describe('what the store could not be told', () => {
  it('is told again every second, and what it will never do keeps nothing else from it', async () => {
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

  it('is told to others when it has been done: they may have read it there meanwhile', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.delete('a');
    await one.deleteMatching({ tag: 't' });
    const told: unknown[] = [];
    one.on('invalidate', (invalidation) => told.push(invalidation));
    store.before = () => {};
    await clock.advance(1000);
    await turns();
    expect(told).toEqual([
      { kind: 'delete', key: 'a', isEcho: true },
      { kind: 'deleteMatching', match: { tag: 't' }, isEcho: true },
    ]);
  });

  it('by prefix keeps its keys from being asked for there, by tag only what has the tag from being believed', async () => {
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

  it('is of no more use once the key is there anew', async () => {
    const { store, process } = setUp();
    const one = process();
    store.before = ({ operation }) => (operation === 'delete' ? Promise.reject(new Error('down')) : undefined);
    await one.delete('a');
    await one.get('a');
    await turns();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    expect(await process().get('a')).toBe('a1');
  });

  it('and is settled otherwise meanwhile is not told', async () => {
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
