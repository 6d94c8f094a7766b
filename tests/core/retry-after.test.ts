import { parseRetryAfter } from 'breakwater/fetch';
import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../src/core/http-date.js';
import { retryAfterMs } from '../../src/core/retry-after.js';

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    [' 1 ', 1000],
    ['007', 7000],
    ['1000000000', 1e12],
    ['1.5', 1500], // not in RFC 9110, but sent
    ['0.0004', 1],
    ['Sat, 21 Nov 2026 12:00:05 GMT', 5000],
    ['Sat, 21 Nov 2026 11:59:00 GMT', 0], // in the past
    ['Fri, 31 Dec 2999 23:59:59 GMT', Date.UTC(2999, 11, 31, 23, 59, 59) - NOW],
    ['Saturday, 21-Nov-26 12:01:00 GMT', 60_000], // RFC 850
    ['Sunday, 21-Nov-77 12:00:00 GMT', 0], // 51 years ahead means 1977
    ['Sat Nov 21 12:00:10 2026', 10_000], // asctime
    ['Sun Nov  1 12:00:10 2026', 0],
  ])('parseRetryAfter reads %j as %s ms', (value, ms) => {
    expect(parseRetryAfter(value, NOW)).toBe(ms);
  });

  it.each([
    ...[
      '-1',
      '1.5.1',
      '.5',
      '5.',
      '1,5',
      '0x10',
      'Infinity',
      'NaN',
      '',
      '1, 2',
      '1;foo',
      '1e3',
      '٥',
      '+1',
      'soon',
      '9'.repeat(4000),
    ],
    ...['Sat, 21 Nov 2026 12:00:05 gmt', 'Sat, 21 Nov 2026 12:00:05 CET', 'Sat, 21 Nov 2026 12:00:05', '2026-11-21'],
    ...['Sat, 21 Nov 2026 12:00:60 GMT', 'Sat, 21 Foo 2026 12:00:05 GMT', 'Sat, 21 Nov 2026 25:00:05 GMT'],
    ...['Sat, 21 Nov 2026 12:60:05 GMT', 'Sat, 21 Nov 2026 12:00:61 GMT', ' '.repeat(100_000), '"'.repeat(1000)],
  ])('parseRetryAfter ignores %j', (value) => {
    expect(parseRetryAfter(value, NOW)).toBe(undefined);
  });

  it.each([null, undefined])('parseRetryAfter ignores %s', (value) => {
    expect(parseRetryAfter(value)).toBe(undefined);
  });

  it('parseRetryAfter compares a date with the wall clock by default', () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    expect(parseRetryAfter(inAnHour)).toBeGreaterThan(3_590_000);
  });
});

describe('The two-digit year of an RFC 850 date (RFC 9110, 5.6.7)', () => {
  it.each([
    [2026, '21-Nov-26', 2026],
    [2026, '18-Aug-50', 2050],
    [2026, '18-Aug-70', 2070],
    [2026, '21-Nov-76', 2076], // 50 years ahead is not more than 50
    [2026, '22-Nov-76', 1976],
    [2026, '18-Aug-77', 1977],
    [2026, '18-Aug-00', 2000],
    [1994, '06-Nov-94', 1994],
    [1994, '06-Nov-04', 2004],
    [1999, '30-Oct-49', 2049],
    [1999, '31-Dec-49', 1949],
    [2090, '01-Jan-05', 2105],
    [2090, '01-Jan-41', 2041],
  ])('a date that is read in %i as %s is in %i', (readIn, date, year) => {
    const now = Date.UTC(readIn, 10, 21, 12);
    const at = parseHttpDate(`Thursday, ${date} 12:00:00 GMT`, now);
    expect(new Date(at as number).getUTCFullYear()).toBe(year);
  });

  it('the century depends on the current year and not on Date.parse', () => {
    for (let year = 2000; year <= 2199; year++) {
      const now = Date.UTC(year, 0, 1);
      for (let ahead = -49; ahead <= 50; ahead++) {
        const digits = String((year + ahead) % 100).padStart(2, '0');
        expect(parseHttpDate(`Monday, 01-Jan-${digits} 00:00:00 GMT`, now)).toBe(Date.UTC(year + ahead, 0, 1));
      }
    }
  });
});

