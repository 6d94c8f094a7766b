import { LoadBalancer, type LoadBalancerOptions, type OutlierOptions, roundRobin } from 'breakwater/load-balancer';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const OK = { ok: true, value: undefined } as const;
const FAILED = { ok: false, error: new Error('no') } as const;

function balance(count: number, outlier: OutlierOptions = {}, options: LoadBalancerOptions = {}) {
  const clock = new TestClock();
  const nodes = Array.from({ length: count }, (_, index) => `n${index}`);
  const balancer = new LoadBalancer(nodes, { clock, pick: roundRobin(), outlier, panicThreshold: 0, ...options });
  const ejections: { readonly node: string; readonly reason: string; readonly ejectedForMs: number }[] = [];
  const returned: string[] = [];
  balancer.on('ejected', (event) => ejections.push(event));
  balancer.on('nodeUp', ({ node, reason }) => returned.push(`${node} ${reason}`));
  /** Calls to one node, which all start before the first of them ends with the same outcome. */
  const call = (node: string, ok: boolean, times = 1) => {
    const exclude = balancer.nodes.map((one) => one.node).filter((name) => name !== node);
    const leases = Array.from({ length: times }, () => balancer.acquire({ exclude }));
    for (const lease of leases) lease.release(ok ? OK : FAILED);
  };
  const ejected = () => balancer.nodes.filter(({ health }) => health === 'ejected').map(({ node }) => node);
  return { clock, balancer, ejections, returned, call, ejected };
}

describe('Consecutive failures', () => {
  it('consecutive failures eject a node, and a success resets the count', () => {
    const { call, ejected, ejections } = balance(4);
    call('n0', false, 4);
    call('n0', true);
    call('n0', false, 4);
    expect(ejected()).toEqual([]);
    call('n0', false);
    expect(ejected()).toEqual(['n0']);
    expect(ejections).toEqual([{ node: 'n0', reason: 'consecutive-failures', ejectedForMs: 30_000 }]);
  });

  it('ignored outcomes and releases without an outcome do not reset the count', () => {
    const { balancer, call, ejected } = balance(2);
    const exclude = ['n1'];
    call('n0', false, 4);
    balancer.acquire({ exclude }).release({ ok: false, error: new DOMException('enough', 'AbortError') });
    balancer.acquire({ exclude }).release();
    expect(ejected()).toEqual([]);
    call('n0', false);
    expect(ejected()).toEqual(['n0']);
  });

  it('permanent failures count', () => {
    const { balancer, ejected } = balance(2, { consecutiveFailures: 2 }, { classify: () => 'permanent' });
    for (let time = 0; time < 2; time++) balancer.acquire({ exclude: ['n1'] }).release(OK);
    expect(ejected()).toEqual(['n0']);
  });

  it('throttled calls do not count as failures', () => {
    const { balancer, ejected } = balance(2, { consecutiveFailures: 2 }, { classify: () => 'throttled' });
    for (let time = 0; time < 10; time++) balancer.acquire({ exclude: ['n1'] }).release(OK);
    expect(ejected()).toEqual([]);
  });

  it('consecutiveFailures: Infinity disables the rule', () => {
    const { call, ejected } = balance(3, { consecutiveFailures: Infinity });
    call('n0', false, 1000);
    expect(ejected()).toEqual([]);
  });
});

