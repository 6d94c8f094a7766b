/** Scenarios of one server that is overloaded or fails. */
import { bulkhead, circuitBreaker, definePolicy, pipeline, RetryBudget, retry, timeout } from 'breakwater';
import {
  type CandidateKit,
  compare,
  error,
  exponential,
  hang,
  poisson,
  server,
  slow,
  sweep,
} from 'breakwater/simulator';
import { columns, type Simulation } from './simulation.js';

type Kit = Pick<CandidateKit, 'clock' | 'random'>;

const attempt = ({ clock }: Kit) => timeout({ name: 'attempt', duration: '500ms', clock });
const budget = ({ clock }: Kit) => new RetryBudget({ clock, ratio: 0.2, minPerSecond: 1 });

const storm = {
  'no retry': attempt,
  '3 attempts': ({ clock, random }: Kit) => pipeline(retry({ clock, random }), attempt({ clock, random })),
  'budget alone': ({ clock, random }: Kit) =>
    pipeline(retry({ clock, random, budget: budget({ clock, random }) }), attempt({ clock, random })),
  'budget and breaker': ({ clock, random }: Kit) =>
    pipeline(
      retry({ clock, random, budget: budget({ clock, random }) }),
      circuitBreaker({ clock, random }),
      attempt({ clock, random }),
    ),
  'bulkhead alone': ({ clock, random }: Kit) =>
    pipeline(
      retry({ clock, random }),
      bulkhead({ clock, maxConcurrent: 12, maxQueue: 20, queueTimeout: '200ms' }),
      attempt({ clock, random }),
    ),
};

const retryStorm: Simulation = {
  title: 'Retry storm',
  problem: `A server can answer 400 requests per second and gets 300. For five seconds it is six times slower. Calls time out, each one is
attempted three times, and the server works on requests whose callers have left. The load that the retries add keeps it busy after the cause is
gone: a metastable failure. The last three rows also make three attempts.`,
  fix: `Limit what retries add (a retry budget), stop sending while most calls fail (a circuit breaker), and limit what waits (a bulkhead
inside the retry).`,
  shows: `Three attempts never recover, although the fault lasts five seconds. A budget alone is not enough: the queue that has built up
keeps all answers late. With a breaker the queue can drain. A bulkhead does not let the queue form. In the
diagrams below the table, each cell is the time to recover from five slow seconds, by the utilisation before them and by how many times slower the
server is.`,
  async figure() {
    const scenario = {
      world: { api: server({ workers: 4, service: exponential('10ms') }) },
      load: poisson({ perSecond: 300 }),
      faults: [slow('api', 6, { at: '10s', for: '5s' })],
      duration: '60s',
      warmUp: '2s',
    } as const;
    const comparison = await compare({ name: '300 calls per second', ...scenario, candidates: storm, seeds: 5 });
    const { 'budget alone': _, ...four } = storm;
    const diagram = await sweep({
      over: { utilisation: [0.3, 0.5, 0.7, 0.9], slower: [1.5, 2, 4, 10] },
      scenario: ({ utilisation, slower }) => ({
        world: { api: server({ workers: 2, service: exponential('10ms') }) },
        load: poisson({ perSecond: 200 * utilisation }),
        faults: [slow('api', slower, { at: '5s', for: '5s' })],
        duration: '50s',
        warmUp: '1s',
      }),
      candidates: four,
      seeds: 3,
    });
    return `${comparison.table()}\n\nThe time to recover from five slow seconds\n\n${diagram.table('timeToRecoverMs')}`;
  },
};

const missingTimeout: Simulation = {
  title: 'Missing inner timeout',
  problem: `A total timeout of two seconds is around the retry, and no timeout is inside. For ten seconds, a third of the requests is
never answered. A call that hangs uses up its whole time in the first attempt, and the breaker never counts a failure.`,
  fix: 'Give each attempt a timeout of its own, shorter than the total one, so that another attempt has time.',
  shows:
    'Without the inner timeout a third of the calls fails. With it the second attempt succeeds, and nearly all calls are good.',
  async figure() {
    const total = ({ clock }: Kit) => timeout({ name: 'total', duration: '2s', clock });
    const comparison = await compare({
      name: 'a third of the requests hangs',
      world: { api: server({ workers: 20, service: exponential('20ms') }) },
      load: poisson({ perSecond: 100 }),
      faults: [hang('api', 0.33, { at: '5s', for: '10s' })],
      duration: '30s',
      candidates: {
        'total timeout only': ({ clock, random }: Kit) =>
          pipeline(total({ clock, random }), retry({ clock, random }), circuitBreaker({ clock, random })),
        'inner timeout too': ({ clock, random }: Kit) =>
          pipeline(
            total({ clock, random }),
            retry({ clock, random }),
            circuitBreaker({ clock, random }),
            timeout({ name: 'attempt', duration: '300ms', clock }),
          ),
      },
      seeds: 5,
    });
    return comparison.table();
  },
};

