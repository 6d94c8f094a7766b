import { readOptions } from '../core/options.js';
import {
  type Candidate,
  checkCandidate,
  checkScenario,
  SCENARIO_DEFAULTS,
  type Scenario,
  type World,
} from './options.js';
import type { SimulationResult } from './result.js';
import { run } from './run.js';
import { checkSeed } from './streams.js';

/** Options of `simulate`. */
export interface SimulateOptions<W extends World = World> extends Scenario<W> {
  /** Makes the policy, or the function, that makes the calls. */
  readonly candidate: Candidate<W>;
  /** The seed of all random numbers of the run: an integer in [0, 2^21). @defaultValue 1 */
  readonly seed?: number | undefined;
}

/**
 * Simulates one run of a scenario: real policies on a simulated clock, in front of simulated servers. The result depends
 * only on the options and the seed: it is the same on every machine and every JavaScript engine.
 *
 * Rejects with InvalidOptionError for invalid options, with SimulationError if the run fails, and with the reason of
 * `signal` if it is aborted.
 *
 * Time: 1 to 10 µs per call and attempt. Memory: 16 bytes per call, and the open calls.
 *
 * @example
 * ```ts
 * import { exponential, poisson, server, simulate, slow } from 'breakwater/simulator';
 *
 * const result = await simulate({
 *   world: { api: server({ workers: 4, service: exponential('10ms') }) },
 *   load: poisson({ perSecond: 300 }),
 *   faults: [slow('api', 6, { at: '10s', for: '5s' })],
 *   duration: '60s',
 *   candidate: ({ clock, random }) => pipeline(retry({ clock, random }), timeout({ duration: '500ms', clock })),
 * });
 * console.log(result.timeToRecoverMs); // Infinity: the retries keep the server busy
 * ```
 */
export async function simulate<const W extends World>(options: SimulateOptions<W>): Promise<SimulationResult> {
  return runOne('simulate', options, false);
}

/**
 * Simulates a run again and records its calls: `calls` of the result has, for each of the first 10,000 calls, the
 * attempts with their times and answers.
 *
 * @example
 * ```ts
 * import { constant, poisson, replay, server } from 'breakwater/simulator';
 *
 * const { calls } = await replay({
 *   world: { api: server({ workers: 1, service: constant('10ms') }) },
 *   load: poisson({ perSecond: 50 }),
 *   duration: '1s',
 *   seed: 7,
 *   candidate: ({ clock }) => timeout({ duration: '500ms', clock }),
 * });
 * console.log(calls[0]?.attempts.length); // 1
 * ```
 */
export async function replay<const W extends World>(options: SimulateOptions<W>): Promise<SimulationResult> {
  return runOne('replay', options, true);
}

function runOne<W extends World>(owner: string, options: SimulateOptions<W>, isTraced: boolean) {
  const defaults = { ...SCENARIO_DEFAULTS, candidate: undefined, seed: 1 };
  const own = readOptions<SimulateOptions>(owner, options as unknown as SimulateOptions, defaults);
  return run({
    settings: checkScenario(owner, own),
    candidate: checkCandidate(owner, 'candidate', own.candidate),
    candidateName: undefined,
    seed: checkSeed(owner, 'seed', own.seed),
    isTraced,
  });
}
