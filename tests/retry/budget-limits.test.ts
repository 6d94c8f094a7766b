import { RetryBudget } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { down, setUp } from './setup.js';

const DAY = 86_400_000;

it('requests refill a budget, time refills its minimum, and neither raises it above its share', async () => {
  const clock = new TestClock();
  const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 1, window: '10s', clock });
  const spend = () => {
    let retries = 0;
    while (budget.tryRetry()) retries++;
    return retries;
  };
  expect(spend()).toBe(10);
  expect(budget.stats.available).toBe(0);
  for (let n = 1; n <= 100; n++) {
    budget.recordRequest();
    expect(budget.stats.available).toBe(Math.floor(n / 2));
  }
  expect(spend()).toBe(50);
  await clock.advance(10_000);
  expect(budget.stats.available).toBe(10);
  await clock.advance(DAY);
  expect(spend()).toBe(10);
});

it('an exhausted budget rejects no first attempt and keeps the error of the last one', async () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 0 });
  const { policy, gaveUp, operation } = setUp({ budget });
  expect(await policy.execute(() => 'fine')).toBe('fine');
  await expect(policy.execute(operation)).rejects.toBe(down);
  expect(gaveUp).toEqual(['budget']);
});
