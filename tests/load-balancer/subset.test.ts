import { type BalancerNode, type ClientSubsetOptions, clientSubset, LoadBalancer } from 'breakwater/load-balancer';
import { describe, expect, it } from 'vitest';

const names = (count: number) => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}:80`);

function subsetOf(nodes: readonly BalancerNode[], client: string, size: number): string[] {
  const balancer = new LoadBalancer(nodes, { subset: clientSubset({ client, size }) });
  return balancer.nodes.map(({ node }) => node);
}

describe('clientSubset', () => {
  it('a client uses `size` nodes, the same ones in each process and for each order of the list', () => {
    const nodes = names(10_000);
    const subset = subsetOf(nodes, 'web-1', 20);
    expect(subset).toHaveLength(20);
    expect(new Set(subset).size).toBe(20);
    expect(subsetOf([...nodes].reverse(), 'web-1', 20).sort()).toEqual([...subset].sort());
    expect(subsetOf(names(12), 'web-1', 3)).toEqual(['10.0.0.0:80', '10.0.0.4:80', '10.0.0.10:80']);
  });

  it('a list with no more than `size` nodes is used as a whole', () => {
    expect(subsetOf(['a', 'b', 'c'], 'web-1', 3)).toEqual(['a', 'b', 'c']);
    expect(subsetOf([], 'web-1', 3)).toEqual([]);
  });

  it('the nodes have a nearly even number of clients', () => {
    const clients = 500;
    const counts = new Map(names(100).map((node) => [node, 0]));
    for (let client = 0; client < clients; client++) {
      for (const node of subsetOf(names(100), `client-${client}`, 10)) counts.set(node, counts.get(node)! + 1);
    }
    const mean = (clients * 10) / 100; // 50, with a standard deviation of √(50 × 0.9) = 6.7
    const deviation = Math.sqrt([...counts.values()].reduce((sum, one) => sum + (one - mean) ** 2, 0) / 100);
    expect(deviation).toBeLessThan(1.3 * Math.sqrt(mean * 0.9));
    expect(Math.min(...counts.values())).toBeGreaterThan(mean * 0.5);
    expect(Math.max(...counts.values())).toBeLessThan(mean * 1.5);
  });

  it('when a node is removed, only its clients change, by one node; an added node changes at most one', () => {
    const nodes = names(200);
    const gone = nodes[17]!;
    let changed = 0;
    for (let client = 0; client < 200; client++) {
      const before = subsetOf(nodes, `client-${client}`, 10);
      const removed = subsetOf(
        nodes.filter((node) => node !== gone),
        `client-${client}`,
        10,
      );
      const lost = before.filter((node) => !removed.includes(node));
      expect(lost).toEqual(before.includes(gone) ? [gone] : []);
      changed += lost.length;
      const added = subsetOf([...nodes, 'new'], `client-${client}`, 10);
      expect(added.filter((node) => !before.includes(node))).toEqual(added.includes('new') ? ['new'] : []);
    }
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(30); // 10 of 200 clients on average
  });

  it('nodes that stay in the subset keep their counters', () => {
    const nodes = names(100);
    const balancer = new LoadBalancer(nodes, { subset: clientSubset({ client: 'web-1', size: 5 }) });
    for (let call = 0; call < 20; call++) balancer.acquire().release({ ok: true, value: undefined });
    const [gone, ...kept] = balancer.nodes;
    balancer.setNodes(nodes.filter((node) => node !== gone!.node));
    const picksOf = ({ node }: { node: string }) => balancer.nodes.find((one) => one.node === node)?.picks;
    expect(kept.map(picksOf)).toEqual(kept.map(({ picks }) => picks));
    expect(kept.some(({ picks }) => picks > 0)).toBe(true);
  });

  it('a node of weight 0 takes no place, and comes back to its own', () => {
    const nodes = names(100);
    const [drained, ...others] = subsetOf(nodes, 'web-1', 5);
    const draining = nodes.map((node) => ({ node, weight: node === drained ? 0 : 1 }));
    const subset = subsetOf(draining, 'web-1', 5);
    expect(subset).toHaveLength(6);
    expect(subset).toEqual(expect.arrayContaining([drained, ...others]));
    expect(subsetOf(nodes, 'web-1', 5)).toEqual([drained, ...others]);
  });

  it('with priority groups a client uses `size` nodes of each group', () => {
    const nodes = names(90).map((node, i) => ({ node, priority: i % 3 }));
    const balancer = new LoadBalancer(nodes, { subset: clientSubset({ client: 'web-1', size: 4 }) });
    expect([0, 1, 2].map((group) => balancer.nodes.filter(({ priority }) => priority === group).length)).toEqual([
      4, 4, 4,
    ]);
  });

  it('a custom subset function chooses nodes, and its invalid result is rejected', () => {
    const zoneOnly = new LoadBalancer([{ node: 'a', zone: 'eu' }, 'b'], {
      subset: (nodes) => nodes.filter(({ zone }) => zone === 'eu'),
    });
    expect(zoneOnly.nodes.map(({ node }) => node)).toEqual(['a']);
    expect(() => new LoadBalancer(['a'], { subset: () => 'a' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'subset' }),
    );
    expect(() => new LoadBalancer(['a'], { subset: { size: 1 } as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'subset' }),
    );
  });

  it.each<[string, unknown]>([
    ['client', { client: '', size: 1 }],
    ['client', { size: 1 }],
    ['size', { client: 'a', size: 0 }],
    ['size', { client: 'a', size: 1.5 }],
    ['size', { client: 'a' }],
    ['sice', { client: 'a', size: 1, sice: 2 }],
  ])('an invalid %s is rejected', (option, options) => {
    expect(() => clientSubset(options as ClientSubsetOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'clientSubset', option }),
    );
  });
});
