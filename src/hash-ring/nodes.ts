import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkString } from '../core/options.js';

/** A node by its name, which can be any string. Weights are relative: finite numbers ≥ 0, by default 1. */
export type NodeOption = string | { readonly node: string; readonly weight?: number | undefined };

/** Rejects a single name instead of a list: a string is iterable, and its letters would become the nodes. */
export function checkNodeList<T>(owner: string, nodes: Iterable<T>): Iterable<T> {
  if (typeof nodes === 'object' && nodes !== null && Symbol.iterator in nodes) return nodes;
  throw new InvalidOptionError(owner, 'nodes', 'must be a list of nodes', nodes);
}

/** Returns the weights by name. If a node occurs several times, the last entry counts. */
function readNodes(owner: string, nodes: Iterable<NodeOption>): Map<string, number> {
  const weights = new Map<string, number>();
  for (const one of checkNodeList(owner, nodes)) {
    const { node, weight = 1 } = { weight: undefined, ...(typeof one === 'string' ? { node: one } : one) };
    weights.set(checkNode(owner, node), checkWeight(owner, weight));
  }
  return weights;
}

/** Returns the weights by name, sorted by name. */
export const sortedNodes = (owner: string, nodes: Iterable<NodeOption>): Map<string, number> =>
  sortedByName(readNodes(owner, nodes));

/** Sorts by code units, so that the order is the same in every process, independent of its locale. */
export const sortedByName = (weights: ReadonlyMap<string, number>): Map<string, number> =>
  new Map([...weights].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Checks the name of a node. */
export const checkNode = (owner: string, node: string): string => checkString(owner, 'node', node);

/** Checks the weight of a node: a finite number ≥ 0. */
export const checkWeight = (owner: string, weight: number): number => checkNumber(owner, 'weight', weight, { min: 0 });
