import { bulkhead, retry } from 'breakwater';
import { expect, it } from 'vitest';
import { accept, type Make, refuse, sizes } from '../support/option-values.js';

const MAY_BE_ZERO = ['halfOpen.maxFailures', 'maxQueue', 'drainLimit'];

it('NaN is rejected as a size', () => refuse(sizes, Number.NaN));

it('0 is accepted as a size only where it means none', () => {
  refuse(sizes, 0, MAY_BE_ZERO);
  accept(sizes, 0, MAY_BE_ZERO);
});

it('-1 is rejected as a size', () => refuse(sizes, -1));

it('1.5 is rejected as a size', () => refuse(sizes, 1.5));

it("the string '2' is rejected as a size", () => refuse(sizes, '2'));

it('null is rejected as a size', () => refuse(sizes, null));

it('undefined as a size means the default, and is rejected where there is no default', () => {
  refuse({ maxConcurrent: sizes.maxConcurrent as Make }, undefined);
  accept(
    sizes,
    undefined,
    Object.keys(sizes).filter((name) => !['maxConcurrent', 'maxConcurrent of resize', 'window.calls'].includes(name)),
  );
  expect(retry({ maxAttempts: undefined }).describe().maxAttempts).toBe(3);
});

it('Infinity as a size means no limit where that is documented, and is rejected elsewhere', () => {
  refuse(sizes, Infinity, ['maxAttempts', 'maxQueue']);
  accept(sizes, Infinity, ['maxAttempts', 'maxQueue']);
});

it('2**32 is accepted as a size, and no memory is allocated for it in advance', () => {
  const before = process.memoryUsage();
  accept(
    sizes,
    2 ** 32,
    Object.keys(sizes).filter((name) => name !== 'window.calls'),
  );
  refuse({ 'window.calls': sizes['window.calls'] as Make }, 2 ** 32); // the only size for which memory is allocated
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 20);
});

it('2**53 is rejected as a size', () => refuse(sizes, 2 ** 53));

it('10n is rejected as a size', () => refuse(sizes, 10n));

it('true is rejected as a size', () => refuse(sizes, true));

it('an empty object is rejected as a size', () => refuse(sizes, {}));

it("the string 'abc' is rejected as a size", () => refuse(sizes, 'abc'));

it('-0 as a size is 0', () => {
  refuse(sizes, -0, MAY_BE_ZERO);
  accept(sizes, -0, MAY_BE_ZERO);
  expect(Object.is(bulkhead({ maxConcurrent: 1, maxQueue: -0 }).describe().maxQueue, 0)).toBe(true);
});

it('Number.MIN_VALUE is rejected as a size', () => refuse(sizes, Number.MIN_VALUE));
