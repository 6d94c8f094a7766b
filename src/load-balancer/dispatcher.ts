import type { Clock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Verdict } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import type { OutlierDetector } from './health/outlier-detector.js';
import type { NodeSet } from './node-set.js';
import { NodeState } from './node-state.js';
import type { PickCall, Picker } from './pickers/picker.js';
import { ReplayableRandom } from './replayable-random.js';
import type { ZonePreference } from './zone-preference.js';

/** One call that is in flight on a node. */
export class Dispatch {
  readonly node: string;
  readonly #dispatcher: Dispatcher;
  readonly #state: NodeState;
  readonly #generation: number;
  readonly #startedAt: number;

  constructor(dispatcher: Dispatcher, state: NodeState, startedAt: number) {
    this.node = state.node;
    this.#dispatcher = dispatcher;
    this.#state = state;
    this.#generation = state.generation;
    this.#startedAt = startedAt;
  }

  /** Ends the call. Must be called once. Without a verdict, the outcome is not recorded. */
  end(verdict: Verdict | undefined): void {
    this.#dispatcher.end(this.#state, this.#generation, this.#startedAt, verdict);
  }
}

/** Picks a node for each call and records the outcome. */
export class Dispatcher {
  readonly #nodes: NodeSet;
  readonly #picker: Picker;
  readonly #outliers: OutlierDetector | undefined;
  readonly #zone: ZonePreference | undefined;
  readonly #clock: Clock;
  readonly #random: ReplayableRandom;

  constructor(
    nodes: NodeSet,
    picker: Picker,
    outliers: OutlierDetector | undefined,
    zone: ZonePreference | undefined,
    clock: Clock,
    random: Random,
  ) {
    this.#nodes = nodes;
    this.#picker = picker;
    this.#outliers = outliers;
    this.#zone = zone;
    this.#clock = clock;
    this.#random = new ReplayableRandom(random);
  }

  /** Returns the node that a call would get now. */
  peek(key: string | undefined, exclude: ReadonlySet<string> | undefined): string | undefined {
    return this.#choose(key, exclude, this.#clock.now(), false)?.node;
  }

  /** Picks a node for a call; returns undefined if none is available. */
  dispatch(key: string | undefined, exclude: ReadonlySet<string> | undefined): Dispatch | undefined {
    const startedAt = this.#clock.now();
    const state = this.#choose(key, exclude, startedAt, true);
    if (state === undefined) return undefined;
    state.active++;
    state.picks++;
    this.#picker.loadChanged?.(state, startedAt);
    return new Dispatch(this, state, startedAt);
  }

  #choose(
    key: string | undefined,
    exclude: ReadonlySet<string> | undefined,
    now: number,
    take: boolean,
  ): NodeState | undefined {
    const usable = this.#nodes.usable(now);
    const excluded = exclude === undefined ? NONE : this.#usableAmong(exclude);
    if (excluded.size === usable.length) return undefined;
    const random = this.#random.next;
    this.#random.begin(take);
    try {
      const group = this.#nodes.groupFor(excluded, key, random);
      let candidates = usable;
      let excludedHere = excluded;
      if (group !== undefined) {
        candidates = group.usable;
        if (excluded.size > 0) excludedHere = new Set([...excluded].filter((state) => state.group === group));
      }
      if (this.#zone !== undefined && !this.#nodes.isPanicking) {
        const all = group === undefined ? this.#nodes.nodes : group.nodes;
        candidates = this.#zone.narrow(candidates, excludedHere, all, key, random);
      }
      const chosen = this.#callPicker(candidates, excludedHere, { key, now, random, take });
      if (chosen instanceof NodeState) return chosen;
      throw new InvalidOptionError('LoadBalancer', 'pick', 'must choose one of its candidates', chosen);
    } finally {
      this.#random.end();
    }
  }

  #callPicker(candidates: readonly NodeState[], excluded: ReadonlySet<NodeState>, call: PickCall): unknown {
    if (excluded.size === 0) return this.#picker.choose(candidates, call);
    if (this.#picker.chooseExcept !== undefined) return this.#picker.chooseExcept(candidates, excluded, call);
    return this.#picker.choose(
      candidates.filter((one) => !excluded.has(one)),
      call,
    );
  }

  #usableAmong(names: ReadonlySet<string>): ReadonlySet<NodeState> {
    const states = new Set<NodeState>();
    for (const name of names) {
      const state = this.#nodes.find(name);
      if (state?.isUsable) states.add(state);
    }
    return states;
  }

  /** Ends a call. Called by `Dispatch`. */
  end(state: NodeState, generation: number, startedAt: number, verdict: Verdict | undefined): void {
    state.active--;
    const now = verdict === undefined ? startedAt : this.#clock.now();
    if (verdict !== undefined) state.observe(now - startedAt, now, verdict);
    this.#picker.loadChanged?.(state, now);
    if (verdict === undefined || verdict === 'ignore') return;
    const isHealthy = verdict === 'success' || verdict === 'throttled';
    if (isHealthy) state.successes++;
    else state.failures++;
    if (generation === state.generation && this.#nodes.has(state)) {
      this.#outliers?.record(state, isHealthy, now);
    }
  }
}

const NONE: ReadonlySet<NodeState> = new Set();
