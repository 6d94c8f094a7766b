import type { Emitter } from '../core/events.js';
import type { LoadBalancerEvents, LoadBalancerNews } from './events.js';
import { NodeState } from './node-state.js';
import type { NodeEntry } from './nodes.js';
import type { Ramp } from './slow-start.js';

export interface FleetRules {
  readonly ramp: Ramp;
  /** Below this share of healthy nodes, all are used. */
  readonly panicThreshold: number;
  readonly onNoHealthyNode: 'all' | 'fail';
}

/**
 * All nodes, and which of them may have calls now.
 *
 * The list of those is kept until something happens to a node, or until the time when something will: an ejection that ends,
 * a slow start that goes on. Nothing ticks.
 */
export class Fleet {
  readonly #rules: FleetRules;
  readonly #events: Emitter<LoadBalancerEvents>;
  #nodes: readonly NodeState[] = [];
  /** Replaced whenever there is anything new in it. */
  #usable: readonly NodeState[] = [];
  #isPanicking = false;
  #isStale = true;
  #asOf = -Infinity;
  /** The first time when an ejection ends. */
  #nextReturn = Infinity;
  #isRamping = false;
  readonly #untold: LoadBalancerNews[] = [];
  #isTelling = false;

  constructor(rules: FleetRules, events: Emitter<LoadBalancerEvents>) {
    this.#rules = rules;
    this.#events = events;
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
    const known = new Map(this.#nodes.map((state) => [state.node, state]));
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
    this.#isStale = true;
  }

  has(state: NodeState): boolean {
    return this.#nodes[state.index] === state;
  }

  /** Those that may have calls now, in the order of the list. */
  usable(now: number): readonly NodeState[] {
    if (this.#isStale || now >= this.#nextReturn || (this.#isRamping && now !== this.#asOf)) this.#refresh(now);
    return this.#usable;
  }

  #refresh(now: number): void {
    this.#isStale = false;
    this.#asOf = now;
    this.#nextReturn = Infinity;
    this.#isRamping = false;
    for (const state of this.#nodes) this.#refreshNode(state, now);
    const weighty = this.#nodes.filter(({ weight }) => weight > 0);
    // Nodes that have just come do not count until they have been asked: they are no sign that many are down.
    const asked = weighty.filter(({ isNew }) => !isNew);
    const nodes = asked.length > 0 ? asked : weighty;
    const healthy = nodes.filter(({ isHealthy }) => isHealthy);
    const usesAll =
      healthy.length === 0
        ? this.#rules.onNoHealthyNode === 'all'
        : healthy.length / nodes.length < this.#rules.panicThreshold;
    this.#usable = usesAll ? nodes : healthy;
    this.#setPanicking(usesAll && nodes.length > 0, healthy.length, nodes.length);
  }

  #refreshNode(state: NodeState, now: number): void {
    if (state.isEjected && state.ejectedUntil <= now) this.#return(state, state.ejectedUntil);
    if (state.isEjected) this.#nextReturn = Math.min(this.#nextReturn, state.ejectedUntil);
    if (state.startedAt === -Infinity) return;
    state.ramp = this.#rules.ramp(now - state.startedAt);
    if (state.ramp === 1) state.startedAt = -Infinity;
    else this.#isRamping = true;
  }

  #return(state: NodeState, since: number): void {
    state.ejectedUntil = -Infinity;
    if (!state.isUp) return;
    state.startedAt = since;
    this.#tellLater({ type: 'nodeUp', event: { node: state.node, reason: 'ejection-over' } });
  }

  #setPanicking(panicking: boolean, healthy: number, nodes: number): void {
    if (panicking === this.#isPanicking) return;
    this.#isPanicking = panicking;
    this.#tellLater({ type: 'panic', event: { panicking, healthy, nodes } });
  }

  /**
   * Active checks have made up their mind. A node that was down and is well again need not wait for the end of its ejection;
   * one that was ejected while its checks passed must: its calls know better.
   */
  setUp(state: NodeState, isUp: boolean, error: unknown, now: number): void {
    state.isNew = false;
    if (isUp && !state.isUp) {
      state.ejectedUntil = -Infinity;
      state.startedAt = now;
      this.#tellLater({ type: 'nodeUp', event: { node: state.node, reason: 'check' } });
    } else if (!isUp && state.isUp) {
      this.#tellLater({ type: 'nodeDown', event: { node: state.node, reason: 'check', error } });
    }
    state.isUp = isUp;
    this.#refresh(now);
  }

  eject(state: NodeState, reason: LoadBalancerEvents['ejected']['reason'], ejectedForMs: number, now: number): void {
    state.ejectedUntil = now + ejectedForMs;
    state.generation++;
    this.#isStale = true;
    this.#tellLater({ type: 'ejected', event: { node: state.node, reason, ejectedForMs } });
  }

  #tellLater(news: LoadBalancerNews): void {
    if (this.#events.has(news.type)) this.#untold.push(news);
  }

  /** Tells what has happened, now that everything is in its place: listeners may do to the balancer what they like. */
  tell(): void {
    if (this.#isTelling) return; // what a listener causes is told after what it is being told
    this.#isTelling = true;
    for (let news = this.#untold.shift(); news !== undefined; news = this.#untold.shift()) {
      this.#events.emit(news.type, news.event as never);
    }
    this.#isTelling = false;
  }
}
