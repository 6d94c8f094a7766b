import { bulkhead, circuitBreaker, pipeline, RetryBudget, retry, timeout } from 'breakwater';
import { constantRate, server, simulate } from 'breakwater/simulator';
import { SimClock, seededRandom, TestClock } from 'breakwater/testing';
import { type Bench, floor, ours, peer } from './bench.js';

const CALLS = 20_000;

interface Kit {
  readonly clock: SimClock | TestClock;
  readonly random: () => number;
}

const policyOf = ({ clock, random }: Kit) =>
  pipeline(
    timeout({ name: 'total', duration: '10s', clock }),
    retry({ clock, random, budget: new RetryBudget({ clock }) }),
    circuitBreaker({ clock, random }),
    bulkhead({ clock, maxConcurrent: 100 }),
    timeout({ name: 'attempt', duration: '1s', clock }),
  );

/** One call per millisecond, each of which waits for 5 ms of the clock. */
async function calls(clock: SimClock | TestClock, count: number, call: (work: () => Promise<void>) => unknown) {
  const work = () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 5));
  let begun = 0;
  const arrive = (): void => {
    if (begun++ === count) return;
    call(work);
    clock.setTimeout(arrive, 1);
  };
  arrive();
  await clock.advance(count + 10);
}

/** Calls through five policies in simulated time; two timers fire per call. 2,000 ns are 500,000 calls per CPU-second. */
export const bench: Bench = {
  unit: 'call in simulated time',
  perUse: CALLS,
  candidates: {
    'SimClock without policies': floor(() => () => calls(new SimClock(), CALLS, (work) => work())),
    'SimClock, pipeline of five': ours(() => () => {
      const clock = new SimClock();
      const policy = policyOf({ clock, random: seededRandom(1) });
      return calls(clock, CALLS, (work) => policy.execute(work));
    }),
    'simulate, pipeline of five': {
      ...ours(
        () => () =>
          simulate({
            world: { api: server({ service: 5 }) },
            load: constantRate({ perSecond: 1000 }),
            duration: CALLS,
            candidate: ({ clock, random }) => policyOf({ clock: clock as SimClock, random }),
          }),
      ),
      targets: { ns: 4000 },
    },
    'TestClock, pipeline of five': peer(() => () => {
      const clock = new TestClock();
      const policy = policyOf({ clock, random: seededRandom(1) });
      return calls(clock, CALLS, (work) => policy.execute(work));
    }),
  },
  targets: { ns: 2000, peers: { 'TestClock, pipeline of five': 0.5 } },
};
