import type { Outcome, Permit } from 'breakwater';
import type { AdaptiveLimit } from 'breakwater/overload';
import type { ManualClock } from '../support/manual-clock.js';

const answered: Outcome = { ok: true, value: 'answer' };

/**
 * Makes rounds of calls that all begin at once and end together after `latencyMs`, as many as the limit admits and at
 * most `wanted`.
 */
export function makeRounds(
  limit: AdaptiveLimit,
  clock: ManualClock,
  {
    rounds,
    latencyMs,
    wanted = Infinity,
    outcome = answered,
  }: {
    readonly rounds: number;
    readonly latencyMs: number | ((inFlight: number) => number);
    readonly wanted?: number;
    readonly outcome?: Outcome;
  },
): void {
  for (let round = 0; round < rounds; round++) {
    const permits: Permit[] = [];
    while (permits.length < wanted) {
      const permit = limit.tryAcquire();
      if (permit === undefined) break;
      permits.push(permit);
    }
    clock.time += typeof latencyMs === 'number' ? latencyMs : latencyMs(permits.length);
    for (const permit of permits) permit.release(outcome);
  }
}