describe('The delay that an outcome asks for', () => {
  it('retryAfterMs reads the property of an error and the header of a response that is thrown or returned', () => {
    const response = new Response(null, { status: 503, headers: { 'Retry-After': '2' } });
    expect(retryAfterMs({ ok: false, error: Object.assign(new Error(), { retryAfterMs: 50 }) })).toBe(50);
    expect(retryAfterMs({ ok: true, value: response })).toBe(2000);
    expect(retryAfterMs({ ok: false, error: response })).toBe(2000);
  });

  it.each([
    ['retry-after-ms', '250', 250],
    ['retry-after-ms', '250.2', 251],
    ['x-ms-retry-after-ms', '1500', 1500],
    ['retry-after-ms', '-1', 3000],
    ['retry-after-ms', 'soon', 3000],
    ['retry-after-ms', '1e3', 3000],
    ['x-other', '1', 3000],
  ])('the field %s with %j beside a Retry-After of 3 s asks for %i ms', (name, value, ms) => {
    const headers = { [name]: value, 'retry-after': '3' };
    expect(retryAfterMs({ ok: true, value: new Response(null, { status: 429, headers }) })).toBe(ms);
  });

  // Each client library keeps the response in its own place (E60).
  const record = { 'Retry-After': '3' };
  it.each([
    ['axios', { response: { status: 429, headers: { get: (name: string) => new Headers(record).get(name) } } }],
    ['axios, a record', { response: { status: 429, headers: { 'retry-after': '3' } } }],
    ['got', { response: { statusCode: 429, headers: { 'retry-after': '3' } } }],
    ['ky', { response: new Response(null, { status: 429, headers: record }) }],
    ['octokit', { status: 429, response: { headers: { 'retry-after': '3' } } }],
    ['AWS', { $response: { headers: { 'retry-after': '3' } } }],
    ['undici', { statusCode: 429, headers: record }],
    ['OpenAI', { status: 429, headers: new Headers(record) }],
  ])('the delay is read from an error of %s', (_client, properties) => {
    expect(retryAfterMs({ ok: false, error: Object.assign(new Error('429'), properties) })).toBe(3000);
  });

  // gRFC A6. The metadata of grpc-js returns arrays, that of Connect is a Headers.
  it.each([
    ['grpc-js', { code: 14, metadata: { get: (name: string) => (name === 'grpc-retry-pushback-ms' ? ['250'] : []) } }],
    ['Connect', { code: 14, metadata: new Headers({ 'grpc-retry-pushback-ms': '250' }) }],
  ])('the pushback of a server is read from an error of %s', (_client, properties) => {
    expect(retryAfterMs({ ok: false, error: Object.assign(new Error('14'), properties) })).toBe(250);
  });

  it.each([
    [{ metadata: { get: () => ['-1'] } }],
    [{ metadata: { get: () => ['250', '300'] } }],
    [{ metadata: { get: () => [] } }],
    [{ metadata: 'text' }],
    [{ headers: { 'retry-after': ['3', '4'] } }],
    [{ headers: { 'retry-after': 3 } }],
    [{ headers: [['retry-after', '3']] }],
    [{ headers: null, response: null }],
    [{ response: 'text' }],
    [
      {
        get response(): never {
          throw new Error('getter');
        },
      },
    ],
    [
      {
        headers: {
          get: () => {
            throw new Error('not Headers');
          },
        },
      },
    ],
  ])('an error with unusual headers asks for no delay', (properties) => {
    expect(retryAfterMs({ ok: false, error: properties })).toBe(undefined);
  });

  it.each([0, -600, 600, 86_400 * 365])(
    'a Retry-After date is compared with the Date of the response, whose clock is %i s off',
    (offBySeconds) => {
      const server = Date.now() + offBySeconds * 1000;
      const date = (ms: number) => new Date(server + ms).toUTCString();
      const headers = { date: date(0), 'retry-after': date(5000) };
      expect(retryAfterMs({ ok: true, value: new Response(null, { status: 503, headers }) })).toBe(5000);
    },
  );

  it.each([undefined, 'yesterday', ''])(
    'a Retry-After date is compared with the local clock if the Date of the response is %j',
    (date) => {
      const headers = {
        'retry-after': new Date(Date.now() + 60_000).toUTCString(),
        ...(date === undefined ? {} : { date }),
      };
      const asked = retryAfterMs({ ok: true, value: new Response(null, { status: 503, headers }) });
      expect(asked).toBeGreaterThan(50_000);
      expect(asked).toBeLessThanOrEqual(60_000);
    },
  );

  it.each([
    [{ ok: true, value: { retryAfterMs: 50 } }], // a returned value whose property has another meaning
    [{ ok: true, value: 5 }],
    [{ ok: true, value: null }],
    [{ ok: true, value: { headers: {} } }],
    [{ ok: false, error: Object.assign(new Error(), { retryAfterMs: -1 }) }],
    [{ ok: false, error: Object.assign(new Error(), { retryAfterMs: Number.NaN }) }],
    [{ ok: false, error: Object.assign(new Error(), { retryAfterMs: '50' }) }],
    [{ ok: false, error: undefined }],
  ])('the outcome %j asks for no delay', (outcome) => {
    expect(retryAfterMs(outcome as never)).toBe(undefined);
  });
});
