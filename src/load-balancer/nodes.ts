import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkString, readOptions } from '../core/options.js';

/** A node by its name, which may well be its address, or with what there is to say of it. */
export type BalancerNode = string | BalancerNodeOptions;

export interface BalancerNodeOptions {
  /** Its name: any string, each once. */
  readonly node: string;
  /** Relative to the others; 0: no calls, for a node that is being drained. From 0 to a million. @defaultValue 1 */
  readonly weight?: number | undefined;
  /** Where it stands: what `zone` of the balancer is compared with. */
  readonly zone?: string | undefined;
}

/** A node, checked. */
export interface NodeEntry {
  readonly node: string;
  readonly weight: number;
  readonly zone: string | undefined;
}

const OWNER = 'LoadBalancer';

/** In the order given. Of several entries for one node the last one counts, in the place of the first. */
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
  const defaults = { node: undefined, weight: 1, zone: undefined };
  const { node, weight, zone } = readOptions<BalancerNodeOptions, typeof defaults>(OWNER, given, defaults, option);
  return {
    node: checkString(OWNER, `${option}.node`, node),
    weight: checkNumber(OWNER, `${option}.weight`, weight, { min: 0, max: 1e6 }),
    zone: zone === undefined ? undefined : checkString(OWNER, `${option}.zone`, zone),
  };
}
