/** Where a run has failed. */
export interface RunPlace {
  /** The name of the scenario. */
  readonly scenario: string;
  /** The name of the candidate; undefined if there is only one. */
  readonly candidate: string | undefined;
  /** The seed of the run, for `replay`. */
  readonly seed: number;
}

/**
 * A run could not be simulated: the plan of its faults is wrong, a distribution has drawn a negative number, or the
 * candidate has thrown, has left a rejection unhandled, or waits for real time. The message names the scenario, the
 * candidate and the seed, and `cause` is the error itself.
 */
export class SimulationError extends Error implements RunPlace {
  readonly scenario: string;
  readonly candidate: string | undefined;
  readonly seed: number;

  constructor(problem: string, place: RunPlace, options?: { readonly cause: unknown }) {
    const candidate = place.candidate === undefined ? '' : `, candidate ${JSON.stringify(place.candidate)}`;
    super(`scenario ${JSON.stringify(place.scenario)}${candidate}, seed ${place.seed}: ${problem}`, options);
    this.scenario = place.scenario;
    this.candidate = place.candidate;
    this.seed = place.seed;
  }

  override get name(): string {
    return 'SimulationError';
  }
}
