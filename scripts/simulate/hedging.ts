/** Scenarios of hedged requests. */
import { hedge } from 'breakwater';
import {
  type Call,
  type CandidateKit,
  compare,
  logNormal,
  poisson,
  type SimulationResult,
  server,
  slow,
} from 'breakwater/simulator';
import { columns, type Simulation } from './simulation.js';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'] as const;

/** A client of the replicas: each run of a call goes to another one. */
function overReplicas(options: Parameters<typeof hedge>[0]) {
  return ({ clock, random, world }: CandidateKit) => {
    const policy = options && hedge({ ...options, clock });
    return (call: Call) => {
      const first = Math.floor(random() * NODES.length);
      const nodeOf = (number: number) => world[NODES[(first + number) % NODES.length]!]!;
      return policy === undefined
        ? nodeOf(0).send(call)
        : policy.execute((context) => nodeOf(context.hedge).send(context));
    };
  };
}

/** With `maxRatio: 1`, every call may have its hedge. */
export const hedges = {
  'no hedging': overReplicas(undefined),
  'after p95': overReplicas({ delay: 'p95' }),
  'after p50, no cap': overReplicas({ delay: 'p50', maxRatio: 1 }),
  'after 20 ms': overReplicas({ delay: 20 }),
  'after 20 ms, no cap': overReplicas({ delay: 20, maxRatio: 1 }),
};

/** The usual service time; one request in fifty takes fifteen times as long. */
const usual = logNormal({ median: '8ms', p99: '20ms' });
const service = (random: () => number) => usual(random) * (random() < 0.02 ? 15 : 1);

/** Five servers of four workers, of which 44 % are busy. */
export const replicas = {
  world: Object.fromEntries(NODES.map((node) => [node, server({ workers: 4, service, onAbandon: 'stop' })])),
  load: poisson({ perSecond: 800 }),
  duration: '40s',
  warmUp: '10s',
} as const;

/** Everything becomes 2.1 times slower, so that 93 % of the workers are busy. */
export const slowReplicas = { ...replicas, faults: NODES.map((node) => slow(node, 2.1, { at: '5s' })) } as const;

/** Returns the median of the runs of one candidate, for each figure. */
function figures(runs: readonly SimulationResult[]): string[] {
  const median = (of: (run: SimulationResult) => number) => runs.map(of).sort((a, b) => a - b)[runs.length >> 1]!;
  const ms = (of: (run: SimulationResult) => number) => `${Math.round(median(of))} ms`;
  return [
    ms(({ latency }) => latency.p50Ms),
    ms(({ latency }) => latency.p99Ms),
    ms(({ latency }) => latency.p999Ms),
    median(({ amplification }) => amplification).toFixed(2),
  ];
}

const withAndWithoutBudget: Simulation = {
  title: 'Hedging with and without a budget',
  problem: `Five replicas answer 800 reads per second, with 44 % of their workers busy. One read in fifty takes fifteen times as long as
usual, by chance. A client sends a read a second time after a fixed delay of 20 ms. Then everything becomes 2.1 times slower. Now half of all
reads take longer than 20 ms, so that nearly every read is sent twice to servers that have no room for it.`,
  fix: `Hedge after a quantile of the observed latencies, which moves with the servers, and under a cap: \`hedge()\` hedges after the 95th
percentile, and at most 5 % of the calls.`,
  shows: `While the servers are well, hedging after p95 takes most of the tail away for 5 % more requests. When they are slow, the fixed
delay without a cap doubles the requests and turns a bad time into an outage. With the cap, the same delay does no harm: here it is even better
than p95, since it hedges earlier. But it is a number that must be found for each service, and that is wrong after the service has changed;
the quantile finds it. These servers stop the work on a request whose caller has left. Where they do not, each hedge costs a whole request, and
a service that is nearly full becomes three times as slow even under the cap ([Hedge](patterns/hedge.md) has the figures).`,
  async figure() {
    const rows = async (heading: string, scenario: typeof replicas | typeof slowReplicas) => {
      const compared = await compare({ ...scenario, candidates: hedges, seeds: 3 });
      const names = Object.keys(hedges) as (keyof typeof hedges)[];
      return [
        [heading, 'p50', 'p99', 'p99.9', 'requests per call'],
        ...names.map((name) => [name, ...figures(compared[name].runs)]),
      ];
    };
    const well = await rows('all servers are well', replicas);
    const bad = await rows('all are 2.1 times slower', slowReplicas);
    return columns([...well, ['', '', '', '', ''], ...bad]);
  },
};

export const hedging: readonly Simulation[] = [withAndWithoutBudget];
