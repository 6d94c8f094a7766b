import type { Emitter } from '../core/events.js';
import type { Random } from '../core/random.js';
import type { LoadBalancerEvents, PendingEvent } from './events.js';
import { NodeState, type PriorityGroup } from './node-state.js';
import type { NodeEntry } from './nodes.js';
import { type GroupRules, PriorityGroups } from './priority-groups.js';
import type { Ramp } from './slow-start.js';

/** The checked options of `NodeSet`. */
export interface NodeSetRules extends GroupRules {
  readonly ramp: Ramp;
}

/** The time between two updates of slow start weights. An update per call would cost O(ramping nodes) per call. */
const RAMP_STEP_MS = 10;

/**
 * All nodes, and the list of nodes that can get calls now.
 *
 * The list of usable nodes is cached until a node's health changes or an ejection ends; building it is O(n). Panic mode
 * is decided from counters, so n check results in a row cost O(n) in all. While there are calls, the slow start weights
 * of the starting nodes are updated every 10 ms. There are no timers.
 */
export class NodeSet {
  readonly #rules: NodeSetRules;
  readonly #events: Emitter<LoadBalancerEvents>;
  /** Called with the nodes whose slow start weights have changed. Without it, they are passed in a new list. */
  readonly #onRamp: ((nodes: readonly NodeState[], now: number) => void) | undefined;
  #nodes: readonly NodeState[] = [];
  #byName: ReadonlyMap<string, NodeState> = new Map();
  /** The usable nodes. Replaced by a new list whenever its content changes. */
  #usable: readonly NodeState[] = [];
  readonly #groups: PriorityGroups;
  #isPanicking = false;
  #isStale = true;
  /** The earliest time at which an ejection ends. */
  #nextReturn = Infinity;
  /** The nodes in slow start, as of the last update of their weights. */
  #ramping: readonly NodeState[] = [];
  #rampedAt = -Infinity;
  readonly #pendingEvents: PendingEvent[] = [];
  #isEmitting = false;

  constructor(
    rules: NodeSetRules,
    events: Emitter<LoadBalancerEvents>,
    onRamp?: (nodes: readonly NodeState[], now: number) => void,
  ) {
    this.#rules = rules;
    this.#groups = new PriorityGroups(rules);
    this.#events = events;
    this.#onRamp = onRamp;
  }

  /** All nodes, in the order of the list. */
  get nodes(): readonly NodeState[] {
    return this.#nodes;
  }

  /** Whether the balancer is in panic mode: calls go to all nodes, also to unhealthy ones. */
  get isPanicking(): boolean {
    return this.#isPanicking;
  }

