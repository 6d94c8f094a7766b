import type { Clock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Verdict } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import type { Fleet } from './fleet.js';
import { NodeState } from './node-state.js';
import type { OutlierDetector } from './outlier.js';
import type { Chooser } from './picker.js';
import { ReplayableRandom } from './replayable-random.js';
import type { ZonePreference } from './zone-preference.js';

/** A call that a node has. */
export interface Dispatch {
  readonly node: string;
  /** Once: the call has ended; without a verdict nothing is learnt from it. */
  end(verdict: Verdict | undefined): void;
}

/** Finds a node for each call, and learns from how it ends. */
export class Dispatcher {
  readonly #fleet: Fleet;
  readonly #chooser: Chooser;
  readonly #outliers: OutlierDetector | undefined;
  readonly #zone: ZonePreference | undefined;
  readonly #clock: Clock;
  readonly #random: ReplayableRandom;

  constructor(
    fleet: Fleet,
    chooser: Chooser,
    outliers: OutlierDetector | undefined,
    zone: ZonePreference | undefined,
    clock: Clock,
    random: Random,
  ) {
    this.#fleet = fleet;
    this.#chooser = chooser;
    this.#outliers = outliers;
    this.#zone = zone;
    this.#clock = clock;
    this.#random = new ReplayableRandom(random);
  }

  /** The node that a call would get now. */
  peek(key: string | undefined, exclude: ReadonlySet<string> | undefined): string | undefined {
    return this.#choose(key, exclude, this.#clock.now(), false)?.node;
  }

  /** Undefined when there is no node for it. */
  dispatch(key: string | undefined, exclude: ReadonlySet<string> | undefined): Dispatch | undefined {
    const startedAt = this.#clock.now();
    const state = this.#choose(key, exclude, startedAt, true);
    if (state === undefined) return undefined;
    state.active++;
    state.picks++;
    const { generation } = state;
    return { node: state.node, end: (verdict) => this.#end(state, generation, startedAt, verdict) };
  }

  #choose(
    key: string | undefined,
    exclude: ReadonlySet<string> | undefined,
    now: number,
    take: boolean,
  ): NodeState | undefined {
    const usable = this.#fleet.usable(now);
    const allowed =
      exclude === undefined || exclude.size === 0 ? usable : usable.filter(({ node }) => !exclude.has(node));
    if (allowed.length === 0) return undefined;
    const random = this.#random.next;
    try {
      const isChoosy = this.#zone !== undefined && !this.#fleet.isPanicking;
      const candidates = isChoosy ? this.#zone.narrow(allowed, this.#fleet.nodes, key, random) : allowed;
      const chosen = this.#chooser.choose(candidates, { key, now, random, take });
      if (chosen instanceof NodeState) return chosen;
      throw new InvalidOptionError('LoadBalancer', 'pick', 'must choose one of the candidates it is given', chosen);
    } finally {
      this.#random.end(take);
    }
  }

  #end(state: NodeState, generation: number, startedAt: number, verdict: Verdict | undefined): void {
    state.active--;
    if (verdict === undefined) return;
    const now = this.#clock.now();
    state.observe(now - startedAt, now, verdict);
    if (verdict === 'ignore') return;
    if (verdict === 'success') state.successes++;
    else state.failures++;
    if (generation === state.generation && this.#fleet.has(state)) {
      this.#outliers?.record(state, verdict === 'success', now);
    }
  }
}
