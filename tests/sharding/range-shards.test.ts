import { rangeShards, type ShardRange } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';
import { RangeTable } from '../../src/sharding/range-shards.js';

const letters = rangeShards([
  { from: 'n', shard: 'n-z' },
  { from: 'g', to: 'n', shard: 'g-m' },
  { to: 'g', shard: 'a-f' },
]);
const ids = rangeShards([
  { from: 0, to: 10, shard: 'a' },
  { from: 10, to: 20, shard: 'b' },
  { from: 20, to: 30, shard: 'a' },
]);
const month = (number: number) => new Date(Date.UTC(2026, number - 1));
const events = rangeShards(
  [9, 10, 11].map((number) => ({ from: month(number), to: month(number + 1), shard: `events_2026_${number}` })),
);

describe('get', () => {
  it('a key maps to the range that starts at or before it and ends after it', () => {
    expect([-1, 0, 9.99, 10, 19, 20, 29, 30, -0].map((id) => ids.get(id))).toEqual([
      undefined,
      'a',
      'a',
      'b',
      'b',
      'a',
      'a',
      undefined,
      'a',
    ]);
  });

  it('an open start or end has no first or last key', () => {
    expect(['', 'fz', 'g', 'mzzz', 'n', '\uffff'].map((key) => letters.get(key))).toEqual([
      'a-f',
      'a-f',
      'g-m',
      'g-m',
      'n-z',
      'n-z',
    ]);
  });

  it('a date maps to its range to the millisecond', () => {
    expect([
      events.get(new Date('2026-11-01T00:00:00.000Z')),
      events.get(new Date('2026-10-31T23:59:59.999Z')),
      events.get(new Date('2026-12-01T00:00:00Z')),
    ]).toEqual(['events_2026_11', 'events_2026_10', undefined]);
  });

  it('strings are compared by code units, and bigints exactly', () => {
    const text = rangeShards([
      { to: '\uffff', shard: 'low' },
      { from: '\uffff', shard: 'high' },
    ]);
    expect(text.get('\u{1f600}')).toBe('low'); // a surrogate is below U+FFFF, although its character is above
    const big = rangeShards([
      { to: 2n ** 53n + 1n, shard: 'low' },
      { from: 2n ** 53n + 1n, shard: 'high' },
    ]);
    expect([big.get(2n ** 53n), big.get(2n ** 53n + 1n)]).toEqual(['low', 'high']);
  });

  it('keys of another type and invalid keys are rejected', () => {
    expect(() => ids.get('5' as never)).toThrow('rangeShards: "key" must be a number like the other keys, got "5"');
    expect(() => letters.get(5 as never)).toThrow('"key" must be a string');
    expect(() => events.get(5 as never)).toThrow('"key" must be a date');
    expect(() => ids.get(5n as never)).toThrow('"key" must be a number');
    for (const key of [Number.NaN, Infinity, null, undefined, {}, new Date('?')]) {
      expect(() => ids.get(key as never)).toThrow('"key" must be a finite number, a bigint, a string or a valid Date');
    }
  });

  it('a table with only open ends accepts keys of any type', () => {
    const all = rangeShards([{ shard: 'all' }]);
    expect([all.get(5), all.get('a'), all.get(month(1))]).toEqual(['all', 'all', 'all']);
    expect(() => all.get(Number.NaN)).toThrow('"key"');
    expect(() => all.split('m', 'rest').get(5)).toThrow('"key" must be a string');
  });
});

