import { describe, expect, it } from 'vitest';
import { parseCacheControl, secondsOf } from '../../src/http-fields/cache-control.js';

const read = (field: string) => Object.fromEntries(parseCacheControl(field));

describe('Cache-Control (RFC 9111, 5.2)', () => {
  it.each<[string, Record<string, string | null>]>([
    ['', {}],
    [' , ,', {}],
    ['no-store', { 'no-store': null }],
    ['No-Store, MAX-AGE=60', { 'no-store': null, 'max-age': '60' }],
    ['max-age="60"', { 'max-age': '60' }],
    ['a="1, no-store", max-age=5', { a: '1, no-store', 'max-age': '5' }],
    ['a="\\", no-store", b', { a: '", no-store', b: null }],
    ['private="set-cookie, x"', { private: 'set-cookie, x' }],
    ['max-age=', { 'max-age': '' }],
    ['=5', {}],
  ])('The parser reads the field %j', (field, directives) => {
    expect(read(field)).toEqual(directives);
  });

  it.each(['max-age= 60', 'max-age=6 0', 'max-age="60', 'max-age=6"0"', 'max-age=1, max-age=2', 'max-age, max-age=2'])(
    'The malformed field %j has a max-age of 0',
    (field) => {
      expect(secondsOf(parseCacheControl(field), 'max-age')).toBe(0);
    },
  );

  it('Equal duplicates of a directive count as one', () => {
    expect(read('max-age=5, no-store, max-age=5, no-store')).toEqual({ 'max-age': '5', 'no-store': null });
  });

  it('An unterminated quote does not hide the directives after it', () => {
    expect(read('a="1, no-store').a).toBe('');
    expect(read('a="1, no-store')).toHaveProperty('no-store', null);
  });

  it.each([
    ['0', 0],
    ['007', 7],
    ['-1', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['+1', 0],
    ['', 0],
    ['2147483648', 2 ** 31],
    ['9'.repeat(400), 2 ** 31],
  ])('The delta-seconds %s are read as digits up to 2^31 (1.2.2)', (text, seconds) => {
    expect(secondsOf(parseCacheControl(`max-age=${text}`), 'max-age')).toBe(seconds);
  });

  it('A missing directive is undefined, and an unreadable one is 0', () => {
    expect(secondsOf(parseCacheControl('no-store'), 'max-age')).toBeUndefined();
    expect(secondsOf(parseCacheControl('max-age'), 'max-age')).toBe(0);
  });
});
