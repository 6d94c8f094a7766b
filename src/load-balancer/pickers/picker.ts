import type { Random } from '../../core/random.js';
import type { NodeEntry } from '../nodes.js';

/** A node, as pickers see it. */
export interface Candidate {
  readonly node: string;
  /** Its place in the list of nodes. */
  readonly index: number;
  /** As it was given. Above 0 for whatever is to be picked. */
  readonly weight: number;
  /** What part of its weight slow start gives it now: above 0, at most 1. */
  readonly ramp: number;
  /** `weight × ramp`. */
  readonly effectiveWeight: number;
  /** Calls that it has and that have not ended. */
  readonly active: number;
  /** What it is expected to take: its peak EWMA of response times, in milliseconds; 0 before the first. */
  latencyMs(now: number): number;
  /** For the picker's own use, 0 at first: kept with the node, so that it lasts as long as the node does. */
  credit: number;
}

/** The call that needs a node. */
export interface PickCall {
  readonly key: string | undefined;
  /** On the balancer's clock. */
  readonly now: number;
  readonly random: Random;
  /** False when somebody only asks which it would be: then nothing may change. */
  readonly take: boolean;
}

/** What chooses for one balancer. */
export interface Picker {
  /**
   * Returns one of the candidates. There is at least one, and they are in the order of their `index`. Everything new about
   * them comes in a new list, except `active`, response times and `credit`; with `weightsChanged` also except `ramp`.
   */
  choose(candidates: readonly Candidate[], call: PickCall): Candidate;
  /**
   * Returns one of the candidates, but none that is excluded: each of `excluded` may be a candidate, and at least one
   * candidate is not excluded. Without this method the balancer makes a list of the others for `choose`, which is O(n).
   */
  chooseExcept?(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate;
  /** Takes notice that `active`, or the response time, of a node has changed. Called for each call that begins or ends. */
  loadChanged?(node: Candidate, now: number): void;
  /** Takes notice that slow start has changed the `ramp` of these nodes. Without this method they come in a new list. */
  weightsChanged?(nodes: readonly Candidate[], now: number): void;
  /** The balancer is about to have these nodes: throws if it cannot work with them, before anything has changed. */
  checkNodes?(nodes: readonly NodeEntry[]): void;
  /** The balancer has other nodes now, or other weights: these, those without any weight among them. */
  nodesChanged?(nodes: readonly Candidate[]): void;
}

/** A way to pick nodes. `roundRobin()` and the others are such; so may be one of your own. */
export interface PickerFactory {
  readonly name: string;
  /** What it remembers belongs to one balancer: each calls this once. */
  start(): Picker;
}
