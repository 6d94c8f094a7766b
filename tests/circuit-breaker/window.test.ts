import { circuitBreaker } from 'breakwater';
import { afterEach, expect, it, vi } from 'vitest';
import { down, setUp } from './setup.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([30_000, 30_001, 45_000, 3_600_000, 30 * 86_400_000])(
  'a window of 30 s is empty after %i idle ms at any time of the wall clock',
  async (gapMs) => {
    const { clock, breaker, fail } = setUp({ window: { duration: '30s' } });
    await fail(15);
    const wallClock = vi.spyOn(Date, 'now').mockReturnValue(0);
    await clock.advance(gapMs);
    wallClock.mockReturnValue(8.64e15);
    expect(breaker.stats).toMatchObject({ calls: 0, failures: 0, failureRate: 0 });
    await fail();
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
    expect(breaker.state).toBe('closed');
  },
);

it('a failure costs no more with 200,000 calls in the window than with 4,000', () => {
  const millisecondsFor = (calls: number): number => {
    const { breaker } = setUp({ window: { calls }, failureRateThreshold: 1, minimumCalls: calls });
    const failure = { ok: false, error: down } as const;
    breaker.tryAcquire()?.release({ ok: true, value: 1 }); // so that the breaker never opens
    for (let i = 1; i < calls; i++) breaker.tryAcquire()?.release(failure);
    const rounds = Array.from({ length: 7 }, () => {
      breaker.tryAcquire()?.release({ ok: true, value: 1 });
      const before = performance.now();
      for (let i = 0; i < 2000; i++) breaker.tryAcquire()?.release(failure);
      return performance.now() - before;
    });
    return Math.min(...rounds);
  };
  millisecondsFor(10_000); // warms up the compiler
  const [few, many] = [millisecondsFor(4000), millisecondsFor(200_000)];
  expect(many).toBeLessThan(few * 5 + 1);
  expect(few / 2000).toBeLessThan(0.05);
});

it('minimumCalls above the size of the window is rejected, and probes need no minimum', async () => {
  expect(() => circuitBreaker({ window: { calls: 10 }, minimumCalls: 11 })).toThrow(/"minimumCalls" .* at most 10/);
  const { breaker } = setUp({ initialState: 'half-open', minimumCalls: 1000, halfOpen: { probes: 2 } });
  await breaker.execute(() => 1);
  await breaker.execute(() => 2);
  expect(breaker.state).toBe('closed');
});
