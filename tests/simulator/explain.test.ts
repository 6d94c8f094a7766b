/** The worst case that `explain` computes, against what happens to calls in a simulation. */
import {
  bulkhead,
  constantBackoff,
  explain,
  exponentialBackoff,
  type Policy,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { type CandidateKit, constantRate, error, exponential, hang, replay, server } from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';

type Make = (kit: Pick<CandidateKit, 'clock' | 'random'>) => Policy;

const candidates: Readonly<Record<string, Make>> = {
  'a timeout': ({ clock }) => timeout({ duration: '200ms', clock }),
  'retries with timeouts': ({ clock, random }) =>
    pipeline(retry({ clock, random, maxAttempts: 4 }), timeout({ duration: '200ms', clock })),
  'nested retries': ({ clock, random }) =>
    pipeline(
      retry({ clock, random, backoff: constantBackoff('50ms') }),
      retry({ clock, random, maxAttempts: 2, backoff: exponentialBackoff({ initial: '10ms', jitter: 'equal' }) }),
      timeout({ duration: '100ms', clock }),
    ),
  'a total timeout around retries': ({ clock, random }) =>
    pipeline(
      timeout({ duration: '700ms', clock }),
      retry({ clock, random, maxAttempts: 10 }),
      bulkhead({ clock, maxConcurrent: 50 }),
      timeout({ duration: '300ms', clock }),
    ),
  'retries with a limit of time': ({ clock, random }) =>
    pipeline(retry({ clock, random, maxAttempts: 20, maxElapsed: '1s' }), timeout({ duration: '100ms', clock })),
};

const faults = { error: error('api', 1, { at: '1s' }), hang: hang('api', 1, { at: '1s' }) };

describe.each(Object.entries(candidates))('The worst case of %s', (_name, make) => {
  it.each(Object.entries(faults))('no call exceeds it while the server has the fault "%s"', async (_kind, fault) => {
    let policy: Policy | undefined;
    const { calls, pending } = await replay({
      world: { api: server({ service: exponential('10ms') }) },
      load: constantRate({ perSecond: 20 }),
      faults: [fault],
      duration: '10s',
      candidate: (kit) => {
        policy = make(kit);
        return policy;
      },
    });
    const { maxAttempts, maxDurationMs } = explain(policy!);
    const attempts = Math.max(...calls.map((call) => call.attempts.length));
    const durations = calls.map(({ at, endedAt }) => endedAt! - at);
    expect(pending).toBe(0);
    expect(attempts).toBeLessThanOrEqual(maxAttempts);
    expect(Math.max(...durations)).toBeLessThanOrEqual(maxDurationMs + 1e-6);
    // The bounds are not far away: with jitter a worst case is rare, but half of it is not.
    if (fault.kind === 'hang') expect(Math.max(...durations)).toBeGreaterThanOrEqual(maxDurationMs / 2);
  });
});
