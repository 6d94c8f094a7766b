import { circuitBreaker } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { setUp } from './setup.js';

it('a breaker restored from a saved open state stays open for exactly the remaining time', async () => {
  const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  const justOpened = breaker.toJSON();
  await clock.advance(400);
  const later = breaker.toJSON();
  for (const [initialState, leftMs] of [
    [justOpened, 1000],
    [later, 600],
  ] as const) {
    const restored = circuitBreaker({ initialState, clock });
    expect([restored.state, restored.stats.retryAfterMs]).toEqual(['open', leftMs]);
  }
  const restored = circuitBreaker({ initialState: later, clock });
  await clock.advance(599);
  expect(restored.state).toBe('open');
  await clock.advance(1);
  expect(restored.state).toBe('half-open');
});

it('a snapshot is a copy, is validated, and never locks a breaker', async () => {
  const { breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  const saved = breaker.toJSON();
  const before = { ...saved };
  const restored = circuitBreaker({ initialState: saved, clock: new TestClock() });
  Object.assign(saved, { state: 'closed', remainingOpenMs: 0 });
  expect(restored.toJSON()).toEqual(before);
  expect(breaker.toJSON()).toEqual(before);
  expect(() => circuitBreaker({ initialState: { ...before, remainingOpenMs: Number.NaN } })).toThrow(
    '"initialState.remainingOpenMs"',
  );
  expect(() => circuitBreaker({ initialState: { ...before, until: 5 } as never })).toThrow('"initialState.until"');
  breaker.isolate();
  expect(breaker.toJSON().state).toBe('open'); // an isolation is not saved, because its handle would be lost
  const isolated = circuitBreaker({ initialState: 'isolated' });
  isolated.reset();
  expect(isolated.state).toBe('closed');
});
