import { checkSignal } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import type { FaultPlan } from '../core/fault-plan.js';
import { checkFunction, checkInteger, checkName } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import { isLoad, type Load } from './load.js';
import type { ServerDefinition } from './server-options.js';
import type { Targets } from './world.js';

/** The servers of a world, by name. */
export type World = Readonly<Record<string, ServerDefinition>>;

/** The world and its load: what all candidates of a comparison meet. */
export interface Scenario<W extends World = World> {
  /** The name of the scenario, for reports and errors. @defaultValue 'simulation' */
  readonly name?: string | undefined;
  /** The servers by name, or a function that returns them for each run. */
  readonly world: W | ((kit: { readonly clock: Clock; readonly random: Random }) => W);
  /** The load, or several that are added up. */
  readonly load: Load | readonly Load[];
  /** The faults, at fixed times of the run. @defaultValue none */
  readonly faults?: FaultPlan | undefined;
  /** The simulated time in which calls begin: a duration above 0. Calls may end up to a minute later. */
  readonly duration: Duration;
  /** The time at the start that results leave out: a duration ≥ 0, below `duration`. @defaultValue 0 */
  readonly warmUp?: Duration | undefined;
  /** The length of a row of the series: a duration above 0. @defaultValue '1s' */
  readonly interval?: Duration | undefined;
  /**
   * The number of clients, between which the calls are distributed in turn: an integer ≥ 1. Each has a candidate of its
   * own, as the instances of a service have their own breakers and budgets.
   * @defaultValue 1
   */
  readonly clients?: number | undefined;
  /** The server that the calls of a candidate that is a policy go to. @defaultValue the first one of the world */
  readonly target?: (keyof W & string) | undefined;
  /** The time after which an answer is worth nothing: a later value counts as bad. @defaultValue Infinity */
  readonly goodWithin?: Duration | undefined;
  /** Ends the run, at the next turn of the real event loop. @defaultValue none */
  readonly signal?: AbortSignal | undefined;
}

/** What a candidate is made from. Everything that waits or draws must use its `clock` and `random`. */
export interface CandidateKit<W extends World = World> {
  /** The clock of the clients. */
  readonly clock: Clock;
  /** A random source of this client. */
  readonly random: Random;
  /** The servers of the world, as this client reaches them. */
  readonly world: Targets<keyof W & string>;
  /** The number of this client, from 0. */
  readonly client: number;
  /** Adds a listener for faults of kind `flush`, to empty caches. Receives the target of the fault. */
  onFlush(listener: (target: string | undefined) => void): void;
}

/** One call of a load, as a candidate that is a function receives it. It can be passed to `send`. */
export interface Call {
  /** The number of the call, from 0. */
  readonly index: number;
  /** The time at which the call begins, in milliseconds. */
  readonly at: number;
  /** The tenant of the load; undefined if it has none. */
  readonly tenant: string | undefined;
  /** A key that was drawn from the load's `keys`, or else the tenant. */
  readonly key: string | undefined;
  /** The priority of the load. */
  readonly priority: number;
  /** The time after which an answer is worth nothing: `at` plus the `goodWithin` of the scenario. */
  readonly deadline: number;
}

/**
 * Makes what is to be judged, once per client: a policy, through which each call sends one request to the `target`, or a
 * function that makes a whole call, with caches, balancers and several servers.
 */
export type Candidate<W extends World = World> = (kit: CandidateKit<W>) => Policy<unknown> | ((call: Call) => unknown);

/** A checked scenario. */
export interface Settings {
  readonly name: string;
  readonly world: Scenario['world'];
  readonly loads: readonly Load[];
  readonly faults: FaultPlan;
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly intervalMs: number;
  readonly clients: number;
  readonly target: string | undefined;
  readonly goodWithinMs: number;
  readonly signal: AbortSignal | undefined;
}

const NO_FAULTS: FaultPlan = [];

/** The defaults of a scenario, for `readOptions`. */
export const SCENARIO_DEFAULTS = {
  name: undefined,
  world: undefined,
  load: undefined,
  faults: NO_FAULTS,
  duration: undefined,
  warmUp: 0,
  interval: '1s',
  clients: 1,
  target: undefined,
  goodWithin: Infinity,
  signal: undefined,
} satisfies { readonly [K in keyof Scenario]-?: Scenario[K] | undefined };

/** The largest number of rows of a series. */
const MAX_ROWS = 100_000;

/** Checks a scenario whose defaults are filled in. @throws InvalidOptionError for invalid options. */
export function checkScenario(owner: string, own: Scenario): Settings {
  const loads = isLoad(own.load) ? [own.load] : own.load;
  if (!Array.isArray(loads) || loads.length === 0 || !loads.every(isLoad)) {
    throw new InvalidOptionError(owner, 'load', 'must be a load, such as poisson(), or an array of loads', own.load);
  }
  if (typeof own.world !== 'function' && (typeof own.world !== 'object' || own.world === null)) {
    throw new InvalidOptionError(
      owner,
      'world',
      'must be an object of servers, or a function that returns one',
      own.world,
    );
  }
  const durationMs = toMs(owner, 'duration', own.duration);
  const warmUpMs = toMs(owner, 'warmUp', own.warmUp, { orZero: true });
  if (warmUpMs >= durationMs) {
    throw new InvalidOptionError(owner, 'warmUp', `must be below "duration" (${durationMs} ms)`, own.warmUp);
  }
  const intervalMs = toMs(owner, 'interval', own.interval, { min: durationMs / MAX_ROWS });
  const signal = checkSignal(owner, own.signal ?? null) ?? undefined;
  return {
    name: own.name === undefined ? 'simulation' : checkName(owner, own.name),
    world: own.world,
    loads: loads as readonly Load[],
    faults: own.faults as FaultPlan,
    durationMs,
    warmUpMs,
    intervalMs,
    clients: checkInteger(owner, 'clients', own.clients, { min: 1, max: 100_000 }),
    target: own.target,
    goodWithinMs: toMs(owner, 'goodWithin', own.goodWithin, { orInfinity: true }),
    signal,
  };
}

export const checkCandidate = <W extends World>(owner: string, option: string, candidate: Candidate<W>): Candidate =>
  checkFunction(owner, option, candidate) as unknown as Candidate;
