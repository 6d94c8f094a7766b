import type { Random } from '../core/random.js';
import { murmur3 } from '../hash-ring/murmur3.js';
import type { PriorityShare } from './events.js';
import { HealthCounts } from './health-counts.js';
import { type NodeState, PriorityGroup } from './node-state.js';
import type { NodeEntry } from './nodes.js';

/** The checked options for panic mode and priority groups. */
export interface GroupRules {
  /** If the share of healthy nodes is smaller, all nodes are used. */
  readonly panicThreshold: number;
  readonly onNoHealthyNode: 'all' | 'reject';
  /** The load that a priority group can bear, relative to its usual load. */
  readonly overprovision: number;
}

/** The seed for keys: the same hash as that of the zones or of a ring would correlate with them. */
const SEED = 0x9e37_79b9;

/** Shares that add up to almost 1 do so exactly without rounding. */
const ROUNDING = 1e-9;

/**
 * The priority groups of a list of nodes, and the share of the calls for each (Envoy, priority levels):
 *
 * ```
 *   available(group) = min(1, overprovision × healthy weight / weight of the group)
 *   total ≥ 1:       share(group) = min(available, what the groups before it have left)
 *   0 < total < 1:   share(group) = available / total, and a group with less healthy nodes than the panic threshold
 *                                   uses all of its nodes
 *   total = 0:       all nodes of all groups, or none with onNoHealthyNode: 'reject'
 * ```
 *
 * The shares are evaluated when the health of a node changes: O(groups). A call costs O(groups) if several groups get
 * calls, otherwise O(1). With one group only the panic threshold matters, and a call costs one comparison.
 */
export class PriorityGroups {
  readonly #rules: GroupRules;
  /** The counts over all groups. */
  readonly counts = new HealthCounts();
  /** The groups, sorted by priority. */
  #groups: readonly PriorityGroup[] = [];
  /** The groups with a share above 0. */
  #used: readonly PriorityGroup[] = [];
  /** Whether calls are distributed by shares. If not, all usable nodes are candidates. */
  #isDivided = false;

  constructor(rules: GroupRules) {
    this.#rules = rules;
  }

  /** Replaces the groups by those of a list of nodes. Returns a function that finds the group of a priority. */
  replace(entries: Iterable<NodeEntry>): (priority: number) => PriorityGroup {
    const previous = new Map(this.#groups.map((group) => [group.priority, group]));
    const groups = new Map<number, PriorityGroup>();
    for (const { priority } of entries) {
      if (!groups.has(priority)) groups.set(priority, previous.get(priority) ?? new PriorityGroup(priority));
    }
    const hadGroups = this.#groups.length > 0;
    this.#groups = [...groups.values()].sort((a, b) => a.priority - b.priority);
    // The first groups of all begin as if all nodes were healthy, so that there is an event only if they are not.
    if (!hadGroups && this.#groups[0] !== undefined) this.#groups[0].share = 1;
    return (priority) => groups.get(priority) as PriorityGroup;
  }

  /** Counts all nodes. */
  fill(nodes: readonly NodeState[]): void {
    this.counts.reset(nodes);
    const [only] = this.#groups;
    if (only !== undefined && this.#groups.length === 1) {
      only.nodes = nodes;
      only.usable = [];
      only.counts.reset(nodes);
      return;
    }
    const members = membersOf(this.#groups, nodes);
    for (const group of this.#groups) {
      group.nodes = members.get(group) as readonly NodeState[];
      group.counts.reset(group.nodes);
    }
  }

  /** Divides a new list of usable nodes among the groups. */
  divide(usable: readonly NodeState[]): void {
    if (this.#groups.length < 2) return;
    for (const [group, members] of membersOf(this.#groups, usable)) group.usable = members;
  }

  add(state: NodeState): void {
    this.counts.add(state);
    state.group.counts.add(state);
  }

  remove(state: NodeState): void {
    this.counts.remove(state);
    state.group.counts.remove(state);
  }

  /** Whether calls go to unhealthy nodes as well. */
  get isAnyUsingAll(): boolean {
    return this.#groups.some(({ usesAll }) => usesAll);
  }

  /** The current shares of the groups. */
  get shares(): readonly PriorityShare[] {
    return this.#groups.map(({ priority, share }) => ({ priority, share }));
  }

  /** Evaluates the counts again. Returns whether the share of a group has changed. */
  update(): boolean {
    const [only] = this.#groups;
    return only !== undefined && this.#groups.length === 1 ? this.#updateOnly(only) : this.#distribute();
  }

  #updateOnly(group: PriorityGroup): boolean {
    const { counted, healthy } = group.counts;
    const { onNoHealthyNode, panicThreshold } = this.#rules;
    group.usesAll = healthy === 0 ? onNoHealthyNode === 'all' : healthy / counted < panicThreshold;
    const isChanged = group.share !== 1;
    group.share = 1;
    this.#isDivided = false;
    return isChanged;
  }

  #distribute(): boolean {
    const { onNoHealthyNode, overprovision, panicThreshold } = this.#rules;
    const available = this.#groups.map(({ counts }) => Math.min(1, overprovision * counts.healthyShare));
    const total = available.reduce((sum, one) => sum + one, 0);
    const allWeight = this.counts.weight;
    let rest = 1;
    let isChanged = false;
    for (const [index, group] of this.#groups.entries()) {
      const { healthy, counted, weight } = group.counts;
      let share = available[index] as number;
      if (total === 0) share = onNoHealthyNode === 'all' && allWeight > 0 ? weight / allWeight : 0;
      else if (total >= 1 - ROUNDING) share = Math.min(share, rest);
      else share /= total;
      rest = Math.max(0, rest - share);
      if (total === 0) group.usesAll = onNoHealthyNode === 'all';
      else group.usesAll = total < 1 - ROUNDING && share > 0 && healthy / counted < panicThreshold;
      if (Math.abs(share - group.share) > ROUNDING) isChanged = true;
      group.share = share;
    }
    this.#isDivided = total > 0;
    this.#used = this.#groups.filter(({ share }) => share > 0);
    return isChanged;
  }

  /**
   * Returns the group for a call; undefined if all usable nodes are candidates. If all usable nodes of a group are
   * excluded, its share goes to the other groups. A key decides for a call with a key, so that a key stays in a group.
   */
  groupFor(excluded: ReadonlySet<NodeState>, key: string | undefined, random: Random): PriorityGroup | undefined {
    if (!this.#isDivided) return undefined;
    let used = this.#used;
    if (excluded.size > 0) {
      const left = this.#groups.filter((group) => hasOther(group, excluded));
      used = left.filter(({ share }) => share > 0);
      if (used.length === 0) return left[0];
    }
    if (used.length === 1) return used[0];
    const total = used.reduce((sum, { share }) => sum + share, 0);
    let draw = total * (key === undefined ? random() : murmur3(key, SEED) / 2 ** 32);
    for (const group of used) {
      if (draw < group.share) return group;
      draw -= group.share;
    }
    return used[used.length - 1];
  }
}

/** Whether a usable node of the group is not excluded. All excluded nodes are usable. */
function hasOther(group: PriorityGroup, excluded: ReadonlySet<NodeState>): boolean {
  let others = group.usable.length;
  for (const state of excluded) if (state.group === group) others--;
  return others > 0;
}

function membersOf(
  groups: readonly PriorityGroup[],
  nodes: readonly NodeState[],
): ReadonlyMap<PriorityGroup, readonly NodeState[]> {
  const members = new Map<PriorityGroup, NodeState[]>(groups.map((group) => [group, []]));
  for (const state of nodes) members.get(state.group)?.push(state);
  return members;
}
