/** Scenarios and candidates of the simulator's tests. */
import { bulkhead, circuitBreaker, pipeline, RetryBudget, retry, timeout } from 'breakwater';
import { type CandidateKit, exponential, poisson, type Scenario, server, slow } from 'breakwater/simulator';

/** A server of 200 requests per second under 150, and six times slower for three seconds. */
export const outage = {
  name: 'outage',
  world: { api: server({ workers: 2, service: exponential('10ms') }) },
  load: poisson({ perSecond: 150 }),
  faults: [slow('api', 6, { at: '5s', for: '3s' })],
  duration: '30s',
  warmUp: '1s',
} satisfies Scenario;

type Kit = Pick<CandidateKit, 'clock' | 'random'>;

export const attempt = ({ clock }: Kit) => timeout({ duration: '500ms', clock });
export const retries = ({ clock, random }: Kit) => pipeline(retry({ clock, random }), attempt({ clock, random }));
export const guarded = ({ clock, random }: Kit) =>
  pipeline(
    retry({ clock, random, budget: new RetryBudget({ clock, ratio: 0.2, minPerSecond: 1 }) }),
    circuitBreaker({ clock, random }),
    attempt({ clock, random }),
  );
export const limited = ({ clock, random }: Kit) =>
  pipeline(
    retry({ clock, random }),
    bulkhead({ clock, maxConcurrent: 6, maxQueue: 10, queueTimeout: '200ms' }),
    attempt({ clock, random }),
  );
