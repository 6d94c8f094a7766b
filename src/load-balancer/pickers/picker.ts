import type { Random } from '../../core/random.js';
import type { NodeEntry } from '../nodes.js';

/** A node from the view of a picker. */
export interface Candidate {
  /** The name of the node. */
  readonly node: string;
  /** The position in the list of all nodes. */
  readonly index: number;
  /** The configured weight. Above 0 for a candidate of `choose`. */
  readonly weight: number;
  /** The share of its weight that slow start currently allows: above 0, at most 1. */
  readonly ramp: number;
  /** `weight × ramp`. */
  readonly effectiveWeight: number;
  /** The number of calls in flight. */
  readonly active: number;
  /** Returns the peak EWMA of response times in milliseconds; 0 before the first response. */
  latencyMs(now: number): number;
  /** A number for the picker's own use, initially 0. It is kept as long as the node is in the list. */
  credit: number;
}

/** The call that needs a node. */
export interface PickCall {
  /** The key of the call. */
  readonly key: string | undefined;
  /** The time of the balancer's clock in milliseconds. */
  readonly now: number;
  /** The source of random numbers to use. */
  readonly random: Random;
  /** Whether the choice is used. If false, the caller only peeks, and the picker must not change its state. */
  readonly take: boolean;
}

/** Chooses nodes for one balancer. */
export interface Picker {
  /**
   * Returns one of the candidates. There is at least one, and they are sorted by `index`. All changes of candidates
   * come in a new list, except for `active`, response times and `credit`, and with `weightsChanged` also `ramp`.
   */
  choose(candidates: readonly Candidate[], call: PickCall): Candidate;
  /**
   * Returns a candidate that is not excluded. `excluded` may contain nodes that are not candidates. At least one
   * candidate is not excluded. Without this method the balancer creates a list of the other candidates for `choose`,
   * which is O(n).
   */
  chooseExcept?(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate;
  /** Called when `active` or the response time of a node has changed: for each call that begins or ends. */
  loadChanged?(node: Candidate, now: number): void;
  /** Called when slow start has changed the `ramp` of these nodes. Without it, they come in a new list. */
  weightsChanged?(nodes: readonly Candidate[], now: number): void;
  /**
   * Called before the list of nodes changes. Throws if the picker cannot work with these nodes; then nothing changes.
   */
  checkNodes?(nodes: readonly NodeEntry[]): void;
  /** Called after the nodes or their weights have changed, with all nodes, including those of weight 0. */
  nodesChanged?(nodes: readonly Candidate[]): void;
}

/** A strategy for picking nodes, such as `roundRobin()`. Custom implementations are possible. */
export interface PickerFactory {
  /** The name of the strategy. */
  readonly name: string;
  /** Creates a picker. Each balancer calls this once, so the state of a picker belongs to one balancer. */
  start(): Picker;
}
