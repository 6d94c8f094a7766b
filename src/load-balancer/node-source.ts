import type { BalancerNode } from './nodes.js';

/**
 * A source of node lists, such as `dnsNodes` or an async generator that watches a service registry. Each list replaces
 * the one before.
 */
export type NodeSource = AsyncIterable<Iterable<BalancerNode>>;

/** Whether the nodes come from a source and not from a list. */
export function isNodeSource(nodes: Iterable<BalancerNode> | NodeSource): nodes is NodeSource {
  return typeof nodes === 'object' && nodes !== null && Symbol.asyncIterator in nodes;
}
