import { loadingCache } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../src/loading-cache/invalidation.js';
import { InvalidationLog } from '../../src/loading-cache/invalidation-log.js';
import { setUp } from './setup.js';

const KEYS = ['user:1', 'user:1:posts', 'user:2', 'team:1', ''];

/** A cache filled with `KEYS`. Each colon-separated part of a key is a tag. */
function filled() {
  const { cache, clock, calls } = setUp({ tags: (_, key) => key.split(':'), staleWhileRevalidate: 100, ttl: 1000 });
  for (const key of KEYS) cache.set(key, `value of ${key}`);
  return { cache, clock, calls, left: () => KEYS.filter((key) => cache.peek(key) !== undefined) };
}

describe('deleteMatching and expireMatching', () => {
  it.each([
    [{ tag: 'user' }, ['team:1', '']],
    [{ tag: '1' }, ['user:2', '']],
    [{ tag: 'nobody' }, KEYS],
    [{ tag: '' }, ['user:1', 'user:1:posts', 'user:2', 'team:1']],
    [{ prefix: 'user:1' }, ['user:2', 'team:1', '']],
    [{ prefix: '' }, []],
    [{ glob: 'user:*' }, ['team:1', '']],
    [{ glob: 'user:?' }, ['user:1:posts', 'team:1', '']],
    [{ glob: '*:1' }, ['user:1:posts', 'user:2', '']],
    [{ glob: '' }, ['user:1', 'user:1:posts', 'user:2', 'team:1']],
  ] as const)('deleteMatching and expireMatching with %o leave only the other keys', async (match, left) => {
    const deleted = filled();
    deleted.cache.deleteMatching(match);
    expect(deleted.left()).toEqual(left);

    const expired = filled();
    expired.cache.expireMatching(match);
    expect(expired.left()).toEqual(KEYS);
    await expired.clock.advance(100);
    expect(expired.left()).toEqual(left);
  });

  it('An entry set after a matching invalidation is not affected', () => {
    const { cache } = filled();
    cache.deleteMatching({ tag: 'user' });
    cache.deleteMatching({ prefix: 'user' });
    cache.set('user:1', 'new');
    expect([cache.peek('user:1'), cache.peek('user:2')]).toEqual(['new', undefined]);
    cache.deleteMatching({ tag: 'team' });
    expect(cache.peek('user:1')).toBe('new');
  });

  it('An entry is compared with all invalidations so far', () => {
    const { cache, left } = filled();
    cache.deleteMatching({ tag: 'team' });
    cache.deleteMatching({ glob: 'user:2' });
    cache.deleteMatching({ prefix: 'user:1:' });
    cache.expireMatching({ tag: 'user' });
    expect(left()).toEqual(['user:1', '']);
  });

  it('A second expiration does not extend the stale time, whether or not the entry was read in between', async () => {
    for (const isRead of [true, false]) {
      const { cache, clock, left } = filled();
      cache.expireMatching({ tag: 'user' });
      cache.expireMatching({ glob: 'team*' });
      cache.expire('');
      await clock.advance(60);
      if (isRead) expect(left()).toEqual(KEYS);
      cache.expireMatching({ tag: 'user' });
      cache.expireMatching({ glob: 'team*' });
      if (isRead) cache.expire('');
      await clock.advance(39);
      if (isRead) expect(left()).toEqual(KEYS);
      await clock.advance(1);
      cache.expireMatching({ prefix: '' });
      expect(left()).toEqual([]);
    }
  });

  it('An expiration does not extend the stale time that the TTL allows', async () => {
    const { cache, clock, left } = filled();
    await clock.advance(1050);
    cache.expireMatching({ prefix: '' });
    await clock.advance(49);
    expect(left()).toEqual(KEYS);
    await clock.advance(1);
    expect(left()).toEqual([]);
  });

  it('Tags given to set replace those of the tags function, and later changes of the array are ignored', () => {
    const { cache } = filled();
    const tags = ['own'];
    cache.set('user:1', 'x', { tags });
    tags.push('later');
    cache.deleteMatching({ tag: 'user' });
    cache.deleteMatching({ tag: 'later' });
    expect(cache.peek('user:1')).toBe('x');
    cache.deleteMatching({ tag: 'own' });
    expect(cache.peek('user:1')).toBe(undefined);
  });

  it('Prefixes and globs match only keys that are strings', () => {
    const cache = loadingCache<unknown, number>({ load: () => 0, capacity: 10 });
    for (const key of [1, Symbol.iterator, {}, undefined]) cache.set(key, 1);
    cache.deleteMatching({ prefix: '' });
    cache.deleteMatching({ glob: '*' });
    expect(cache.peek(1)).toBe(1);
    cache.clear();
    expect(cache.peek(1)).toBe(undefined);
  });

  it.each([undefined, null, 'tag', {}, { tag: 1 }, { tag: 'a', prefix: 'b' }, { tags: 'a' }, []])(
    'deleteMatching and expireMatching reject %o',
    (match) => {
      const { cache } = filled();
      expect(() => cache.deleteMatching(match as never)).toThrow(/loadingCache: "match/);
      expect(() => cache.expireMatching(match as never)).toThrow(/loadingCache: "match/);
    },
  );
});

describe('matchesGlob', () => {
  it.each([
    ['*', ''],
    ['**', 'abc'],
    ['a*', 'a'],
    ['*a', 'ba'],
    ['a*b*c', 'aXbXbYc'],
    ['?', 'x'],
    ['a\\*b', 'a*b'],
    ['a\\?', 'a?'],
    ['a\\\\', 'a\\'],
    ['a\\', 'a\\'],
    ['[a]{b}.', '[a]{b}.'],
    ['*\\**', 'x*y'],
  ])('The glob %s matches "%s"', (glob, text) => {
    expect(matchesGlob(glob, text)).toBe(true);
  });

  it.each([
    ['', 'a'],
    ['?', ''],
    ['?', 'ab'],
    ['a*b*c', 'aXbXb'],
    ['a\\*b', 'axb'],
    ['a\\?', 'ab'],
    ['a', 'ab'],
    ['ab', 'a'],
    ['*a', 'ab'],
    ['[a]', 'a'],
    ['*\\**', 'xy'],
    ['A', 'a'],
  ])('The glob %s does not match "%s"', (glob, text) => {
    expect(matchesGlob(glob, text)).toBe(false);
  });

  it('matchesGlob takes at most time proportional to the product of both lengths', () => {
    const startMs = performance.now();
    expect(matchesGlob('*a'.repeat(50), `${'a'.repeat(2000)}b`)).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(2000); // exponential backtracking would not end
  });
});

describe('InvalidationLog', () => {
  it('A dropped tag counts as matching every entry that was not compared with it', () => {
    const log = new InvalidationLog();
    const { latest } = log;
    log.delete({ kind: 'tag', text: 'first' }, 1);
    const afterFirst = log.latest;
    for (let i = 0; i < 9_999; i++) log.delete({ kind: 'tag', text: `t${i}` }, 2);
    expect(log.hasDeleted('k', ['other'], latest)).toBe(false);
    log.delete({ kind: 'tag', text: 'one too many' }, 3);
    expect(log.hasDeleted('k', ['other'], latest)).toBe(true);
    expect(log.hasDeleted('k', ['other'], afterFirst)).toBe(false);
    expect(log.hasDeleted('k', ['t0'], afterFirst)).toBe(true);
  });

  it('A tag that is added again is no longer the oldest of the log', () => {
    const log = new InvalidationLog();
    log.delete({ kind: 'tag', text: 'first' }, 1);
    log.delete({ kind: 'tag', text: 'second' }, 1);
    const afterSecond = log.latest;
    log.delete({ kind: 'tag', text: 'first' }, 2);
    for (let i = 0; i < 9_999; i++) log.delete({ kind: 'tag', text: `t${i}` }, 3);
    expect(log.hasDeleted('k', ['other'], afterSecond)).toBe(false); // only the second tag was dropped
    expect(log.hasDeleted('k', ['first'], afterSecond)).toBe(true);
  });

  it('The number of patterns is bounded, and an equal pattern is stored once', () => {
    const log = new InvalidationLog();
    log.expire({ kind: 'glob', text: 'a*' }, 1);
    const afterFirst = log.latest;
    for (let i = 0; i < 5_000; i++) log.expire({ kind: 'prefix', text: `${i % 999}` }, 2);
    expect([log.hasInvalidated('k', [], 0), log.expiredAt('abc', [], 0)]).toEqual([false, 1]);
    log.expire({ kind: 'glob', text: 'b*' }, 3);
    expect([log.hasDeleted('k', [], 0), log.hasDeleted('k', [], afterFirst)]).toEqual([true, false]);
    expect([log.expiredAt('b', [], afterFirst), log.expiredAt('abc', [], afterFirst)]).toEqual([3, undefined]);
  });

  it('A pattern that is added again is no longer the oldest, and a dropped pattern can be added again', () => {
    const log = new InvalidationLog();
    log.delete({ kind: 'prefix', text: 'first' }, 1);
    log.delete({ kind: 'prefix', text: 'second' }, 1);
    log.delete({ kind: 'prefix', text: 'third' }, 1);
    const afterThird = log.latest;
    log.delete({ kind: 'prefix', text: 'second' }, 2);
    for (let i = 0; i < 998; i++) log.delete({ kind: 'prefix', text: `p${i}` }, 3);
    expect(log.hasDeleted('k', [], 0)).toBe(true); // the first pattern was dropped
    expect(log.hasDeleted('k', [], 1)).toBe(false); // no later pattern was dropped
    expect(['first', 'second', 'third'].map((key) => log.hasDeleted(key, [], afterThird))).toEqual([
      false,
      true,
      false,
    ]);
    log.delete({ kind: 'prefix', text: 'first' }, 4);
    expect(log.hasDeleted('first', [], log.latest - 1)).toBe(true);
    expect(log.hasDeleted('first', [], log.latest)).toBe(false);
  });

  it('A tag or pattern keeps a bounded number of times, and older times count as the oldest kept time', () => {
    const log = new InvalidationLog();
    for (const kind of ['tag', 'prefix'] as const) {
      const before = log.latest;
      for (let time = 0; time < 20; time++) log.expire({ kind, text: 't' }, time);
      const sinces = [0, 3, 4, 5, 6, 18, 19, 20];
      expect(sinces.map((since) => log.expiredAt('t', ['t'], before + since))).toEqual([
        ...[0, 0, 0, 5, 6, 18, 19],
        undefined,
      ]);
    }
  });

  it('A tag, a prefix and a glob of the same text are distinct', () => {
    const log = new InvalidationLog();
    log.delete({ kind: 'glob', text: 'k' }, 1);
    log.delete({ kind: 'prefix', text: 'k' }, 2);
    expect([log.hasDeleted('k', [], 0), log.hasDeleted('kk', [], 0), log.hasDeleted('x', ['k'], 0)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('The log keeps as many tags as the given size', () => {
    const log = new InvalidationLog(20_000);
    for (let i = 0; i < 20_000; i++) log.delete({ kind: 'tag', text: `${i}` }, 1);
    expect(log.hasDeleted('k', ['other'], 0)).toBe(false);
  });
});
