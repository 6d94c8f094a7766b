import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child.js';

describe('SIGTERM with 100 calls in flight', () => {
  async function terminate(drainMs: number) {
    const { process, ended } = startChild('sigterm', { args: [drainMs] });
    await once(process.stdout as NodeJS.ReadableStream, 'data');
    process.kill('SIGTERM');
    const { code, signal, lines, errors } = await ended;
    expect([code, signal, errors]).toEqual([0, null, '']);
    return JSON.parse(lines.at(-1) ?? '') as {
      drained: boolean;
      outcomes: Record<string, number>;
      tookMs: number;
      active: number;
    };
  }

  it('accepted calls finish and later calls are rejected if the drain time suffices', async () => {
    const { drained, outcomes, active } = await terminate(20_000);
    expect([drained, outcomes, active]).toEqual([true, { finished: 100, refused: 1 }, 0]);
  });

  it('waiting calls are rejected, running calls finish and the process exits after the drain time', async () => {
    const { drained, outcomes, tookMs, active } = await terminate(150);
    expect([drained, active]).toEqual([false, 0]);
    expect((outcomes.finished ?? 0) + (outcomes.refused ?? 0)).toBe(101);
    expect(outcomes.refused).toBeGreaterThan(50);
    expect(outcomes.finished).toBeGreaterThanOrEqual(10);
    expect(tookMs).toBeLessThan(150 + 60 + 1000);
  });
});
