/**
 * Rendezvous hashing, or highest random weight (Thaler and Ravishankar, 1996): each node gets a score for the key, and
 * the highest score wins. A node that leaves loses only its own keys, each to the node with the second score for it.
 *
 * With weights, score = −weight / ln(u), where u in (0, 1) is the hash as a fraction (Schindelhauer and Schomaker,
 * 2005): a node of weight 2 then wins twice as often, and a weight that changes moves keys only to or from that node.
 * O(nodes) per lookup, no memory.
 *
 * @param hash - a 32-bit hash of key and node together.
 */
export function rendezvous(
  key: string,
  nodes: ReadonlyMap<string, number>,
  hash: (key: string, node: string) => number,
): string | undefined {
  return rendezvousMany(key, 1, nodes, hash)[0];
}

/** Returns the `count` nodes with the highest scores: the owner first, then the nodes for its replicas. */
export function rendezvousMany(
  key: string,
  count: number,
  nodes: ReadonlyMap<string, number>,
  hash: (key: string, node: string) => number,
): string[] {
  const scored = Array.from(nodes, ([node, weight]) => {
    const fraction = (hash(key, node) + 0.5) / 2 ** 32; // never 0 or 1: their logarithms are −∞ and 0
    return { node, score: -weight / Math.log(fraction) };
  });
  scored.sort((a, b) => b.score - a.score || (a.node < b.node ? -1 : 1)); // ties must not depend on the order of nodes
  return scored.slice(0, count).map(({ node }) => node);
}
