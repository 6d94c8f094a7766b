import { InvalidOptionError } from 'breakwater/core';
import { deadlineHeader, readDeadline } from 'breakwater/overload';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const envoy = 'x-envoy-expected-rq-timeout-ms';

describe('deadlineHeader', () => {
  it('writes milliseconds for Envoy by default, less the margin', () => {
    const { name, format } = deadlineHeader({ margin: '20ms' });
    expect([name, format(1000), format(1000.9), format(21), format(20.5), format(0)]).toEqual([
      envoy,
      '980',
      '980',
      '1',
      undefined,
      undefined,
    ]);
  });

  it.each([
    [1, '1m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [99_999_999_999, '99999999S'],
    [1e11, '1666666M'],
    [1e15, '277777777H'.replace('277777777', '99999999')],
  ])('writes %d ms in gRPC form as %s, with at most eight digits', (ms, value) => {
    expect(deadlineHeader({ name: 'grpc-timeout' }).format(ms)).toBe(value);
  });

  it('accepts a name of the caller, in lower case, with either format', () => {
    expect(deadlineHeader({ name: 'X-Deadline-Ms' })).toMatchObject({ name: 'x-deadline-ms' });
    expect(deadlineHeader({ name: 'x-deadline', format: 'grpc' }).format(5)).toBe('5m');
  });

  it('writes no exponent and nothing that it cannot read', () => {
    for (const name of [envoy, 'grpc-timeout']) {
      const header = deadlineHeader({ name });
      expect(header.parse(header.format(Number.MAX_VALUE)!)).toBeGreaterThan(3e11);
    }
  });

  it('never lets a deadline grow, in any number of hops', () => {
    const hop = fc.record({ name: fc.constantFrom(envoy, 'grpc-timeout'), margin: fc.integer({ min: 0, max: 50 }) });
    const ms = fc.double({ min: 0, max: 1e16, noNaN: true });
    fc.assert(
      fc.property(ms, fc.array(hop, { minLength: 1, maxLength: 6 }), (start, hops) => {
        let left = start;
        for (const options of hops) {
          const header = deadlineHeader(options);
          const value = header.format(left);
          if (value === undefined) return;
          const received = readDeadline({ [header.name]: value }, header)!;
          expect(received).toBeLessThanOrEqual(left - options.margin);
          left = received;
        }
      }),
    );
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'two words' }, 'name'],
    [{ format: 'seconds' }, 'format'],
    [{ margin: -1 }, 'margin'],
    [{ margin: Infinity }, 'margin'],
  ] as [object, string][])('rejects the options %j', (options, option) => {
    expect(() => deadlineHeader(options)).toThrow(InvalidOptionError);
    expect(() => deadlineHeader(options)).toThrow(`"${option}"`);
  });
});

describe('readDeadline', () => {
  it.each([
    ['250', 250],
    ['0', 0],
    ['-5', 0],
    ['1000000000000', 1e12],
    [' 70 ', 70],
    ['500, 200', 200],
    ['nonsense, 200', 200],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['1e3', undefined],
    ['12.5', undefined],
    ['0x10', undefined],
    ['', undefined],
    ['9'.repeat(16), undefined],
    ['1,'.repeat(1000), undefined],
  ])('reads the milliseconds %j as %s', (value, ms) => {
    expect(readDeadline({ [envoy]: value })).toBe(ms);
    if (!value.includes(',') || value.length < 100) expect(readDeadline(new Headers({ [envoy]: value }))).toBe(ms);
  });

  it.each([
    ['1H', 3_600_000],
    ['1M', 60_000],
    ['1S', 1000],
    ['99999999m', 99_999_999],
    ['1500u', 1.5],
    ['1000000n', 1],
    ['0m', 0],
    ['-1S', 0],
    ['100000000m', undefined],
    ['1000000000000m', undefined],
    ['1s', undefined],
    ['1', undefined],
    ['NaNm', undefined],
  ])('reads the gRPC timeout %j as %s', (value, ms) => {
    expect(readDeadline({ 'grpc-timeout': value }, deadlineHeader({ name: 'grpc-timeout' }))).toBe(ms);
  });

  it('reads repeated fields, of which the smallest value counts, and no field as undefined', () => {
    const headers = new Headers();
    headers.append(envoy, '500');
    headers.append(envoy, '300');
    expect(readDeadline(headers)).toBe(300);
    expect(readDeadline({ [envoy]: ['500', '300'] })).toBe(300);
    expect([readDeadline({}), readDeadline(new Headers()), readDeadline(Object.create({ [envoy]: '1' }))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
