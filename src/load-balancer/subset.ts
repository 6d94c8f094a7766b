import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, readOptions } from '../core/options.js';
import { Rendezvous } from '../hash-ring/rendezvous.js';
import type { NodeEntry } from './nodes.js';

/**
 * Returns the nodes that a client uses, in their order. The nodes are checked, and their names differ. The function must
 * return elements of the list, and the same ones for the same list.
 */
export type NodeSubset = (nodes: readonly NodeEntry[]) => readonly NodeEntry[];

/** Returns the nodes that the `subset` option chooses. @throws InvalidOptionError if it does not return a list. */
export function applySubset(subset: NodeSubset | undefined, nodes: readonly NodeEntry[]): readonly NodeEntry[] {
  if (subset === undefined) return nodes;
  const chosen = subset(nodes);
  if (Array.isArray(chosen)) return chosen;
  throw new InvalidOptionError('LoadBalancer', 'subset', 'must return a list of nodes', chosen);
}

/** The options of `clientSubset`. */
export interface ClientSubsetOptions {
  /**
   * The identity of this client: a string that differs between clients and that a restarted client has again if
   * possible, such as a host name.
   */
  readonly client: string;
  /** The number of nodes of each priority group that the client uses: an integer ≥ 1. */
  readonly size: number;
}

/**
 * Chooses a stable subset of the nodes for each client, so that thousands of clients do not connect to thousands of
 * nodes. A client uses the `size` nodes with its highest rendezvous scores (random subsetting, gRPC proposal A68): when a
 * node is added or removed, each client exchanges at most one node. With priority groups it uses `size` nodes of each.
 *
 * With c clients and n nodes, a node has m = c × size / n clients on average, with a standard deviation of about √m.
 * Subsets that are exactly even (Beyer and others, "Site Reliability Engineering", 2016, chapter 20) would need
 * consecutive client numbers and would change almost completely with the number of nodes.
 *
 * Nodes of weight 0 take no place: they are kept in addition as long as their scores are high enough. O(n log n) for
 * each list of nodes.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const nodes = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}:8080`);
 * const balancer = new LoadBalancer(nodes, { subset: clientSubset({ client: 'web-17', size: 20 }) });
 * console.log(balancer.nodes.length); // 20
 * ```
 */
export function clientSubset(options: ClientSubsetOptions): NodeSubset {
  const owner = 'clientSubset';
  const defaults = { client: undefined, size: undefined };
  const own = readOptions<ClientSubsetOptions, typeof defaults>(owner, options, defaults);
  const { client } = own;
  if (typeof client !== 'string' || client === '') {
    throw new InvalidOptionError(owner, 'client', 'must be a string that is not empty', client);
  }
  const size = checkInteger(owner, 'size', own.size, { min: 1 });
  return (nodes) => {
    if (nodes.length <= size) return nodes;
    const entries = new Map(nodes.map((entry) => [entry.node, entry]));
    const chosen = new Set<NodeEntry>();
    /** The number of nodes with a weight above 0 that are chosen, by priority. */
    const counts = new Map<number, number>();
    for (const node of new Rendezvous(entries.keys()).getMany(client, Infinity)) {
      const entry = entries.get(node) as NodeEntry;
      const count = counts.get(entry.priority) ?? 0;
      if (count === size) continue;
      chosen.add(entry);
      if (entry.weight > 0) counts.set(entry.priority, count + 1);
    }
    return nodes.filter((entry) => chosen.has(entry));
  };
}