describe('Construction', () => {
  it('a gap, an overlap and an empty range are rejected with the names of the ranges', () => {
    const make = (...ranges: ShardRange<number>[]) => rangeShards(ranges);
    expect(() => make({ from: 7, shard: 'b' }, { to: 5, shard: 'a' })).toThrow(
      'rangeShards: "ranges" must not have a gap: there is one between "a" […, 5) and "b" [7, …), got an array',
    );
    const overlap = /must not overlap: "a" .* and "b" .* do/;
    expect(() => make({ from: 1, to: 6, shard: 'a' }, { from: 5, to: 9, shard: 'b' })).toThrow(
      'must not overlap: "a" [1, 6) and "b" [5, 9) do',
    );
    expect(() => make({ from: 1, shard: 'a' }, { from: 5, shard: 'b' })).toThrow(overlap);
    expect(() => make({ to: 1, shard: 'a' }, { to: 5, shard: 'b' })).toThrow(overlap);
    expect(() => make({ from: 1, to: 5, shard: 'a' }, { from: 1, to: 5, shard: 'b' })).toThrow(overlap);
    expect(() => make({ shard: 'a' }, { shard: 'b' })).toThrow(overlap);
    expect(() => make({ from: 5, to: 5, shard: 'a' })).toThrow('must begin before they end: "a" [5, 5) is empty');
    expect(() => make({ from: 6, to: 5, shard: 'a' })).toThrow('must begin before they end');
    expect(() => make()).toThrow('"ranges" must have at least one range');
    expect(() =>
      rangeShards([
        { to: month(2), shard: 'a' },
        { from: month(3), shard: 'b' },
      ]),
    ).toThrow(
      // biome-ignore format: one line
      'between "a" […, 2026-02-01T00:00:00.000Z) and "b" [2026-03-01T00:00:00.000Z, …)',
    );
  });

  it('ends that are invalid, infinite or of different types are rejected', () => {
    expect(() =>
      rangeShards([
        { to: 5, shard: 'a' },
        { from: '5' as never, shard: 'b' },
      ]),
    ).toThrow(
      // biome-ignore format: one line
      '"ranges[1].from" must be a number like the other keys, got "5"',
    );
    for (const from of [Number.NaN, -Infinity, null, new Date('?')]) {
      expect(() => rangeShards([{ from: from as never, shard: 'a' }])).toThrow(
        '"ranges[0].from" must be a finite number',
      );
    }
    expect(() => rangeShards([{ to: Infinity, shard: 'a' }])).toThrow('"ranges[0].to"');
  });

  it('a value that is not a list of ranges is rejected', () => {
    expect(() => rangeShards([{ shard: '' }])).toThrow('"ranges[0].shard" must be a string that is not empty');
    expect(() => rangeShards([{ until: 5, shard: 'a' } as never])).toThrow('"ranges[0].until" is unknown');
    expect(() => rangeShards([null as never])).toThrow('"ranges[0]" must be an object');
    for (const none of ['ab', 5, null, undefined, {}]) {
      expect(() => rangeShards(none as never)).toThrow('"ranges" must be a list');
    }
  });

  it('ranges and keys are copied, including dates', () => {
    const from = month(11);
    const own = rangeShards([{ from, shard: 'now' }]);
    from.setUTCFullYear(2030);
    expect(own.get(month(11))).toBe('now');
    own.ranges[0]?.from?.setUTCFullYear(2030);
    expect(own.get(month(11))).toBe('now');
    const key = month(12);
    own.split(key, 'later').get(key);
    expect(key).toEqual(month(12));
  });
});

describe('ranges and shards', () => {
  it('ranges are ordered plain data from which the same router can be built', () => {
    expect(letters.ranges).toEqual([
      { from: undefined, to: 'g', shard: 'a-f' },
      { from: 'g', to: 'n', shard: 'g-m' },
      { from: 'n', to: undefined, shard: 'n-z' },
    ]);
    for (const router of [letters, ids, events]) {
      expect(rangeShards(router.ranges as ShardRange<string>[]).ranges).toEqual(router.ranges);
    }
    expect(events.ranges[2]).toEqual({ from: month(11), to: month(12), shard: 'events_2026_11' });
    expect(ids.shards).toEqual(['a', 'b']);
  });

  it('a further range can be added to the ranges of a router', () => {
    const next = rangeShards([...events.ranges, { from: month(12), to: month(13), shard: 'events_2026_12' }]);
    expect([next.get(month(12)), next.shards.length, events.get(month(12))]).toEqual(['events_2026_12', 4, undefined]);
  });
});

