import { seededRandom } from 'breakwater';
import {
  type Consistency,
  type ReplicaReport,
  type ReplicaRouterEvents,
  type ReplicaRouterOptions,
  replicaRouter,
} from 'breakwater/sharding';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

/** db-1 with the replicas db-2 and db-3. `reportNow` reports in the current epoch. */
function threeNodes(options: Partial<ReplicaRouterOptions> = {}) {
  const clock = new TestClock();
  const router = replicaRouter({
    primary: 'db-1',
    replicas: ['db-2', 'db-3'],
    clock,
    wallClock: () => 1_800_000_000_000 + clock.now(),
    random: seededRandom(1),
    ...options,
  });
  const reportNow = (node: string, report: Omit<ReplicaReport, 'epoch'> = {}) =>
    router.report(node, { epoch: router.epoch, ...report });
  const readers = (consistency: Consistency, session = router.session()) => {
    const nodes = new Set<string>();
    for (let i = 0; i < 40; i++) nodes.add(router.forRead({ consistency, session }).node);
    return [...nodes].sort();
  };
  return { router, clock, reportNow, readers };
}

const noNode = expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE', policy: 'replicaRouter' });

/** Returns the error that a function throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('It threw nothing');
}

describe('Writes and strong reads', () => {
  it('writes and strong reads use the primary', () => {
    const { router, reportNow } = threeNodes();
    reportNow('db-2', { lag: 0, position: 5 });
    const primary = { node: 'db-1', epoch: 1, role: 'primary', lagMs: 0 };
    expect([router.forWrite(), router.forRead(), router.forRead({ consistency: 'strong' })]).toEqual([
      primary,
      primary,
      primary,
    ]);
  });

  it('writes and strong reads fail while the primary is down, and no replica is used', () => {
    const { router, reportNow } = threeNodes();
    reportNow('db-2', { lag: 0 });
    router.markDown('db-1');
    expect(thrownBy(() => router.forWrite())).toEqual(noNode);
    expect(thrownBy(() => router.forRead())).toEqual(noNode);
    router.markUp('db-1');
    expect(router.forWrite().node).toBe('db-1');
  });
});

describe('Bounded staleness', () => {
  it('a read uses replicas whose lag plus the age of its report is within the bound', async () => {
    const { router, clock, reportNow, readers } = threeNodes();
    reportNow('db-2', { lag: '400ms' });
    reportNow('db-3', { lag: '2s' });
    const within = { maxLag: '1s' } as const;
    expect([readers(within), readers({ maxLag: '2s' })]).toEqual([['db-2'], ['db-2', 'db-3']]);
    await clock.advance(600);
    expect(router.forRead({ consistency: within })).toEqual({ node: 'db-2', epoch: 1, role: 'replica', lagMs: 1000 });
    await clock.advance(1);
    expect(readers(within)).toEqual(['db-1']);
  });

  it('a report older than reportMaxAge is ignored for any bound', async () => {
    const { clock, reportNow, readers } = threeNodes({ reportMaxAge: '5s' });
    reportNow('db-2', { lag: 0, position: 7 });
    await clock.advance(5000);
    expect(readers({ maxLag: '1h' })).toEqual(['db-2']);
    await clock.advance(1);
    expect(readers({ maxLag: '1h' })).toEqual(['db-1']);
  });

  it('a replica that has reported only its position is not used', () => {
    const { reportNow, readers } = threeNodes();
    reportNow('db-2', { position: 5 });
    expect(readers({ maxLag: '1h' })).toEqual(['db-1']);
  });

  it('the age of a report starts at its time, and older reports are ignored', async () => {
    const { router, clock, reportNow } = threeNodes();
    await clock.advance(5000);
    expect(reportNow('db-2', { lag: 100, at: 4000 })).toBe(true);
    expect(router.forRead({ consistency: { maxLag: '2s' } }).lagMs).toBe(1100);
    expect(reportNow('db-2', { lag: 0, at: 3999 })).toBe(false);
    expect(reportNow('db-2', { lag: 50, at: 4000 })).toBe(true);
    expect(reportNow('db-2', { lag: 50, at: 99_999 })).toBe(true); // a later time counts as now
    expect(router.forRead({ consistency: { maxLag: '2s' } }).lagMs).toBe(50);
  });
});

describe('Eventual consistency', () => {
  it('a read uses any replica that is up, and the primary if no replica is up', () => {
    const { router, readers } = threeNodes();
    expect(readers('eventual')).toEqual(['db-2', 'db-3']);
    expect(router.forRead({ consistency: 'eventual' }).lagMs).toBe(undefined);
    router.markDown('db-3');
    expect(readers('eventual')).toEqual(['db-2']);
    router.markDown('db-2');
    expect(readers('eventual')).toEqual(['db-1']);
  });

  it('a read prefers the fresher of two random replicas and still uses every replica', () => {
    const replicas = ['a', 'b', 'c', 'd'];
    const { router, reportNow } = threeNodes({ primary: 'p', replicas });
    for (const [i, node] of replicas.entries()) reportNow(node, { lag: i * 100 });
    const counts = new Map(replicas.map((node) => [node, 0]));
    for (let i = 0; i < 12_000; i++) {
      const { node } = router.forRead({ consistency: 'eventual' });
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    // The probability of the i-th of n, as the fresher of a pair or drawn twice: (2 (n - i) + 1) / n².
    expect([...counts.values()].map((count) => Math.round((count / 12_000) * 16))).toEqual([7, 5, 3, 1]);
  });

  it('replicas are drawn evenly if no lag is known', () => {
    const { router } = threeNodes({ replicas: ['a', 'b', 'c'] });
    const counts: Record<string, number> = {};
    for (let i = 0; i < 9000; i++) {
      const { node } = router.forRead({ consistency: 'eventual' });
      counts[node] = (counts[node] ?? 0) + 1;
    }
    for (const node of ['a', 'b', 'c']) expect(Math.abs((counts[node] ?? 0) - 3000)).toBeLessThan(200);
  });

  it('a replica with a known lag is preferred to one without', () => {
    const { router, reportNow } = threeNodes();
    reportNow('db-3', { lag: '1h' });
    const nodes = Array.from({ length: 4000 }, () => router.forRead({ consistency: 'eventual' }).node);
    expect(nodes.filter((node) => node === 'db-3').length / 1000).toBeCloseTo(3, 0);
  });
});

describe('read-your-writes', () => {
  it('a read uses replicas that have reached the position of the last write', () => {
    const { router, reportNow, readers } = threeNodes();
    const session = router.session();
    expect(readers('read-your-writes', session)).toEqual(['db-2', 'db-3']);
    session.wrote(router.forWrite(), 100n);
    session.wrote(router.forWrite(), 90);
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
    reportNow('db-2', { position: 99 });
    reportNow('db-3', { position: 100 });
    expect(readers('read-your-writes', session)).toEqual(['db-3']);
    reportNow('db-2', { position: 2n ** 60n });
    expect(readers('read-your-writes', session)).toEqual(['db-2', 'db-3']);
  });

  it('an old report is ignored, because the node may have been replaced', async () => {
    const { router, clock, reportNow, readers } = threeNodes();
    const session = router.session();
    session.wrote(router.forWrite(), 5);
    reportNow('db-2', { position: 9 });
    await clock.advance(10_001);
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
  });

  it('after a write without a position, reads use the primary until a lag proves that a replica has the write', async () => {
    const { router, clock, reportNow, readers } = threeNodes();
    const session = router.session();
    await clock.advance(1000);
    session.wrote(router.forWrite());
    await clock.advance(500);
    reportNow('db-2', { lag: 501 });
    reportNow('db-3', { position: 1_000_000 });
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
    await clock.advance(60_000);
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
    reportNow('db-2', { lag: 60_500 });
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
    reportNow('db-2', { lag: 60_499 });
    expect(readers('read-your-writes', session)).toEqual(['db-2']);
  });

  it('after stickyFor, reads use replicas without a proof', async () => {
    const { router, clock, readers } = threeNodes({ stickyFor: '2s' });
    const session = router.session();
    session.wrote(router.forWrite());
    await clock.advance(1999);
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
    await clock.advance(1);
    expect(readers('read-your-writes', session)).toEqual(['db-2', 'db-3']);
  });

  it('positions of reads do not matter', () => {
    const { router, readers } = threeNodes();
    const session = router.session();
    session.read(router.forRead(), 100);
    session.read(router.forRead());
    expect(readers('read-your-writes', session)).toEqual(['db-2', 'db-3']);
  });
});

describe('monotonic', () => {
  it('a read uses replicas that have reached the position of earlier reads', () => {
    const { router, reportNow, readers } = threeNodes();
    const session = router.session();
    reportNow('db-2', { position: 40 });
    reportNow('db-3', { position: 50 });
    expect(readers('monotonic', session)).toEqual(['db-2', 'db-3']);
    session.read(router.forRead({ consistency: 'eventual' }), 45);
    expect(readers('monotonic', session)).toEqual(['db-3']);
    session.read(router.forRead({ consistency: 'eventual' }), 30);
    expect(readers('monotonic', session)).toEqual(['db-3']);
    session.wrote(router.forWrite(), 99);
    expect(readers('monotonic', session)).toEqual(['db-3']);
  });

  it('a read without a position counts by its time', async () => {
    const { router, clock, reportNow, readers } = threeNodes();
    const session = router.session();
    await clock.advance(100);
    session.read(router.forRead({ consistency: 'eventual' }));
    expect(readers('monotonic', session)).toEqual(['db-1']);
    await clock.advance(100);
    reportNow('db-2', { lag: 99 });
    expect(readers('monotonic', session)).toEqual(['db-2']);
  });
});

describe('Without a suitable replica', () => {
  it("onNoFreshReplica: 'reject' rejects reads instead of using the primary, except strong reads", () => {
    const { router } = threeNodes({ onNoFreshReplica: 'reject' });
    const session = router.session();
    session.wrote(router.forWrite(), 5);
    expect(thrownBy(() => router.forRead({ consistency: 'read-your-writes', session }))).toEqual(noNode);
    expect(thrownBy(() => router.forRead({ consistency: { maxLag: '1s' } }))).toEqual(noNode);
    expect(router.forRead().node).toBe('db-1');
    expect(router.forRead({ consistency: 'eventual' }).role).toBe('replica');
  });

  it('a read is rejected when the primary is down too', () => {
    const { router } = threeNodes();
    router.markDown('db-1');
    expect(thrownBy(() => router.forRead({ consistency: { maxLag: '1s' } }))).toEqual(noNode);
  });

  it('excluded nodes are skipped, including the primary', () => {
    const { router } = threeNodes();
    const read = (...exclude: string[]) => router.forRead({ consistency: 'eventual', exclude }).node;
    expect([read('db-2'), read('db-2', 'db-3'), read('db-3', 'no such node')]).toEqual(['db-3', 'db-1', 'db-2']);
    expect(thrownBy(() => read('db-1', 'db-2', 'db-3'))).toEqual(noNode);
    expect(thrownBy(() => router.forRead({ exclude: new Set(['db-1']) }))).toEqual(noNode);
  });

  it('reads use the primary if there are no replicas', () => {
    const { router } = threeNodes({ replicas: [] });
    expect(router.forRead({ consistency: 'eventual' }).node).toBe('db-1');
  });
});

describe('Nodes that go down', () => {
  it('a node that was down receives bounded reads only after a new report', () => {
    const { router, reportNow, readers } = threeNodes();
    reportNow('db-2', { lag: 0, position: 5 });
    router.markDown('db-2');
    expect(readers({ maxLag: '1s' })).toEqual(['db-1']);
    router.markUp('db-2');
    expect(readers({ maxLag: '1s' })).toEqual(['db-1']);
    reportNow('db-2', { lag: 0 });
    expect(readers({ maxLag: '1s' })).toEqual(['db-2']);
  });

  it('reports from before or during the time that a node is down are ignored', async () => {
    const { router, clock, reportNow, readers } = threeNodes();
    await clock.advance(100);
    router.markDown('db-2');
    expect(reportNow('db-2', { lag: 0 })).toBe(false);
    await clock.advance(100);
    router.markUp('db-2');
    expect(reportNow('db-2', { lag: 0, at: 199 })).toBe(false);
    router.markUp('db-2');
    await clock.advance(1);
    expect([reportNow('db-2', { lag: 0, at: 200 }), readers({ maxLag: '1s' })]).toEqual([true, ['db-2']]);
  });

  it('each change of a node emits one event', () => {
    const { router } = threeNodes();
    const events: unknown[] = [];
    router.on('nodeDown', ({ node }) => events.push(`${node} down`));
    router.on('nodeUp', ({ node }) => events.push(`${node} up`));
    for (const node of ['db-2', 'db-2']) router.markDown(node);
    for (const node of ['db-2', 'db-2', 'db-3']) router.markUp(node);
    expect(events).toEqual(['db-2 down', 'db-2 up']);
  });
});

describe('failover', () => {
  it('failover promotes the node with the highest position, then the least lag, then the first name', async () => {
    const promoted = async (reports: Record<string, Omit<ReplicaReport, 'epoch'>>) => {
      const { router, clock, reportNow } = threeNodes({ replicas: ['d', 'b', 'c'] });
      await clock.advance(10_000);
      for (const [node, report] of Object.entries(reports)) reportNow(node, report);
      return router.failover({ epoch: 1 }).node;
    };
    expect(await promoted({ b: { position: 5 }, c: { position: 7n }, d: { position: 6, lag: 0 } })).toBe('c');
    expect(await promoted({ b: { lag: 0 }, c: { position: 1 } })).toBe('c');
    expect(await promoted({ b: { position: 5 }, c: { position: 5, lag: 10 }, d: { position: 5, lag: 9 } })).toBe('d');
    expect(await promoted({ b: { lag: 500, at: 9000 }, c: { lag: 1400 }, d: { lag: 1501 } })).toBe('c');
    expect(await promoted({ b: { lag: 400, at: 9000 }, c: { lag: 1400 } })).toBe('b');
    expect(await promoted({})).toBe('b');
    expect(await promoted({ d: {} })).toBe('d'); // reported in this epoch
    expect(await promoted({ c: { position: 5 }, d: { position: 5 } })).toBe('c');
  });

  it('failover uses the last report of a node at any age', async () => {
    const { router, clock, reportNow } = threeNodes();
    reportNow('db-3', { position: 5 });
    await clock.advance(3_600_000);
    expect(router.failover({ epoch: 1 }).node).toBe('db-3');
  });

  it('failover starts an epoch in which the new primary receives writes and strong reads', () => {
    const { router, reportNow } = threeNodes();
    const events: ReplicaRouterEvents['failover'][] = [];
    router.on('failover', (event) => events.push(event));
    reportNow('db-3', { position: 5 });
    const route = { node: 'db-3', epoch: 2, role: 'primary', lagMs: 0 };
    expect([router.failover({ epoch: 1 }), router.forWrite(), router.forRead()]).toEqual([route, route, route]);
    expect([router.epoch, router.primary, router.isCurrent(1), router.isCurrent(2), router.isCurrent(3)]).toEqual([
      2,
      'db-3',
      false,
      true,
      false,
    ]);
    expect(events).toEqual([{ from: 'db-1', to: 'db-3', epoch: 2, reason: 'failover' }]);
  });

  it('failover happens once for all callers that saw the same primary fail', () => {
    const { router } = threeNodes();
    const seen = { epoch: router.epoch };
    const answers = [router.failover(seen), router.failover(seen), router.failover({ epoch: 0 })];
    expect(answers.map(({ node, epoch }) => [node, epoch])).toEqual(Array(3).fill(['db-2', 2]));
    expect(router.failover({ epoch: 99 }).epoch).toBe(2);
  });

  it('failover happens once when a listener calls it again', () => {
    const { router } = threeNodes();
    router.on('failover', () => router.failover({ epoch: 1 }));
    expect(router.failover({ epoch: 1 }).epoch).toBe(2);
  });

  it('an error of a listener does not stop the failover', async () => {
    using uncaught = catchUncaught();
    const { router } = threeNodes();
    router.on('failover', () => {
      throw new Error('listener');
    });
    expect(router.failover({ epoch: 1 }).node).toBe('db-2');
    await settle();
    expect(uncaught.errors).toEqual([new Error('listener')]);
  });

  it('failover without a candidate throws and changes nothing', () => {
    const { router } = threeNodes();
    router.markDown('db-2');
    router.markDown('db-3');
    expect(thrownBy(() => router.failover({ epoch: 1 }))).toEqual(noNode);
    expect([router.epoch, router.forWrite().node]).toEqual([1, 'db-1']);
    expect(thrownBy(() => threeNodes({ replicas: [] }).router.failover({ epoch: 1 }))).toEqual(noNode);
  });

  it('the old primary is used after the cooldown and a report in the new epoch', async () => {
    const { router, clock, reportNow, readers } = threeNodes({ cooldown: '30s' });
    router.markDown('db-3');
    router.failover({ epoch: 1 });
    expect([readers('eventual'), router.nodes[0]?.role]).toEqual([['db-2'], 'retired']);
    expect(thrownBy(() => router.failover({ epoch: 2 }))).toEqual(noNode); // no failover back to the old primary
    reportNow('db-1', { lag: 0 });
    await clock.advance(29_999);
    expect([readers('eventual'), readers({ maxLag: '1h' })]).toEqual([['db-2'], ['db-2']]);
    await clock.advance(1);
    expect([readers('eventual'), router.nodes[0]?.role]).toEqual([['db-1'], 'replica']);
    expect(router.failover({ epoch: 2 })).toMatchObject({ node: 'db-1', epoch: 3 });
  });

  it('the old primary is not used before it follows the new one, after any time', async () => {
    const { router, clock, readers } = threeNodes({ cooldown: '30s' });
    router.markDown('db-3');
    router.report('db-1', { epoch: 1, position: 9 });
    router.failover({ epoch: 1 });
    expect(router.report('db-1', { epoch: 1, lag: 0 })).toBe(false);
    await clock.advance(3_600_000);
    expect(readers('eventual')).toEqual(['db-2']);
    expect(router.report('db-1', { epoch: 2 })).toBe(true);
    expect(readers('eventual')).toEqual(['db-1']);
  });

  it('a node that follows is not retired again when the epoch changes', async () => {
    const { router, clock, reportNow, readers } = threeNodes({ cooldown: 0 });
    router.failover({ epoch: 1 });
    reportNow('db-1');
    router.adopt({ primary: 'db-3', epoch: 3 });
    router.markDown('db-2');
    await clock.advance(1);
    expect(readers('eventual')).toEqual(['db-1']);
  });

  it('a retired node that has not reported stays retired when the epoch changes again', async () => {
    const { router, clock, readers } = threeNodes({ cooldown: '1s' });
    router.failover({ epoch: 1 });
    await clock.advance(60_000);
    router.adopt({ primary: 'db-3', epoch: 3 });
    expect([readers('eventual'), router.nodes.map(({ role }) => role)]).toEqual([
      ['db-3'],
      ['retired', 'retired', 'primary'],
    ]);
  });

  it('a replica is used for bounded reads only after a report in the new epoch', () => {
    const { router, reportNow, readers } = threeNodes();
    reportNow('db-2', { lag: 0, position: 50 });
    reportNow('db-3', { lag: 0, position: 60 });
    router.failover({ epoch: 1 });
    expect([readers({ maxLag: '1h' }), readers('eventual')]).toEqual([['db-3'], ['db-2']]);
    expect(router.report('db-2', { epoch: 1, lag: 0 })).toBe(false);
    expect(router.report('db-2', { epoch: 3, lag: 0 })).toBe(false);
    expect(readers({ maxLag: '1h' })).toEqual(['db-3']);
    reportNow('db-2', { lag: 0 });
    expect(readers({ maxLag: '1h' })).toEqual(['db-2']);
  });

  it('failover ranks nodes by reports of the earlier epoch if there are no newer ones', () => {
    const { router, reportNow } = threeNodes({ replicas: ['db-2', 'db-3', 'db-4'] });
    reportNow('db-2', { position: 50 });
    reportNow('db-3', { position: 60 });
    reportNow('db-4', { position: 55 });
    router.failover({ epoch: 1 });
    expect(router.failover({ epoch: 2 }).node).toBe('db-4');
    const other = threeNodes({ replicas: ['db-2', 'db-3', 'db-4'] });
    other.reportNow('db-2', { position: 50 });
    other.reportNow('db-3', { position: 60 });
    other.reportNow('db-4', { position: 55 });
    other.router.failover({ epoch: 1 });
    other.reportNow('db-2', { position: 10 }); // follows the new primary
    expect(other.router.failover({ epoch: 2 }).node).toBe('db-2');
  });
});

describe('Positions of an earlier epoch', () => {
  /** A session that has written at `position` in epoch 1; db-3 was at 60 when it was promoted. */
  function afterFailover(position: number) {
    const all = threeNodes();
    const session = all.router.session();
    session.wrote(all.router.forWrite(), position);
    session.read(all.router.forRead(), position);
    all.reportNow('db-2', { position: 50 });
    all.reportNow('db-3', { position: 60 });
    all.router.failover({ epoch: 1 });
    return { ...all, session };
  }

  it('positions up to that of the promoted primary stay valid', () => {
    const { reportNow, readers, session } = afterFailover(60);
    expect(readers('read-your-writes', session)).toEqual(['db-3']);
    reportNow('db-2', { position: 59 });
    expect(readers('read-your-writes', session)).toEqual(['db-3']);
    reportNow('db-2', { position: 60 });
    expect([readers('read-your-writes', session), readers('monotonic', session)]).toEqual([['db-2'], ['db-2']]);
  });

  it('later positions mean the primary, because they may be lost and reused in another log', () => {
    const { router, reportNow, readers, session } = afterFailover(61);
    reportNow('db-2', { position: 1000 });
    expect([readers('read-your-writes', session), readers('monotonic', session)]).toEqual([['db-3'], ['db-3']]);
    session.wrote(router.forWrite(), 70); // the rest of the old log is before this position
    expect(readers('read-your-writes', session)).toEqual(['db-2']);
  });

  it('positions of an earlier epoch do not replace later ones when an old write ends late', () => {
    const { router, reportNow, readers } = threeNodes();
    const session = router.session();
    const old = router.forWrite();
    reportNow('db-3', { position: 60 });
    router.failover({ epoch: 1 });
    session.wrote(router.forWrite(), 70);
    session.wrote(old, 9999);
    reportNow('db-2', { position: 70 });
    expect(readers('read-your-writes', session)).toEqual(['db-2']);
  });

  it('positions stay valid over several failovers up to the least shared position', () => {
    const { router, reportNow, readers, session } = afterFailover(55);
    reportNow('db-2', { position: 54 });
    router.failover({ epoch: 2 });
    reportNow('db-3', { position: 100 });
    router.markDown('db-1');
    expect(readers('read-your-writes', session)).toEqual(['db-2']);
    const other = afterFailover(54);
    other.reportNow('db-2', { position: 54 });
    other.router.failover({ epoch: 2 });
    other.router.adopt({ primary: 'db-2', epoch: 2 });
    expect(other.readers('read-your-writes', other.session)).toEqual(['db-2']);
  });

  it('positions of sixteen failovers ago are valid, and older ones are not', () => {
    const clock = new TestClock();
    const router = replicaRouter({ primary: 'a', replicas: ['b', 'c'], cooldown: 0, clock });
    const session = router.session();
    const step = (position: number) => {
      for (const { node } of router.nodes) router.report(node, { epoch: router.epoch, position });
      router.failover({ epoch: router.epoch });
      for (const { node } of router.nodes) router.report(node, { epoch: router.epoch, position });
    };
    session.wrote(router.forWrite(), 10);
    for (let i = 1; i <= 16; i++) step(10 + i);
    expect(router.forRead({ consistency: 'read-your-writes', session }).role).toBe('replica');
    step(100);
    expect(router.forRead({ consistency: 'read-your-writes', session }).role).toBe('primary');
  });

  it('positions are not valid across skipped epochs', () => {
    const { router, reportNow, readers } = threeNodes();
    const session = router.session();
    session.wrote(router.forWrite(), 5);
    reportNow('db-3', { position: 60 });
    router.adopt({ primary: 'db-3', epoch: 9 });
    reportNow('db-2', { position: 60 });
    expect(readers('read-your-writes', session)).toEqual(['db-3']);
    const others = router.session({ version: 1, wrote: { epoch: 8, position: '5' } });
    expect(readers('read-your-writes', others)).toEqual(['db-3']); // db-3 was at 60 in epoch 1, not in epoch 8
  });

  it('positions of an unknown later epoch mean the primary', () => {
    const { router, reportNow, readers } = threeNodes();
    reportNow('db-2', { position: 99 });
    const session = router.session({ version: 1, wrote: { epoch: 2, position: '5' } });
    expect(readers('read-your-writes', session)).toEqual(['db-1']);
  });
});

