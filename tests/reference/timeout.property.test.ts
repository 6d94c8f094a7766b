import { sleep } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { timeout } from 'breakwater/timeout';
import { expect, it } from 'vitest';
import { timeout as reference } from '../../reference/timeout.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** What became of a call: its end, when that was, and when its signal aborted. */
interface Observed {
  end?: string;
  endedAt?: number;
  abortedAt?: number;
}

it.each(SEEDS)('timeout ends calls when its reference does in 500 random calls (seed %i)', async (seed) => {
  const draw = new Draw(seed);
  const clock = new TestClock();
  const durationMs = 2 * draw.integer(1, 50);
  const policy = timeout({ duration: durationMs, clock });
  const begin = (
    execute: (operation: (signal: AbortSignal) => Promise<string>) => Promise<string>,
    operationMs: number,
    fails: boolean,
  ): Observed => {
    const observed: Observed = {};
    const end = (text: string) => Object.assign(observed, { end: text, endedAt: clock.now() });
    execute(async (signal) => {
      signal.addEventListener('abort', () => {
        observed.abortedAt = clock.now();
      });
      await sleep(operationMs, { clock }); // ignores the signal
      if (fails) throw new Error('failed');
      return 'value';
    }).then(end, (error: Error) => end(error.message === 'failed' ? 'failed' : 'timed out'));
    return observed;
  };
  const calls: [Observed, Observed][] = [];
  for (let call = 1; call <= STEPS / 2; call++) {
    // Never equal to the timeout: two timers that are due at the same time may fire in either order.
    const [operationMs, fails] = [2 * draw.integer(0, 60) + 1, draw.chance(0.3)];
    calls.push([
      begin((operation) => policy.execute(({ signal }) => operation(signal)), operationMs, fails),
      begin((operation) => reference(operation, durationMs, clock), operationMs, fails),
    ]);
    if (draw.chance(0.5)) await clock.advance(2 * draw.integer(0, 40));
  }
  await clock.advance(1000);
  for (const [ours, theirs] of calls) expect(ours).toEqual(theirs);
  expect(new Set(calls.map(([{ end }]) => end))).toContain('timed out');
  expect(clock.pendingTimers).toBe(0);
});
