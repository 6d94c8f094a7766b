import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkString } from '../core/options.js';

/** A node, by its name, whatever string that is. Weights are relative to each other: finite, ≥ 0; 1 where none is given. */
export type NodeOption = string | { readonly node: string; readonly weight?: number | undefined };

/** A name by itself is no list of names: it would be taken for its letters. */
export function checkNodeList<T>(owner: string, nodes: Iterable<T>): Iterable<T> {
  if (typeof nodes === 'object' && nodes !== null && Symbol.iterator in nodes) return nodes;
  throw new InvalidOptionError(owner, 'nodes', 'must be a list of nodes', nodes);
}

/** The weights by name. Of several entries for one node the last one counts, as if they had been added in turn. */
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

/** By the order of code units: the same in every process, whatever its language. */
export const sortedByName = (weights: ReadonlyMap<string, number>): Map<string, number> =>
  new Map([...weights].sort(([a], [b]) => (a < b ? -1 : 1)));

export const checkNode = (owner: string, node: string): string => checkString(owner, 'node', node);

export const checkWeight = (owner: string, weight: number): number => checkNumber(owner, 'weight', weight, { min: 0 });