describe('adopt', () => {
  it('adopt accepts a later epoch and rejects others', () => {
    const { router } = threeNodes({ epoch: 5 });
    const events: ReplicaRouterEvents['failover'][] = [];
    router.on('failover', (event) => events.push(event));
    expect(router.adopt({ primary: 'db-2', epoch: 7 })).toBe(true);
    expect(router.adopt({ primary: 'db-2', epoch: 7 })).toBe(true);
    expect(router.adopt({ primary: 'db-3', epoch: 7 })).toBe(false);
    expect(router.adopt({ primary: 'db-3', epoch: 6 })).toBe(false);
    expect([router.primary, router.epoch, router.isCurrent(7)]).toEqual(['db-2', 7, true]);
    expect(events).toEqual([{ from: 'db-1', to: 'db-2', epoch: 7, reason: 'adopted' }]);
  });

  it('adopt can restore a replaced primary or keep the current one', () => {
    const { router, readers } = threeNodes();
    router.failover({ epoch: 1 });
    expect(router.adopt({ primary: 'db-1', epoch: 3 })).toBe(true);
    expect([router.forWrite().node, readers('eventual')]).toEqual(['db-1', ['db-3']]);
    expect(router.adopt({ primary: 'db-1', epoch: 4 })).toBe(true);
    expect([router.nodes[0]?.role, router.epoch]).toEqual(['primary', 4]);
  });

  it('adopt does not mark a node as up', () => {
    const { router } = threeNodes();
    router.markDown('db-2');
    router.adopt({ primary: 'db-2', epoch: 2 });
    expect(thrownBy(() => router.forWrite())).toEqual(noNode);
  });
});

