import { loadingCache } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../src/loading-cache/invalidation.js';
import { InvalidationLog } from '../../src/loading-cache/invalidation-log.js';
import { setUp } from './setup.js';

const KEYS = ['user:1', 'user:1:posts', 'user:2', 'team:1', ''];

/** A cache of these keys, each with a tag for each of its parts. */
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
  ] as const)('%o', async (match, left) => {
    const deleted = filled();
    deleted.cache.deleteMatching(match);
    expect(deleted.left()).toEqual(left);

    const expired = filled();
    expired.cache.expireMatching(match);
    expect(expired.left()).toEqual(KEYS);
    await expired.clock.advance(100);
    expect(expired.left()).toEqual(left);
  });

  it('have no say over what comes later', () => {
    const { cache } = filled();
    cache.deleteMatching({ tag: 'user' });
    cache.deleteMatching({ prefix: 'user' });
    cache.set('user:1', 'new');
    expect([cache.peek('user:1'), cache.peek('user:2')]).toEqual(['new', undefined]);
    cache.deleteMatching({ tag: 'team' });
    expect(cache.peek('user:1')).toBe('new');
  });

  it('add up: an entry is compared with all of them', () => {
    const { cache, left } = filled();
    cache.deleteMatching({ tag: 'team' });
    cache.deleteMatching({ glob: 'user:2' });
    cache.deleteMatching({ prefix: 'user:1:' });
    cache.expireMatching({ tag: 'user' });
    expect(left()).toEqual(['user:1', '']);
  });

  it('expire once: a second time makes nothing last longer, whether it was read between or not', async () => {
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

  it('expire nothing for longer than its ttl would have let it be stale', async () => {
    const { cache, clock, left } = filled();
    await clock.advance(1050);
    cache.expireMatching({ prefix: '' });
    await clock.advance(49);
    expect(left()).toEqual(KEYS);
    await clock.advance(1);
    expect(left()).toEqual([]);
  });

  it('take the tags of set before those of the cache', () => {
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

  it('know the look only of keys that are strings', () => {
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

describe('globs', () => {
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
  ])('the glob %s matches "%s"', (glob, text) => {
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
  ])('the glob %s does not match "%s"', (glob, text) => {
    expect(matchesGlob(glob, text)).toBe(false);
  });

  it('take no longer than the product of both lengths', () => {
    const steps = performance.now();
    expect(matchesGlob('*a'.repeat(50), `${'a'.repeat(2000)}b`)).toBe(false);
    expect(performance.now() - steps).toBeLessThan(2000); // milliseconds; backtracking would take for ever
  });
});

describe('the marks', () => {
  it('are bounded: what is forgotten is taken to hit all that was not compared with it', () => {
    const marks = new InvalidationLog();
    const { latest } = marks;
    marks.delete({ kind: 'tag', text: 'first' }, 1);
    const afterFirst = marks.latest;
    for (let i = 0; i < 9_999; i++) marks.delete({ kind: 'tag', text: `t${i}` }, 2);
    expect(marks.hasDeleted('k', ['other'], latest)).toBe(false);
    marks.delete({ kind: 'tag', text: 'one too many' }, 3);
    expect(marks.hasDeleted('k', ['other'], latest)).toBe(true);
    expect(marks.hasDeleted('k', ['other'], afterFirst)).toBe(false);
    expect(marks.hasDeleted('k', ['t0'], afterFirst)).toBe(true);
  });

  it('of a tag that is marked again are not the oldest any more', () => {
    const marks = new InvalidationLog();
    marks.delete({ kind: 'tag', text: 'first' }, 1);
    marks.delete({ kind: 'tag', text: 'second' }, 1);
    const afterSecond = marks.latest;
    marks.delete({ kind: 'tag', text: 'first' }, 2);
    for (let i = 0; i < 9_999; i++) marks.delete({ kind: 'tag', text: `t${i}` }, 3);
    expect(marks.hasDeleted('k', ['other'], afterSecond)).toBe(false); // only the second was forgotten
    expect(marks.hasDeleted('k', ['first'], afterSecond)).toBe(true);
  });

  it('of patterns are bounded likewise, and the same pattern again is the same one', () => {
    const marks = new InvalidationLog();
    marks.expire({ kind: 'glob', text: 'a*' }, 1);
    const afterFirst = marks.latest;
    for (let i = 0; i < 5_000; i++) marks.expire({ kind: 'prefix', text: `${i % 999}` }, 2);
    expect([marks.hasInvalidated('k', [], 0), marks.expiredAt('abc', [], 0)]).toEqual([false, 1]);
    marks.expire({ kind: 'glob', text: 'b*' }, 3);
    expect([marks.hasDeleted('k', [], 0), marks.hasDeleted('k', [], afterFirst)]).toEqual([true, false]);
    expect([marks.expiredAt('b', [], afterFirst), marks.expiredAt('abc', [], afterFirst)]).toEqual([3, undefined]);
  });

  it('of a pattern that is marked again are not the oldest any more, and a forgotten pattern begins again', () => {
    const marks = new InvalidationLog();
    marks.delete({ kind: 'prefix', text: 'first' }, 1);
    marks.delete({ kind: 'prefix', text: 'second' }, 1);
    marks.delete({ kind: 'prefix', text: 'third' }, 1);
    const afterThird = marks.latest;
    marks.delete({ kind: 'prefix', text: 'second' }, 2);
    for (let i = 0; i < 998; i++) marks.delete({ kind: 'prefix', text: `p${i}` }, 3);
    expect(marks.hasDeleted('k', [], 0)).toBe(true); // the first was forgotten
    expect(marks.hasDeleted('k', [], 1)).toBe(false); // and nothing after it
    expect(['first', 'second', 'third'].map((key) => marks.hasDeleted(key, [], afterThird))).toEqual([
      false,
      true,
      false,
    ]);
    marks.delete({ kind: 'prefix', text: 'first' }, 4);
    expect(marks.hasDeleted('first', [], marks.latest - 1)).toBe(true);
    expect(marks.hasDeleted('first', [], marks.latest)).toBe(false);
  });

  it('of one tag, or one pattern, are so many at most: older ones are taken to be as old as the oldest', () => {
    const marks = new InvalidationLog();
    for (const kind of ['tag', 'prefix'] as const) {
      const before = marks.latest;
      for (let time = 0; time < 20; time++) marks.expire({ kind, text: 't' }, time);
      const sinces = [0, 3, 4, 5, 6, 18, 19, 20];
      expect(sinces.map((since) => marks.expiredAt('t', ['t'], before + since))).toEqual([
        ...[0, 0, 0, 5, 6, 18, 19],
        undefined,
      ]);
    }
  });

  it('of a tag, and of a prefix and a glob of the same text, are different ones', () => {
    const marks = new InvalidationLog();
    marks.delete({ kind: 'glob', text: 'k' }, 1);
    marks.delete({ kind: 'prefix', text: 'k' }, 2);
    expect([marks.hasDeleted('k', [], 0), marks.hasDeleted('kk', [], 0), marks.hasDeleted('x', ['k'], 0)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('are as many as a cache may have entries', () => {
    const marks = new InvalidationLog(20_000);
    for (let i = 0; i < 20_000; i++) marks.delete({ kind: 'tag', text: `${i}` }, 1);
    expect(marks.hasDeleted('k', ['other'], 0)).toBe(false);
  });
});
