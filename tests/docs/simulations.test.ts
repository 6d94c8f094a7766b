/** The committed report of the simulations, and the warnings that refer to it. */
import { readFileSync } from 'node:fs';
import { bulkhead, circuitBreaker, explain, hedge, pipeline, RetryBudget, retry, timeout } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { anchorsOf } from './links.js';

const page = readFileSync(new URL('../../docs/simulations.md', import.meta.url), 'utf8');

describe('The report of the simulations', () => {
  it('the report has at least twelve scenarios, each with the fix and a figure', () => {
    const sections = page.split(/^## /m).slice(1);
    expect(sections.length).toBeGreaterThanOrEqual(12);
    for (const section of sections) {
      expect(section).toContain('**Instead:** ');
      expect(section).toMatch(/^```text\n[^`]+^```$/m);
    }
  });

  it('every warning of explain that refers to a scenario has the anchor of that scenario', () => {
    const policies = [
      pipeline(timeout('10s'), circuitBreaker()),
      pipeline(bulkhead({ maxConcurrent: 1 }), retry(), timeout('1s')),
      pipeline(hedge({ maxRatio: 1 }), timeout('1s')),
      pipeline(retry({ maxAttempts: 50, budget: new RetryBudget({ ratio: 0.1, minPerSecond: 0.1 }) }), timeout('1s')),
    ];
    const anchors = policies.flatMap((policy) =>
      explain(policy).warnings.map(({ message }) => /docs\/simulations\.md#([\w-]+)/.exec(message)?.[1] ?? message),
    );
    expect(anchors).toEqual([
      'missing-inner-timeout',
      'bulkhead-outside-retry',
      'hedging-with-and-without-a-budget',
      'retry-storm',
    ]);
    for (const anchor of anchors) expect(anchorsOf(page)).toContain(anchor);
  });
});
