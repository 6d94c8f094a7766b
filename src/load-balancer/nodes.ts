import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkString, readOptions } from '../core/options.js';

/** A node by its name, for example its address, or with options. */
export type BalancerNode = string | BalancerNodeOptions;

/** A node with options. */
export interface BalancerNodeOptions {
  /** The name of the node: any string. */
  readonly node: string;
  /**
   * The weight relative to the other nodes, from 0 to a million. With 0 the node gets no calls; use it to drain a node.
   * @defaultValue 1
   */
  readonly weight?: number | undefined;
  /** The zone of the node, which is compared with the `zone` option of the balancer. @defaultValue none */
  readonly zone?: string | undefined;
  /**
   * The priority group of the node: an integer from 0 to a million. Calls go to the group with the smallest number; the
   * next groups take over what its healthy nodes cannot bear. @defaultValue 0
   */
  readonly priority?: number | undefined;
}

/** A checked node. */
export interface NodeEntry {
  readonly node: string;
  readonly weight: number;
  readonly zone: string | undefined;
  readonly priority: number;
}

const OWNER = 'LoadBalancer';

/**
 * Returns the nodes in the given order. If a node occurs several times, the last entry counts, at the first position.
 */
export function readBalancerNodes(nodes: Iterable<BalancerNode>): NodeEntry[] {
  if (typeof nodes !== 'object' || nodes === null || !(Symbol.iterator in nodes)) {
    throw new InvalidOptionError(OWNER, 'nodes', 'must be a list of nodes', nodes);
  }
  const entries = new Map<string, NodeEntry>();
  let index = 0;
  for (const one of nodes) {
    const entry = readNode(one, `nodes[${index++}]`);
    entries.set(entry.node, entry);
  }
  return [...entries.values()];
}

function readNode(one: BalancerNode, option: string): NodeEntry {
  const given = typeof one === 'string' ? { node: one } : one;
  const defaults = { node: undefined, weight: 1, zone: undefined, priority: 0 };
  const { node, weight, zone, priority } = readOptions<BalancerNodeOptions, typeof defaults>(
    OWNER,
    given,
    defaults,
    option,
  );
  return {
    node: checkString(OWNER, `${option}.node`, node),
    weight: checkNumber(OWNER, `${option}.weight`, weight, { min: 0, max: 1e6 }),
    zone: zone === undefined ? undefined : checkString(OWNER, `${option}.zone`, zone),
    priority: checkInteger(OWNER, `${option}.priority`, priority, { min: 0, max: 1e6 }),
  };
}
