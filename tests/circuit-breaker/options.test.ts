import { circuitBreaker } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { type Make, refuse, sizes } from '../support/option-values.js';

const rates: Record<string, Make> = {
  failureRateThreshold: (failureRateThreshold) => circuitBreaker({ failureRateThreshold }),
  slowCallRateThreshold: (slowCallRateThreshold) => circuitBreaker({ slowCallRateThreshold }),
};

it('NaN is rejected as a rate threshold', () => refuse(rates, Number.NaN));

it('a rate threshold outside 0 to 1 or of another type is rejected', () => {
  for (const value of [0, -1, 101, Infinity, 1.01, 50, '0.5', null]) refuse(rates, value);
});

it('0, NaN, 1.5 and other invalid numbers of calls in the window are rejected', () => {
  for (const value of [0, Number.NaN, 1.5, null, -1, 1_000_001]) {
    refuse({ 'window.calls': sizes['window.calls'] as Make }, value);
  }
});

it('-1 is rejected as minimumCalls', () => refuse({ minimumCalls: sizes.minimumCalls as Make }, -1));

it('0 probes are rejected, because the breaker could never close', () =>
  refuse({ 'halfOpen.probes': sizes['halfOpen.probes'] as Make }, 0));

it('a damaged saved state is rejected, and an intact one is restored', () => {
  const saved = { state: 'open', openings: 1, remainingOpenMs: 500 };
  for (const damage of [
    { state: 'isolated' },
    { state: undefined },
    { state: 'OPEN' },
    { openings: 0 },
    { openings: -1 },
    { openings: 1.5 },
    { openings: '1' },
    { openings: null },
    { remainingOpenMs: -1 },
    { remainingOpenMs: null }, // the JSON form of NaN and Infinity
    { remainingOpenMs: '500' },
    { remainingOpenMs: undefined },
    { extra: 1 },
  ]) {
    refuse({ initialState: (initialState) => circuitBreaker({ initialState }) }, { ...saved, ...damage });
  }
  for (const value of [null, 5, true, [], '', '{"state":"open"}']) {
    refuse({ initialState: (initialState) => circuitBreaker({ initialState }) }, value);
  }
  expect(circuitBreaker({ initialState: saved as never }).state).toBe('open');
});

it('an invalid verdict of classify rejects its call and releases its permit', async () => {
  const classifyError = new Error('the classify function failed');
  for (const [classify, error] of [
    [
      () => {
        throw classifyError;
      },
      classifyError,
    ],
    [async () => 'failure', /"classify" must return/],
    [() => true, /"classify" must return/],
    [() => undefined, /"classify" must return/],
  ] as const) {
    const clock = new TestClock();
    const broken = classify as never;
    const breaker = circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 1 }, classify: broken, clock });
    for (let i = 0; i < 3; i++) await expect(breaker.execute(() => 1)).rejects.toThrow(error);
    expect(breaker.state).toBe('half-open');
    const open = circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 1 }, clock });
    await expect(open.execute(() => 1, { classify: broken })).rejects.toThrow(error);
    expect(await open.execute(() => 'admitted')).toBe('admitted');
  }
});
