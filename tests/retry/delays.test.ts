import {
  type Backoff,
  constantBackoff,
  decorrelatedJitterBackoff,
  exponentialBackoff,
  linearBackoff,
  retry,
} from 'breakwater';
import { seededRandom } from 'breakwater/testing';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { down } from './setup.js';

const DAY = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
});

it('a delay is initial × factorⁿ up to the maximum with jitter inside its bounds, also for attempt 5,000', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 10, noNaN: true }),
      fc.double({ min: 1, max: 1e6, noNaN: true }),
      fc.constantFrom(1, 2, 3, 10, 100, 1024, 5000),
      fc.integer(),
      (initial, factor, spread, attempt, seed) => {
        const max = initial * spread;
        const expected = Math.min(max, initial * factor ** (attempt - 1));
        const event = { attempt, previousDelayMs: undefined, outcome: { ok: false, error: down } } as const;
        const delayOf = (backoff: Backoff, random: () => number) => backoff({ ...event, random }) as number;
        for (const random of [() => 0, () => 1 - 2 ** -53, seededRandom(seed)]) {
          const none = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'none' }), random);
          const full = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'full' }), random);
          const equal = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'equal' }), random);
          const others = [linearBackoff({ initial, max }), decorrelatedJitterBackoff({ initial, max })];
          expect(none).toBe(expected);
          expect(full >= 0 && full <= expected).toBe(true);
          expect(equal >= expected / 2 && equal <= expected).toBe(true);
          for (const other of others.map((backoff) => delayOf(backoff, random))) {
            expect(other >= Math.min(initial, max) && other <= max).toBe(true);
          }
        }
      },
    ),
  );
});

it('a delay beyond 2³¹-1 ms lasts for its whole time on the system clock too', async () => {
  vi.useFakeTimers();
  const startedAt: number[] = [];
  const before = performance.now();
  const call = watch(
    retry({ maxAttempts: 2, backoff: constantBackoff('60d') }).execute(() => {
      startedAt.push(Math.round((performance.now() - before) / DAY));
      throw down;
    }),
  );
  await vi.advanceTimersByTimeAsync(60 * DAY - 1);
  expect(startedAt).toEqual([0]);
  await vi.advanceTimersByTimeAsync(2);
  expect(startedAt).toEqual([0, 60]);
  await call.done;
  expect(vi.getTimerCount()).toBe(0);
});