describe('nodes', () => {
  it('nodes returns the role, the state, the lag and the position of each node', async () => {
    const { router, clock, reportNow } = threeNodes();
    reportNow('db-1', { position: 80 });
    reportNow('db-2', { lag: 50, position: 70n });
    await clock.advance(10);
    router.markDown('db-3');
    expect(router.nodes).toEqual([
      { node: 'db-1', role: 'primary', isUp: true, lagMs: 0, position: 80 },
      { node: 'db-2', role: 'replica', isUp: true, lagMs: 60, position: 70n },
      { node: 'db-3', role: 'replica', isUp: false, lagMs: undefined, position: undefined },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('Invalid arguments', () => {
  it('replicaRouter rejects invalid options', () => {
    const make = (options: object) => () => threeNodes(options as Partial<ReplicaRouterOptions>);
    expect(make({ primary: '' })).toThrow('replicaRouter: "primary" must be a string that is not empty');
    expect(make({ replicas: ['a', 5] })).toThrow('"replicas[1]" must be a string');
    expect(make({ replicas: ['a', 'a'] })).toThrow('"replicas" must name each node once, got "a"');
    expect(make({ replicas: ['db-1'] })).toThrow('must name each node once');
    expect(make({ replicas: 'ab' })).toThrow('"replicas" must be a list');
    expect(make({ replicas: undefined })).toThrow('"replicas" must be a list');
    for (const epoch of [-1, 1.5, 2 ** 48, Number.NaN])
      expect(make({ epoch })).toThrow('"epoch" must be an integer ≥ 0');
    expect(make({ reportMaxAge: 0 })).toThrow('"reportMaxAge"');
    expect(make({ stickyFor: 0 })).toThrow('"stickyFor"');
    expect(make({ cooldown: Infinity })).toThrow('"cooldown"');
    expect(make({ onNoFreshReplica: 'all' })).toThrow(`"onNoFreshReplica" must be one of 'primary', 'reject'`);
    expect(make({ name: '' })).toThrow('"name"');
    expect(make({ clock: {} })).toThrow('"clock"');
    expect(make({ wallClock: 5 })).toThrow('"wallClock" must be a function');
    expect(make({ random: 5 })).toThrow('"random" must be a function');
    expect(make({ coolDown: 5 })).toThrow('"coolDown" is unknown (did you mean "cooldown"?)');
  });

  it('the methods of a router reject invalid arguments', () => {
    const { router } = threeNodes({ name: 'users' });
    const report = (own: object) => () => router.report('db-2', { epoch: 1, ...own });
    expect(report({ epoch: undefined })).toThrow('users: "report.epoch" must be an integer');
    expect(report({ lag: -1 })).toThrow('"report.lag"');
    expect(report({ lag: Number.NaN })).toThrow('"report.lag"');
    for (const position of [-1, -1n, 1.5, 2 ** 53, '5', null]) {
      expect(report({ position })).toThrow('"report.position" must be a bigint ≥ 0 or an integer from 0 to 2^53 - 1');
    }
    expect(report({ at: Infinity })).toThrow('"report.at" must be a finite number');
    expect(report({ lagMs: 5 })).toThrow('"report.lagMs" is unknown (did you mean "lag"?)');
    for (const call of [
      () => router.report('db-9', { epoch: 1 }),
      () => router.markDown('db-9'),
      () => router.markUp('db-9'),
      () => router.adopt({ primary: 'db-9', epoch: 2 }),
    ]) {
      expect(call).toThrow('users: "node" must be one of db-1,db-2,db-3, got "db-9"');
    }
    expect(() => router.failover(undefined as never)).toThrow('"epoch" must be an integer');
    expect(() => router.failover({ epoch: 1.5 })).toThrow('"epoch" must be an integer');
    expect(() => router.adopt({ primary: 'db-2', epoch: Number.NaN })).toThrow('"epoch" must be an integer');
    const read = (options: object) => () => router.forRead(options);
    expect(read({ consistency: 'fresh' })).toThrow(
      `"consistency" must be one of 'strong', 'read-your-writes', 'monotonic', 'eventual'`,
    );
    expect(read({ consistency: null })).toThrow('"consistency" must be one of');
    expect(read({ consistency: { maxLag: 0 } })).toThrow('"maxLag"');
    expect(read({ consistency: {} })).toThrow('"maxLag"');
    expect(read({ exclude: 'db-1' })).toThrow('"exclude" must be a list');
    for (const consistency of ['monotonic', 'read-your-writes']) {
      expect(read({ consistency })).toThrow('"session" must be a session of this router');
      const session = threeNodes().router.session();
      expect(read({ consistency, session })).toThrow('"session" must be a session of this router');
    }
    expect(thrownBy(() => threeNodes({ name: 'users', replicas: [] }).router.failover({ epoch: 1 }))).toMatchObject({
      policy: 'users',
    });
  });
});