  /**
   * Replaces the list of nodes. Nodes that remain keep their state. New nodes begin with slow start, unless there were
   * no nodes before.
   * @param isUp - Whether a new node counts as healthy before its first check has passed.
   */
  setNodes(entries: readonly NodeEntry[], now: number, isUp: boolean): void {
    const known = this.#byName;
    const groupOf = this.#groups.replace(entries);
    this.#nodes = entries.map((entry, index) => {
      const state = known.get(entry.node);
      const group = groupOf(entry.priority);
      if (state === undefined) {
        const added = new NodeState(entry, group, index, isUp);
        if (known.size > 0) added.startedAt = now;
        return added;
      }
      if (state.weight === 0 && entry.weight > 0) state.startedAt = now;
      state.weight = entry.weight;
      state.zone = entry.zone;
      state.group = group;
      state.index = index;
      return state;
    });
    this.#byName = new Map(this.#nodes.map((state) => [state.node, state]));
    this.#groups.fill(this.#nodes);
    this.#isStale = true;
  }

  /** Returns the node with this name. */
  find(node: string): NodeState | undefined {
    return this.#byName.get(node);
  }

  /** Whether the node is still in the list. */
  has(state: NodeState): boolean {
    return this.#nodes[state.index] === state;
  }

  /** The number of nodes with a weight above 0, and the number of ejected nodes among them. */
  get ejections(): { readonly weighted: number; readonly ejected: number } {
    return this.#groups.counts;
  }

  /** Returns the nodes that can get calls now, in the order of the list. */
  usable(now: number): readonly NodeState[] {
    if (this.#isStale || now >= this.#nextReturn) this.#refresh(now);
    else if (this.#ramping.length > 0 && (now >= this.#rampedAt + RAMP_STEP_MS || now < this.#rampedAt))
      this.#updateRamp(now);
    return this.#usable;
  }

  /** Updates all nodes, including slow start weights with millisecond precision. */
  update(now: number): void {
    this.usable(now);
    if (this.#ramping.length > 0 && now !== this.#rampedAt) this.#updateRamp(now);
  }

  /**
   * Returns the priority group for a call; undefined if all usable nodes are candidates, as in a list with one priority.
   * At least one usable node of the group is not excluded.
   */
  groupFor(excluded: ReadonlySet<NodeState>, key: string | undefined, random: Random): PriorityGroup | undefined {
    return this.#groups.groupFor(excluded, key, random);
  }

  #refresh(now: number): void {
    this.#isStale = false;
    this.#nextReturn = Infinity;
    for (const state of this.#nodes) {
      if (state.isEjected && state.ejectedUntil <= now) this.#endEjection(state, state.ejectedUntil);
      if (state.isEjected) this.#nextReturn = Math.min(this.#nextReturn, state.ejectedUntil);
    }
    this.#ramping = this.#rampedAmong(this.#nodes, now);
    this.#updatePanic();
    const { checked } = this.#groups.counts;
    const usable = this.#nodes.filter(
      (state) => state.weight > 0 && (checked === 0 || !state.isNew) && (state.group.usesAll || state.isHealthy),
    );
    this.#setUsable(usable);
    for (const state of this.#nodes) state.isUsable = false;
    for (const state of usable) state.isUsable = true;
  }

  #setUsable(usable: readonly NodeState[]): void {
    this.#usable = usable;
    this.#groups.divide(usable);
  }

  #updateRamp(now: number): void {
    const changed = this.#ramping;
    this.#ramping = this.#rampedAmong(changed, now);
    // Reporting a node to the picker is O(log n). For many nodes, a new list, which is O(n), is cheaper.
    if (this.#onRamp !== undefined && changed.length * 8 < this.#usable.length) this.#onRamp(changed, now);
    else this.#setUsable([...this.#usable]);
  }

  /** Updates the slow start weights of these nodes. Returns the nodes whose slow start has not ended. */
  #rampedAmong(nodes: readonly NodeState[], now: number): readonly NodeState[] {
    this.#rampedAt = now;
    return nodes.filter((state) => {
      if (state.startedAt === -Infinity) return false;
      state.ramp = this.#rules.ramp(now - state.startedAt);
      if (state.ramp === 1) state.startedAt = -Infinity;
      return state.ramp < 1;
    });
  }

  #endEjection(state: NodeState, since: number): void {
    this.#groups.remove(state);
    state.ejectedUntil = -Infinity;
    this.#groups.add(state);
    if (!state.isUp) return;
    state.startedAt = since;
    this.#queueEvent({ type: 'nodeUp', event: { node: state.node, reason: 'ejection-over' } });
  }

  /** Decides panic mode and the distribution over the priority groups, according to the counters. */
  #updatePanic(): void {
    if (this.#groups.update()) this.#queueEvent({ type: 'failover', event: { shares: this.#groups.shares } });
    const { counted, healthy } = this.#groups.counts;
    this.#setPanicking(this.#groups.isAnyUsingAll && counted > 0, healthy, counted);
  }

  #setPanicking(panicking: boolean, healthy: number, nodes: number): void {
    if (panicking === this.#isPanicking) return;
    this.#isPanicking = panicking;
    this.#queueEvent({ type: 'panic', event: { panicking, healthy, nodes } });
  }

  /**
   * Records the result of active checks. If a node that was down is healthy again, its ejection ends as well. If a node
   * was ejected while its checks passed, the ejection continues, because its calls fail although its checks pass.
   */
  setUp(state: NodeState, isUp: boolean, error: unknown, now: number): void {
    if (isUp !== state.isUp || state.isNew) {
      this.#groups.remove(state);
      state.isNew = false;
      if (isUp && !state.isUp) {
        state.ejectedUntil = -Infinity;
        state.startedAt = now;
        this.#queueEvent({ type: 'nodeUp', event: { node: state.node, reason: 'check' } });
      } else if (!isUp && state.isUp) {
        this.#queueEvent({ type: 'nodeDown', event: { node: state.node, reason: 'check', error } });
      }
      state.isUp = isUp;
      this.#groups.add(state);
      this.#isStale = true;
    }
    if (now >= this.#nextReturn) this.#refresh(now);
    else this.#updatePanic();
  }

  /** Ejects a node. Outcomes of calls that began before the ejection no longer count. */
  eject(state: NodeState, reason: LoadBalancerEvents['ejected']['reason'], ejectedForMs: number, now: number): void {
    this.#groups.remove(state);
    state.ejectedUntil = now + ejectedForMs;
    this.#groups.add(state);
    state.generation++;
    this.#isStale = true;
    this.#nextReturn = Math.min(this.#nextReturn, state.ejectedUntil);
    this.#queueEvent({ type: 'ejected', event: { node: state.node, reason, ejectedForMs } });
  }

  #queueEvent(pending: PendingEvent): void {
    if (this.#events.has(pending.type)) this.#pendingEvents.push(pending);
  }

  /** Emits the queued events. Called when the state is consistent, because listeners may call the balancer. */
  emitPending(): void {
    if (this.#isEmitting) return; // events that a listener causes are emitted by the outer loop, after the current one
    this.#isEmitting = true;
    for (let next = this.#pendingEvents.shift(); next !== undefined; next = this.#pendingEvents.shift()) {
      this.#events.emit(next.type, next.event as never);
    }
    this.#isEmitting = false;
  }
}
