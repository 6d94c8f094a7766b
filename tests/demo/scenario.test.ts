import { seededRandom } from 'breakwater/testing';
import { describe, expect, test } from 'vitest';
import { answerAt, phaseAt, type Scenario, scenarios, spans } from '../../demo/scenario.js';

const outage = scenarios.get('outage')!;

describe.each([...scenarios.values()])('$name', (scenario: Scenario) => {
  test('the phases of the scenario cover the time from 0 to 1', () => {
    const all = spans(scenario);
    expect(all[0]!.start).toBe(0);
    expect(all.at(-1)!.end).toBeCloseTo(1, 12);
    for (const [index, { phase, start, end }] of all.entries()) {
      expect(end).toBeGreaterThan(start);
      expect(start).toBe(all[index - 1]?.end ?? 0);
      expect(phaseAt(scenario, start)).toBe(phase);
    }
  });

  test('the same seed returns the same responses, and another seed returns others', () => {
    const responsesOf = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 400 }, (_, index) => answerAt(scenario, index / 400, random));
    };
    expect(responsesOf(7)).toEqual(responsesOf(7));
    expect(responsesOf(7)).not.toEqual(responsesOf(8));
  });
});

describe('The outage scenario', () => {
  test('the phases have the documented shares of the time', () => {
    const shares = Object.fromEntries(outage.phases.map(({ name, share }) => [name, share]));
    expect(shares).toEqual({ healthy: 0.15, errors: 0.4, slow: 0.15, hangs: 0.08, gone: 0.07, recovery: 0.15 });
    expect(outage.phases.filter(({ down }) => down).map(({ name }) => name)).toEqual(['gone']);
  });

  test('the scenario is in its first phase before the start and in its last phase after the end', () => {
    expect(phaseAt(outage, -0.1).name).toBe('healthy');
    expect(phaseAt(outage, 1).name).toBe('recovery');
    expect(phaseAt(outage, 1.5).name).toBe('recovery');
  });

  test('30 % of the responses in "errors" are 503, some with Retry-After, and some connections are reset', () => {
    const random = seededRandom(1);
    const answers = Array.from({ length: 10_000 }, () => answerAt(outage, 0.3, random));
    const unavailable = answers.filter((answer) => answer.kind === 'unavailable');
    expect(unavailable.length / answers.length).toBeCloseTo(0.3, 1);
    expect(unavailable.filter((answer) => answer.retryAfterSeconds === 1).length).toBeGreaterThan(500);
    expect(unavailable.filter((answer) => answer.retryAfterSeconds === undefined).length).toBeGreaterThan(1_500);
    expect(answers.filter(({ kind }) => kind === 'reset').length / answers.length).toBeCloseTo(0.05, 1);
  });

  test('the latencies of "slow" have the documented distribution', () => {
    const random = seededRandom(1);
    const delays = Array.from({ length: 10_000 }, () => {
      const answer = answerAt(outage, 0.6, random);
      return answer.kind === 'ok' ? answer.delayMs : Number.NaN;
    });
    const over = (ms: number) => delays.filter((delay) => delay > ms).length / delays.length;
    expect(over(300)).toBeCloseTo(0.5, 1);
    expect(over(1_000)).toBeCloseTo(1 / 11, 1);
    expect(Math.max(...delays)).toBeLessThanOrEqual(10_000);
  });
});
