import { seededRandom } from 'breakwater/testing';
import { expect, it } from 'vitest';

const take = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
};

it('the same seed returns the same numbers, and another seed returns others', () => {
  expect(take(42, 100)).toEqual(take(42, 100));
  expect(take(0, 5)).toEqual(take(-0, 5));
  for (const other of [43, -42, 42.5, 0]) expect(take(other, 5)).not.toEqual(take(42, 5));
});

it('the numbers of a seed never change, so that recorded seeds keep their meaning', () => {
  expect(take(1, 3)).toMatchInlineSnapshot(`
    [
      0.43615540489554405,
      0.20636106678284705,
      0.6767617743462324,
    ]
  `);
});

it('the numbers lie in [0, 1) and are evenly distributed', () => {
  const counts = new Array(16).fill(0);
  for (const number of take(7, 16_000)) {
    expect(number).toBeGreaterThanOrEqual(0);
    expect(number).toBeLessThan(1);
    counts[Math.floor(number * 16)]++;
  }
  const chiSquared = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquared).toBeLessThan(37.7); // the 99.9 % quantile for 15 degrees of freedom; the seed is fixed
});
