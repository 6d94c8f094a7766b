import { bulkhead, sleep, timeout } from 'breakwater';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';

const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.useRealTimers();
});

describe('Fake timers installed or removed between two calls of one policy', () => {
  it.each([
    ['real timers first', () => {}, () => vi.useFakeTimers()],
    ['fake timers first', () => vi.useFakeTimers(), () => vi.useRealTimers()],
  ])('timeouts use the current timers (%s)', async (_name, before, between) => {
    before();
    const limited = timeout(50);
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 50 });
    for (let i = 0; i < 3; i++) {
      await limited.execute(() => i);
      await Promise.all([slots.execute(async () => {}), slots.execute(async () => {})]);
    }
    between();
    slots.tryAcquire();
    const calls = [watch(limited.execute(never)), watch(slots.execute(never))];
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(51);
    else await sleep(100);
    expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  });
});