const bulkheadOutside: Simulation = {
  title: 'Bulkhead outside retry',
  problem: `The bulkhead is outside the retry, so that a call holds its slot during every backoff. For ten seconds, half of the requests
fails at once.`,
  fix: 'Put the bulkhead inside the retry: an attempt that has failed releases its slot, and another call uses it during the backoff.',
  shows: `With the same ten slots, the bulkhead outside refuses calls although the server is nearly idle. Inside it refuses none.`,
  async figure() {
    const slots = ({ clock }: Kit) => bulkhead({ clock, maxConcurrent: 10, maxQueue: 10, queueTimeout: '1s' });
    const comparison = await compare({
      name: 'half of the requests fails',
      world: { api: server({ workers: 20, service: exponential('20ms') }) },
      load: poisson({ perSecond: 150 }),
      faults: [error('api', 0.5, { at: '5s', for: '10s' })],
      duration: '30s',
      candidates: {
        'bulkhead outside': ({ clock, random }: Kit) =>
          pipeline(slots({ clock, random }), retry({ clock, random }), attempt({ clock, random })),
        'bulkhead inside': ({ clock, random }: Kit) =>
          pipeline(retry({ clock, random }), slots({ clock, random }), attempt({ clock, random })),
      },
      seeds: 5,
    });
    return comparison.table();
  },
};

const breakerTuning: Simulation = {
  title: 'Breaker tuned too tight and too loose',
  problem: `2 % of the calls fail, all the time. From 20 s to 40 s the server answers none. A breaker that opens at a
failure rate of 5 % of ten calls opens without an outage; one that needs 95 % of a thousand calls does not open during one.`,
  fix: `Set the threshold well above the usual failure rate, and let it decide on enough calls, but on a window that is shorter than the
outages that matter: a window of 30 s, the default, is half full of failures only after 15 s. If calls cannot wait long after an outage, make
\`openFor\` shorter: the pauses of an open breaker double from 5 s to 60 s by default.`,
  shows: `The tight breaker refuses most calls of a healthy server. During the outage no call can be good, so that the share of good calls says
nothing about the others: what a breaker saves is requests to a dead server, and the half second for which each of them waits. The loose one
sends every call there. The default and the shorter window stop most of them, the shorter window earlier. Both pay after the outage, with calls
that are rejected until the next probe. The last row has the shorter window and short pauses: few requests to the dead server, and a quick
recovery.`,
  async figure() {
    const usualErrors = ({ random }: Kit) =>
      definePolicy({
        name: 'usual errors',
        async run(next, context) {
          const value = await next(context);
          if (random() < 0.02) throw new Error('a usual error');
          return value;
        },
      });
    const breaker = (options: Parameters<typeof circuitBreaker>[0]) => (kit: Kit) =>
      pipeline(circuitBreaker({ ...options, ...pick(kit) }), attempt(kit), usualErrors(kit));
    const candidates = {
      'too tight': breaker({ failureRateThreshold: 0.05, window: { calls: 10 } }),
      'too loose': breaker({ failureRateThreshold: 0.95, window: { calls: 1000 }, minimumCalls: 1000 }),
      default: breaker({}),
      'window of 10 s': breaker({ window: { duration: '10s' } }),
      '… opens for 2 s': breaker({ window: { duration: '10s' }, openFor: '2s' }),
    };
    const comparison = await compare({
      name: 'usual errors and an outage',
      world: { api: server({ workers: 20, service: exponential('20ms') }) },
      load: poisson({ perSecond: 50 }),
      faults: [hang('api', 1, { at: '20s', for: '20s' })],
      duration: '80s',
      candidates,
      seeds: 5,
    });
    const rows = Object.keys(candidates).map((name) => {
      const { runs } = comparison[name as keyof typeof candidates];
      const sent = runs.map(({ series }) => series.slice(20, 40).reduce((sum, { attempts }) => sum + attempts, 0));
      return [name, sent.sort((a, b) => a - b)[2]!];
    });
    return `${comparison.table()}\n\n${columns([['', 'requests to the dead server'], ...rows])}`;
  },
};

const pick = ({ clock, random }: Kit): Kit => ({ clock, random });

export const overload: readonly Simulation[] = [retryStorm, missingTimeout, bulkheadOutside, breakerTuning];
