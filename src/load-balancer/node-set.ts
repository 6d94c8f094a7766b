import type { Emitter } from '../core/events.js';
import type { LoadBalancerEvents, PendingEvent } from './events.js';
import { NodeState } from './node-state.js';
import type { NodeEntry } from './nodes.js';
import type { Ramp } from './slow-start.js';

export interface NodeSetRules {
  readonly ramp: Ramp;
  /** Below this share of healthy nodes, all are used. */
  readonly panicThreshold: number;
  readonly onNoHealthyNode: 'all' | 'reject';
}

/** The time between two updates of slow start weights: an update with each call would make each call O(ramping nodes). */
const RAMP_STEP_MS = 10;

/**
 * All nodes, and which of them may have calls now.
 *
 * The list of usable nodes is kept until a node's health changes or an ejection ends; making it is O(n). Whether to panic is
 * decided from counts, so that n results of checks in a row cost O(n) in all. Slow start weights are updated every 10 ms
 * while there are calls, for the nodes that are starting. No timer runs.
 */
export class NodeSet {
  readonly #rules: NodeSetRules;
  readonly #events: Emitter<LoadBalancerEvents>;
  /** Takes the nodes whose slow start weights have changed; without it they come in a new list. */
  readonly #onRamp: ((nodes: readonly NodeState[], now: number) => void) | undefined;
  #nodes: readonly NodeState[] = [];
  #byName: ReadonlyMap<string, NodeState> = new Map();
  /** Replaced whenever another node is in it. */
  #usable: readonly NodeState[] = [];
  readonly #counts = new HealthCounts();
  #isPanicking = false;
  #isStale = true;
  /** The first time when an ejection ends. */
  #nextReturn = Infinity;
  /** The nodes whose slow start is not over, as of the last update of their weights. */
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
    this.#events = events;
    this.#onRamp = onRamp;
  }

  get nodes(): readonly NodeState[] {
    return this.#nodes;
  }

  /** Whether calls go to nodes that are out, too. */
  get isPanicking(): boolean {
    return this.#isPanicking;
  }

  /**
   * Nodes that stay keep all that is known of them; new ones begin slowly, unless they are the first of all.
   * @param isUp - whether a new node counts as well before any check of it has passed.
   */
  setNodes(entries: readonly NodeEntry[], now: number, isUp: boolean): void {
    const known = this.#byName;
    this.#nodes = entries.map((entry, index) => {
      const state = known.get(entry.node);
      if (state === undefined) {
        const added = new NodeState(entry, index, isUp);
        if (known.size > 0) added.startedAt = now;
        return added;
      }
      if (state.weight === 0 && entry.weight > 0) state.startedAt = now;
      state.weight = entry.weight;
      state.zone = entry.zone;
      state.index = index;
      return state;
    });
    this.#byName = new Map(this.#nodes.map((state) => [state.node, state]));
    this.#counts.reset(this.#nodes);
    this.#isStale = true;
  }

  find(node: string): NodeState | undefined {
    return this.#byName.get(node);
  }

  has(state: NodeState): boolean {
    return this.#nodes[state.index] === state;
  }

  /** The number of nodes with a weight, and of those among them that are ejected. */
  get ejections(): { readonly weighted: number; readonly ejected: number } {
    return this.#counts;
  }

  /** The nodes that may have calls now, in the order of the list. */
  usable(now: number): readonly NodeState[] {
    if (this.#isStale || now >= this.#nextReturn) this.#refresh(now);
    else if (this.#ramping.length > 0 && (now >= this.#rampedAt + RAMP_STEP_MS || now < this.#rampedAt))
      this.#ramp(now);
    return this.#usable;
  }

  /** Brings every node up to date, its slow start weight to the millisecond. */
  update(now: number): void {
    this.usable(now);
    if (this.#ramping.length > 0 && now !== this.#rampedAt) this.#ramp(now);
  }

  #refresh(now: number): void {
    this.#isStale = false;
    this.#nextReturn = Infinity;
    for (const state of this.#nodes) {
      if (state.isEjected && state.ejectedUntil <= now) this.#return(state, state.ejectedUntil);
      if (state.isEjected) this.#nextReturn = Math.min(this.#nextReturn, state.ejectedUntil);
    }
    this.#ramping = this.#rampedAmong(this.#nodes, now);
    this.#judgePanic();
    const { asked } = this.#counts;
    this.#usable = this.#nodes.filter(
      (state) => state.weight > 0 && (asked === 0 || !state.isNew) && (this.#usesAll || state.isHealthy),
    );
    for (const state of this.#nodes) state.isUsable = false;
    for (const state of this.#usable) state.isUsable = true;
  }

  #ramp(now: number): void {
    const changed = this.#ramping;
    this.#ramping = this.#rampedAmong(changed, now);
    // Telling a picker of a node is O(log n): a new list, which is O(n), is cheaper for many.
    if (this.#onRamp !== undefined && changed.length * 8 < this.#usable.length) this.#onRamp(changed, now);
    else this.#usable = [...this.#usable];
  }

  /** Updates the slow start weights of these nodes, and returns the nodes whose slow start goes on. */
  #rampedAmong(nodes: readonly NodeState[], now: number): readonly NodeState[] {
    this.#rampedAt = now;
    return nodes.filter((state) => {
      if (state.startedAt === -Infinity) return false;
      state.ramp = this.#rules.ramp(now - state.startedAt);
      if (state.ramp === 1) state.startedAt = -Infinity;
      return state.ramp < 1;
    });
  }

  #return(state: NodeState, since: number): void {
    this.#counts.remove(state);
    state.ejectedUntil = -Infinity;
    this.#counts.add(state);
    if (!state.isUp) return;
    state.startedAt = since;
    this.#emitLater({ type: 'nodeUp', event: { node: state.node, reason: 'ejection-over' } });
  }

  /** Whether calls go to unhealthy nodes as well, by the counts. */
  get #usesAll(): boolean {
    const { counted, healthy } = this.#counts;
    if (healthy === 0) return this.#rules.onNoHealthyNode === 'all';
    return healthy / counted < this.#rules.panicThreshold;
  }

  #judgePanic(): void {
    const { counted, healthy } = this.#counts;
    this.#setPanicking(this.#usesAll && counted > 0, healthy, counted);
  }

  #setPanicking(panicking: boolean, healthy: number, nodes: number): void {
    if (panicking === this.#isPanicking) return;
    this.#isPanicking = panicking;
    this.#emitLater({ type: 'panic', event: { panicking, healthy, nodes } });
  }

  /**
   * Active checks have made up their mind. A node that was down and is well again need not wait for the end of its ejection;
   * one that was ejected while its checks passed must: its calls know better.
   */
  setUp(state: NodeState, isUp: boolean, error: unknown, now: number): void {
    if (isUp !== state.isUp || state.isNew) {
      this.#counts.remove(state);
      state.isNew = false;
      if (isUp && !state.isUp) {
        state.ejectedUntil = -Infinity;
        state.startedAt = now;
        this.#emitLater({ type: 'nodeUp', event: { node: state.node, reason: 'check' } });
      } else if (!isUp && state.isUp) {
        this.#emitLater({ type: 'nodeDown', event: { node: state.node, reason: 'check', error } });
      }
      state.isUp = isUp;
      this.#counts.add(state);
      this.#isStale = true;
    }
    if (now >= this.#nextReturn) this.#refresh(now);
    else this.#judgePanic();
  }

  eject(state: NodeState, reason: LoadBalancerEvents['ejected']['reason'], ejectedForMs: number, now: number): void {
    this.#counts.remove(state);
    state.ejectedUntil = now + ejectedForMs;
    this.#counts.add(state);
    state.generation++;
    this.#isStale = true;
    this.#nextReturn = Math.min(this.#nextReturn, state.ejectedUntil);
    this.#emitLater({ type: 'ejected', event: { node: state.node, reason, ejectedForMs } });
  }

  #emitLater(news: PendingEvent): void {
    if (this.#events.has(news.type)) this.#pendingEvents.push(news);
  }

  /** Tells what has happened, now that everything is in its place: listeners may do to the balancer what they like. */
  emitPending(): void {
    if (this.#isEmitting) return; // what a listener causes is told after what it is being told
    this.#isEmitting = true;
    for (let news = this.#pendingEvents.shift(); news !== undefined; news = this.#pendingEvents.shift()) {
      this.#events.emit(news.type, news.event as never);
    }
    this.#isEmitting = false;
  }
}

/** How many nodes are in which health. Nodes without a weight count for nothing. */
class HealthCounts {
  weighted = 0;
  ejected = 0;
  /** Nodes that a check has asked, or that need no check. */
  asked = 0;
  healthy = 0;

  /** New nodes do not count until they have been asked, unless no node has been: they are no sign that many are down. */
  get counted(): number {
    return this.asked > 0 ? this.asked : this.weighted;
  }

  reset(nodes: Iterable<NodeState>): void {
    this.weighted = 0;
    this.ejected = 0;
    this.asked = 0;
    this.healthy = 0;
    for (const state of nodes) this.add(state);
  }

  add(state: NodeState): void {
    this.#count(state, 1);
  }

  remove(state: NodeState): void {
    this.#count(state, -1);
  }

  #count(state: NodeState, by: 1 | -1): void {
    if (state.weight === 0) return;
    this.weighted += by;
    if (state.isEjected) this.ejected += by;
    if (!state.isNew) this.asked += by;
    if (state.isHealthy) this.healthy += by;
  }
}
