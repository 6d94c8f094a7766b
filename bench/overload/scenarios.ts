/**
 * The scenarios in which adaptive limits are compared. A server can answer 400 requests per second: 4 workers, 10 ms
 * each, exponentially distributed, and it goes on working for callers that have left. Calls time out after 500 ms.
 */
import { type Clock, type Policy, pipeline, timeout } from 'breakwater';
import {
  burst,
  error,
  exponential,
  type Load,
  poisson,
  type ServerDefinition,
  server,
  simulate,
  slow,
} from 'breakwater/simulator';

/** The limit that is judged: an adaptive limit or a bulkhead. */
export interface Limit {
  readonly limit?: number;
}
export type MakeLimit = (clock: Clock) => Policy & Limit;

/** A part of a run, in seconds, and the calls per second that the server can answer in it. */
export interface Phase {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly capacity: number;
}

export interface OverloadScenario {
  readonly name: string;
  readonly seconds: number;
  readonly load: Load;
  /** The number of clients, each with a limit of its own. @defaultValue 1 */
  readonly clients?: number;
  readonly service?: ServerDefinition;
  /** The server that replaces the first one after 20 s. */
  readonly later?: ServerDefinition;
  readonly faults?: Parameters<typeof simulate>[0]['faults'];
  readonly phases: readonly Phase[];
}

const usual = server({ workers: 4, service: exponential('10ms') });
const minute = { at: '20s', for: '60s' } as const;

export const SCENARIOS = {
  burst: {
    name: 'load 300 → 600/s for a minute',
    seconds: 110,
    load: poisson({ perSecond: burst({ perSecond: 300, to: 600, ...minute }) }),
    phases: [
      { name: 'during', from: 30, to: 80, capacity: 400 },
      { name: 'after', from: 84, to: 108, capacity: 400 },
    ],
  },
  slower: {
    name: '3 × slower for a minute, 300/s',
    seconds: 110,
    load: poisson({ perSecond: 300 }),
    faults: [slow('api', 3, minute)],
    phases: [
      { name: 'during', from: 30, to: 80, capacity: 400 / 3 },
      { name: 'after', from: 84, to: 108, capacity: 400 },
    ],
  },
  legal: {
    name: '2 × slower permanently, with 8 workers, 300/s',
    seconds: 110,
    load: poisson({ perSecond: 300 }),
    later: server({ workers: 8, service: exponential('20ms') }),
    phases: [
      { name: 'soon', from: 30, to: 80, capacity: 400 },
      { name: 'later', from: 84, to: 108, capacity: 400 },
    ],
  },
  failing: {
    name: 'fails in 1 ms for a minute, 300/s',
    seconds: 110,
    load: poisson({ perSecond: 300 }),
    faults: [slow('api', 0.1, minute), error('api', 1, minute)],
    phases: [{ name: 'after', from: 84, to: 108, capacity: 400 }],
  },
  bimodal: {
    name: '5 % of the calls take 10 × as long, 200/s',
    seconds: 110,
    load: poisson({ perSecond: 200 }),
    service: server({ workers: 4, service: bimodal() }),
    phases: [
      { name: 'early', from: 30, to: 80, capacity: 276 },
      { name: 'later', from: 84, to: 108, capacity: 276 },
    ],
  },
  overload: {
    name: '600/s for 20 minutes',
    seconds: 1200,
    load: poisson({ perSecond: 600 }),
    phases: [
      { name: 'early', from: 60, to: 300, capacity: 400 },
      { name: 'at the end', from: 900, to: 1200, capacity: 400 },
    ],
  },
  modest: {
    name: '440/s for 20 minutes',
    seconds: 1200,
    load: poisson({ perSecond: 440 }),
    phases: [
      { name: 'early', from: 60, to: 300, capacity: 400 },
      { name: 'at the end', from: 900, to: 1200, capacity: 400 },
    ],
  },
  shared: {
    name: '3 × slower permanently, 300/s, from 4 clients with a limit each',
    seconds: 300,
    load: poisson({ perSecond: 300 }),
    clients: 4,
    faults: [slow('api', 3, { at: '20s' })],
    phases: [
      { name: 'early', from: 30, to: 80, capacity: 400 / 3 },
      { name: 'at the end', from: 240, to: 300, capacity: 400 / 3 },
    ],
  },
} as const satisfies Record<string, OverloadScenario>;

/** The hour of overload in which a limit must not drift. */
export const HOUR: OverloadScenario = {
  name: '600/s for 60 minutes',
  seconds: 3600,
  load: poisson({ perSecond: 600 }),
  phases: [],
};

function bimodal() {
  const [short, long] = [exponential('10ms'), exponential('100ms')];
  return (random: () => number) => (random() < 0.05 ? long(random) : short(random));
}

/** What has happened in one second of a run. */
export interface Second {
  offered: number;
  /** The durations of the good calls in milliseconds. */
  readonly good: number[];
  limit: number | undefined;
}

/** Runs a scenario with one limit in front of a timeout of 500 ms. */
export async function run(scenario: OverloadScenario, makeLimit: MakeLimit, seed: number): Promise<readonly Second[]> {
  const seconds = Array.from({ length: scenario.seconds }, (): Second => ({ offered: 0, good: [], limit: undefined }));
  const { service: api = usual, later = usual } = scenario;
  await simulate({
    world: { api, later },
    load: scenario.load,
    ...(scenario.faults && { faults: scenario.faults }),
    duration: scenario.seconds * 1000,
    clients: scenario.clients ?? 1,
    seed,
    candidate: ({ clock, world }) => {
      const limit = makeLimit(clock);
      const policy = pipeline(limit, timeout({ duration: 500, clock }));
      return (call) => {
        const target = scenario.later !== undefined && call.at >= 20_000 ? world.later : world.api;
        const second = seconds[Math.floor(call.at / 1000)]!;
        second.offered++;
        second.limit = limit.limit;
        return policy
          .execute((context) => target.send(context))
          .then((reply) => {
            second.good.push(clock.now() - call.at);
            return reply;
          });
      };
    },
  });
  return seconds;
}

/** The good calls of a part of a run, as a share of those that were possible: offered, and within the capacity. */
export function goodputShare(seconds: readonly Second[], { from, to, capacity }: Omit<Phase, 'name'>): number {
  const part = seconds.slice(from, to);
  const offered = part.reduce((sum, second) => sum + second.offered, 0);
  const good = part.reduce((sum, second) => sum + second.good.length, 0);
  return good / Math.min(offered, capacity * part.length);
}

/** A quantile of the durations of the good calls of a part of a run, in milliseconds; NaN without any. */
export function latencyQuantile(seconds: readonly Second[], from: number, to: number, q: number): number {
  const durations = seconds.slice(from, to).flatMap(({ good }) => good);
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length * q)] ?? NaN;
}