describe('An ejection', () => {
  it('an ejection ends without a timer after exactly its duration', async () => {
    const { clock, balancer, call, ejected, returned } = balance(3);
    call('n0', false, 5);
    expect(Array.from({ length: 4 }, () => balancer.acquire().node)).toEqual(['n1', 'n2', 'n1', 'n2']);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(29_999);
    expect(ejected()).toEqual(['n0']);
    await clock.advance(1);
    expect(balancer.acquire().node).toBe('n0');
    expect(returned).toEqual(['n0 ejection-over']);
  });

  it('consecutive ejections last two times, three times and more, up to maxEjectFor', async () => {
    const { clock, call, ejections } = balance(3, { ejectFor: '10s', maxEjectFor: '35s', interval: '1h' });
    for (let time = 0; time < 5; time++) {
      call('n0', false, 5);
      await clock.advance(ejections.at(-1)!.ejectedForMs);
    }
    expect(ejections.map(({ ejectedForMs }) => ejectedForMs)).toEqual([10_000, 20_000, 30_000, 35_000, 35_000]);
  });

  it('each interval without an ejection shortens the next ejection', async () => {
    const { clock, call, ejections } = balance(3, { ejectFor: '10s', interval: '10s' });
    const ejectAgain = async () => {
      call('n0', false, 5);
      await clock.advance(ejections.at(-1)!.ejectedForMs);
    };
    await ejectAgain();
    await ejectAgain();
    await ejectAgain();
    await clock.advance(19_999); // one interval
    await ejectAgain();
    await clock.advance(1_000_000);
    await ejectAgain();
    expect(ejections.map(({ ejectedForMs }) => ejectedForMs)).toEqual([10_000, 20_000, 30_000, 30_000, 10_000]);
  });

  it('outcomes of calls that started before the ejection do not count', async () => {
    const { clock, balancer, call, ejected } = balance(2);
    const old = Array.from({ length: 10 }, () => balancer.acquire({ exclude: ['n1'] }));
    call('n0', false, 5);
    for (const lease of old.slice(0, 5)) lease.release(FAILED);
    await clock.advance(30_000);
    for (const lease of old.slice(5)) lease.release(FAILED);
    expect(ejected()).toEqual([]);
    call('n0', false, 4);
    expect(ejected()).toEqual([]);
    call('n0', false);
    expect(ejected()).toEqual(['n0']);
  });

  it.each([
    [1, 0.5, 0],
    [2, 0.5, 1],
    [3, 0.5, 1],
    [5, 0.5, 2],
    [10, 0.5, 5],
    [10, 0.1, 1],
    [10, 0.01, 1], // at least one node
    [4, 1, 3], // never all nodes
  ])('of %d nodes with a maximum share of %d at most %d are ejected at once', (count, maxEjectedShare, most) => {
    const { balancer, call, ejected } = balance(count, { maxEjectedShare });
    for (const { node } of balancer.nodes) call(node, false, 20);
    expect(ejected()).toHaveLength(most);
  });

  it('nodes without weight do not count for the maximum share', () => {
    const { balancer, call, ejected } = balance(10);
    balancer.setNodes(balancer.nodes.map(({ node }, index) => ({ node, weight: index < 3 ? 1 : 0 })));
    for (const node of ['n0', 'n1', 'n2']) call(node, false, 5);
    expect(ejected()).toEqual(['n0']);
  });

  it('a node that exceeded the maximum share is ejected as soon as the share allows it', async () => {
    const { clock, call, ejected } = balance(2, { interval: '1h' });
    call('n0', false, 5);
    call('n1', false, 5);
    expect(ejected()).toEqual(['n0']);
    await clock.advance(30_000);
    call('n1', false);
    expect(ejected()).toEqual(['n1']);
  });

  it('ejected nodes receive calls during a panic', () => {
    const { balancer, call } = balance(3, { maxEjectedShare: 1 }, { panicThreshold: 0.5 });
    call('n0', false, 5);
    call('n1', false, 5);
    expect(new Set(Array.from({ length: 6 }, () => balancer.acquire().node)).size).toBe(3);
  });

  it('an ejected node that receives calls during a panic is not ejected again', () => {
    const { call, ejections } = balance(5, { maxEjectedShare: 1 }, { panicThreshold: 0.5 });
    for (const node of ['n0', 'n1', 'n2']) call(node, false, 5);
    call('n0', false, 10); // the maximum share would allow one more ejection
    expect(ejections.map(({ node }) => node)).toEqual(['n0', 'n1', 'n2']);
  });

  it('a node with a slow start starts at the end of its ejection', async () => {
    const { clock, balancer, call } = balance(3, {}, { slowStart: '10s' });
    call('n0', false, 5);
    await clock.advance(32_000);
    expect(balancer.nodes[0]!.effectiveWeight).toBeCloseTo(0.2, 9);
  });
});