describe('getRange', () => {
  it('getRange reads only the covered ranges and those of the search', () => {
    const ranges = Array.from({ length: 10_000 }, (_, from) => ({ from, to: from + 1, shard: `s${from % 7}` }));
    const router = rangeShards(ranges) as unknown as RangeTable<number>;
    let reads = 0;
    const list = new Proxy(router.spans.list, {
      get: (target, key) => {
        reads += Number(typeof key === 'string' && /^\d+$/.test(key));
        return Reflect.get(target, key);
      },
    });
    const counted = new RangeTable<number>({ ...router.spans, list });
    reads = 0;
    expect(counted.getRange(5000, 5002)).toEqual(['s2', 's3']);
    expect(reads).toBeLessThan(30);
  });

  it('getRange returns each shard with keys in the range once, in order', () => {
    expect(ids.getRange(5, 25)).toEqual(['a', 'b']);
    expect(ids.getRange(10, 20)).toEqual(['b']);
    expect(ids.getRange(10, 20.5)).toEqual(['b', 'a']);
    expect(ids.getRange(9, 10)).toEqual(['a']);
    expect(ids.getRange(19)).toEqual(['b', 'a']);
    expect(ids.getRange(undefined, 10)).toEqual(['a']);
    expect(letters.getRange()).toEqual(['a-f', 'g-m', 'n-z']);
    expect(letters.getRange('h', 'i')).toEqual(['g-m']);
    expect(letters.getRange('zz')).toEqual(['n-z']);
    expect(events.getRange(new Date('2026-10-30'), new Date('2026-11-02'))).toEqual([
      'events_2026_10',
      'events_2026_11',
    ]);
  });

  it('getRange returns no shard for an empty range or for keys of no range', () => {
    expect(ids.getRange(5, 5)).toEqual([]);
    expect(ids.getRange(30, 40)).toEqual([]);
    expect(ids.getRange(-5, 0)).toEqual([]);
    expect(ids.getRange(-5, 1)).toEqual(['a']);
  });

  it('getRange rejects ends in the wrong order or of different types', () => {
    expect(() => ids.getRange(6, 5)).toThrow('"to" must not be before "from", got 5');
    expect(() => ids.getRange('a' as never)).toThrow('"from" must be a number');
    expect(() => ids.getRange(1, 'a' as never)).toThrow('"to" must be a number');
    expect(() => rangeShards([{ shard: 'all' }]).getRange(1, 'a')).toThrow('"to" must be a number');
  });
});

describe('split and merge', () => {
  it('split leaves the keys before the boundary and assigns the others to the new shard', () => {
    const more = letters.split('t', 't-z');
    expect(['s', 't', 'z', 'm'].map((key) => more.get(key))).toEqual(['n-z', 't-z', 't-z', 'g-m']);
    expect(letters.get('t')).toBe('n-z');
    expect(letters.split('b', 'other').ranges.slice(0, 2)).toEqual([
      { from: undefined, to: 'b', shard: 'a-f' },
      { from: 'b', to: 'g', shard: 'other' },
    ]);
  });

  it('merge assigns the upper range to the shard of the lower range', () => {
    const fewer = letters.merge('g');
    expect(fewer.ranges).toEqual([
      { from: undefined, to: 'n', shard: 'a-f' },
      { from: 'n', to: undefined, shard: 'n-z' },
    ]);
    expect(letters.merge('n').get('z')).toBe('g-m');
    expect(letters.split('t', 'x').merge('t').ranges).toEqual(letters.ranges);
    const dates = events.split(new Date('2026-11-15'), 'events_2026_11b');
    expect([dates.get(new Date('2026-11-15')), dates.merge(new Date('2026-11-15')).shards]).toEqual([
      'events_2026_11b',
      events.shards,
    ]);
  });

  it('split and merge reject a boundary that does not fit', () => {
    for (const at of [0, 10, 30, -5, 99]) expect(() => ids.split(at, 'x')).toThrow('"at" must be inside a range');
    for (const at of [0, 5, 30]) expect(() => ids.merge(at)).toThrow('"at" must be where two ranges meet');
    expect(() => ids.split(5, '')).toThrow('"shard" must be a string that is not empty');
    expect(() => ids.split('5' as never, 'x')).toThrow('"at" must be a number');
    expect(() => ids.merge('5' as never)).toThrow('"at" must be a number');
  });
});
