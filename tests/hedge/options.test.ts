import { hedge, InvalidOptionError, RetryBudget, RetryTokens } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';

const NOTHING_USEFUL: readonly unknown[] = [null, true, {}, 'abc', 10n, Symbol('s'), []];
const NOT_DURATIONS = [...NOTHING_USEFUL, Number.NaN, 0, -0, -1, Infinity, -Infinity, '50', '0ms', '5x', ' 5s'];

const rows: readonly [option: string, bad: readonly unknown[], good: readonly unknown[]][] = [
  [
    'delay',
    [
      ...NOT_DURATIONS,
      ...['p', 'p5', 'p49', 'p49.9', 'p99.91', 'p99.95', 'p100', 'P95', 'p95 ', 'p095', 'p-95', 'p95.', 'p1e1', 'pNaN'],
    ],
    [undefined, 1, 0.5, '20ms', '1.5s', 'p50', 'p95', 'p99', 'p99.9', 'p99.5', 'p50.0', () => 5],
  ],
  ['maxHedges', [...NOTHING_USEFUL, Number.NaN, 0, -1, 1.5, 11, Infinity, '2'], [undefined, 1, 2, 10]],
  ['maxRatio', [...NOTHING_USEFUL, Number.NaN, 0, -0.1, 1.01, Infinity, '0.5'], [undefined, 0.001, 0.05, 1]],
  [
    'budget',
    [...NOTHING_USEFUL, 0.2, { tryRetry: () => true }],
    [undefined, new RetryBudget(), new RetryTokens(), { recordRequest() {}, tryRetry: () => true }],
  ],
  ['minSamples', [...NOTHING_USEFUL, Number.NaN, 0, -1, 1.5, 10_001, Infinity, '2'], [undefined, 1, 100, 10_000]],
  ['fallbackDelay', [...NOT_DURATIONS, 'p95', () => 5], [undefined, 1, '2s']],
  ['classify', [null, true, {}, 'abc', 1], [undefined, () => 'success']],
  ['mode', [null, true, {}, 'abc', 1], [undefined, 'enforce', 'observe']],
  ['name', [null, true, {}, '', 1], [undefined, 'reads']],
  ['clock', [null, true, {}, Date], [undefined, new TestClock()]],
];

it.each(rows)('hedge rejects invalid values of "%s" and accepts valid ones', (option, bad, good) => {
  for (const value of bad) {
    let thrown: unknown;
    try {
      hedge({ [option]: value });
    } catch (error) {
      thrown = error;
    }
    expect(thrown, String(value)).toBeInstanceOf(InvalidOptionError);
    expect(thrown, String(value)).toMatchObject({ owner: 'hedge', value });
    expect((thrown as InvalidOptionError).option).toMatch(new RegExp(`^${option}\\b`));
  }
  for (const value of good) expect(() => hedge({ [option]: value }), String(value)).not.toThrow();
});

it('hedge rejects unknown options, and suggests a name', () => {
  expect(() => hedge({ delays: 5 } as never)).toThrow('did you mean "delay"');
  expect(() => hedge(null as never)).toThrow(InvalidOptionError);
  expect(() => hedge([] as never)).toThrow(InvalidOptionError);
});

it('hedge reads its options once and does not change them', () => {
  const options = Object.freeze({ delay: 'p99' as const, maxHedges: 2, name: 'reads' });
  expect(hedge(options).describe()).toMatchObject({ delay: 'p99', maxHedges: 2, name: 'reads' });
  const changed: { maxHedges: number } = { maxHedges: 2 };
  const policy = hedge(changed);
  changed.maxHedges = 9;
  expect(policy.describe().maxHedges).toBe(2);
});

it('a hedge describes its budget', () => {
  const description = hedge({ delay: '20ms', budget: new RetryBudget({ ratio: 0.1, minPerSecond: 2 }) }).describe();
  expect(description).toMatchObject({ delay: 'fixed', delayMs: 20, budget: { ratio: 0.1, floor: 20 } });
});
