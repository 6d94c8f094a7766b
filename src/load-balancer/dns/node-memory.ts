import type { BalancerNodeOptions } from '../nodes.js';

/** A node, and the time since which it is missing in the answers; undefined if the last answer contains it. */
interface Remembered {
  readonly entry: BalancerNodeOptions;
  readonly missingSince: number | undefined;
}

/**
 * Turns answers into node lists. A node that is missing in an answer stays in the list with weight 0 until the grace is
 * over: the balancer keeps its state, so that an answer that lacks a node once does not reset it. O(n log n) per answer.
 */
export class NodeMemory {
  readonly #graceMs: number;
  #nodes: ReadonlyMap<string, Remembered> = new Map();
  #last = '';

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Returns the list after an answer, sorted by name; undefined if nothing has changed. */
  update(entries: Iterable<BalancerNodeOptions>, now: number): readonly BalancerNodeOptions[] | undefined {
    const nodes = new Map<string, Remembered>();
    for (const entry of entries) nodes.set(entry.node, { entry, missingSince: undefined });
    for (const [node, { entry, missingSince = now }] of this.#nodes) {
      if (nodes.has(node) || now - missingSince >= this.#graceMs) continue;
      nodes.set(node, { entry: { ...entry, weight: 0 }, missingSince });
    }
    this.#nodes = nodes;
    const list = [...nodes.values()].map(({ entry }) => entry).sort((a, b) => (a.node < b.node ? -1 : 1));
    const text = JSON.stringify(list);
    if (text === this.#last) return undefined;
    this.#last = text;
    return list;
  }
}