describe('Success rate', () => {
  /** An interval of 100 calls per node with the given failures, then one more call, which ends the interval. */
  async function interval(balanced: ReturnType<typeof balance>, failures: readonly number[], calls = 100) {
    for (const [index, failed] of failures.entries()) {
      for (let time = 0; time < calls; time++) balanced.call(`n${index}`, (time * failed) % calls >= failed);
    }
    await balanced.clock.advance(10_000);
    balanced.call('n1', true);
  }

  it('a node with a far lower success rate than the others is ejected at the end of an interval', async () => {
    const balanced = balance(6, { consecutiveFailures: Infinity });
    for (let time = 0; time < 100; time++)
      for (let node = 0; node < 6; node++) balanced.call(`n${node}`, node > 0 || time % 2 === 0);
    await balanced.clock.advance(9_999);
    balanced.call('n1', true);
    expect(balanced.ejected()).toEqual([]);
    await balanced.clock.advance(1);
    balanced.call('n1', true);
    expect(balanced.ejections).toEqual([{ node: 'n0', reason: 'success-rate', ejectedForMs: 30_000 }]);
  });

  it.each<[string, number[], OutlierOptions, number, string[]]>([
    ['equal failures of all nodes', [50, 50, 50, 50, 50, 50], {}, 100, []],
    ['a rate at the mean minus 1.9 deviations', [30, 0, 0, 0], { successRate: { minNodes: 2 } }, 100, []],
    [
      'the same rate with fewer deviations',
      [30, 0, 0, 0],
      { successRate: { minNodes: 2, deviations: 1.7 } },
      100,
      ['n0'],
    ],
    ['too few nodes', [50, 0, 0, 0], {}, 100, []],
    ['too few calls', [50, 0, 0, 0, 0, 0], {}, 99, []],
    ['exactly minCalls calls', [50, 0, 0, 0, 0, 0], { successRate: { minCalls: 50 } }, 50, ['n0']],
    ['a single failure among successful nodes', [1, 0, 0, 0, 0, 0], {}, 100, []],
    ['a rate less than 5 points below the mean', [5, 0, 0, 0, 0, 0], {}, 100, []],
    ['a rate more than 5 points below the mean', [7, 0, 0, 0, 0, 0], {}, 100, ['n0']],
    ['a single failure with minDifference 0', [1, 0, 0, 0, 0, 0], { successRate: { minDifference: 0 } }, 100, ['n0']],
    ['exactly minNodes nodes', [50, 0, 0, 0, 0], {}, 100, ['n0']],
    ['a disabled rule', [50, 0, 0, 0, 0, 0], { successRate: false }, 100, []],
  ])('%s: the expected nodes are ejected', async (_what, failures, options, calls, ejected) => {
    const balanced = balance(failures.length, { consecutiveFailures: Infinity, ...options });
    await interval(balanced, failures, calls);
    expect(balanced.ejected()).toEqual(ejected);
  });

  it('the node with the lowest rate is ejected first if the share allows only one', async () => {
    const options = { consecutiveFailures: Infinity, successRate: { deviations: 1 }, maxEjectedShare: 0.1 };
    const balanced = balance(8, options);
    await interval(balanced, [50, 0, 80, 0, 0, 0, 0, 0]);
    expect(balanced.ejected()).toEqual(['n2']);
  });

  it('the rates are compared at the end of each interval', async () => {
    const balanced = balance(6, { consecutiveFailures: Infinity });
    await interval(balanced, [0, 0, 0, 0, 0, 0]);
    await interval(balanced, [50, 0, 0, 0, 0, 0]);
    expect(balanced.ejected()).toEqual(['n0']);
  });

  it('failures that led to an ejection do not count again for the success rate', async () => {
    const { clock, call, ejections } = balance(6, { ejectFor: '1s' });
    for (let time = 0; time < 100; time++)
      for (let node = 0; node < 6; node++) call(`n${node}`, node > 0 || time % 2 === 0);
    call('n0', false, 5);
    await clock.advance(10_000);
    call('n1', true);
    expect(ejections).toEqual([{ node: 'n0', reason: 'consecutive-failures', ejectedForMs: 1000 }]);
  });

  it('each interval counts separately, and an interval that ended long ago is ignored', async () => {
    const balanced = balance(6, { consecutiveFailures: Infinity });
    for (let time = 0; time < 60; time++) for (let node = 0; node < 6; node++) balanced.call(`n${node}`, node > 0);
    await balanced.clock.advance(10_000);
    for (let time = 0; time < 60; time++) for (let node = 0; node < 6; node++) balanced.call(`n${node}`, node > 0);
    await balanced.clock.advance(10_000);
    balanced.call('n1', true);
    expect(balanced.ejected()).toEqual([]); // two intervals of 60 calls are not 100 calls
    for (let time = 0; time < 100; time++) for (let node = 0; node < 6; node++) balanced.call(`n${node}`, node > 0);
    await balanced.clock.advance(20_001);
    balanced.call('n1', true);
    expect(balanced.ejected()).toEqual([]);
  });
});

describe('Ejections with active checks', () => {
  const setUp = () => {
    const down = new Set<string>();
    const check = (node: string) => !down.has(node);
    const health = { check, interval: 1000, jitter: 0, rise: 1, fall: 1 };
    return { down, ...balance(3, { maxEjectedShare: 1 }, { health }) };
  };

  it('a node whose checks always pass stays ejected', async () => {
    const { clock, call, ejected } = setUp();
    await clock.advance(0);
    call('n0', false, 5);
    await clock.advance(29_000);
    expect(ejected()).toEqual(['n0']);
  });

  it('a node that recovers in its checks returns before the end of its ejection', async () => {
    const { clock, call, balancer, down, ejections, returned } = setUp();
    await clock.advance(0);
    call('n0', false, 5);
    down.add('n0');
    await clock.advance(1000);
    expect(balancer.nodes[0]!.health).toBe('unhealthy');
    down.delete('n0');
    await clock.advance(1000);
    expect(balancer.nodes[0]!.health).toBe('healthy');
    expect(returned).toEqual(['n0 check']);
    call('n0', false, 5);
    expect(ejections.map(({ ejectedForMs }) => ejectedForMs)).toEqual([30_000, 60_000]);
  });

  it('a node whose ejection ends while it is down emits no nodeUp', async () => {
    const { clock, call, balancer, down, returned } = setUp();
    await clock.advance(0);
    call('n0', false, 5);
    down.add('n0');
    await clock.advance(31_000);
    expect(balancer.nodes[0]!.health).toBe('unhealthy');
    expect(returned).toEqual([]);
  });
});
