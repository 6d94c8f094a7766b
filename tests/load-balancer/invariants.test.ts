import {
  httpCheck,
  LoadBalancer,
  leastResponseTime,
  powerOfTwoChoices,
  roundRobin,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';

describe('Load balancers', () => {
  const OK = { ok: true, value: undefined } as const;
  const FAILED = { ok: false, error: new Error('no') } as const;

  it('the power of two choices compares two different candidates, and works with one node and with none', () => {
    const pick = powerOfTwoChoices();
    const balancer = new LoadBalancer(['a', 'b'], { pick, random: () => 0 }); // the least favourable random value
    const [one, other] = [balancer.acquire(), balancer.acquire()];
    expect(one.node).not.toBe(other.node);
    balancer.setNodes(['a']);
    expect(balancer.acquire().node).toBe('a');
    balancer.setNodes([]);
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
  });

  it('smooth weighted round robin starves no node if weights change or nodes leave during a cycle', () => {
    const balancer = new LoadBalancer([{ node: 'a', weight: 100 }, 'b', 'c'], { pick: weightedRoundRobin() });
    const next = (count: number) =>
      Array.from({ length: count }, () => {
        using lease = balancer.acquire();
        return lease.node;
      });
    next(37);
    balancer.setNodes(['b', 'c']);
    // nginx would delay b here until it has paid for the removed weight: 33 turns
    expect(next(6).filter((node) => node === 'b').length).toBeGreaterThanOrEqual(2);
    expect(next(100).filter((node) => node === 'b')).toHaveLength(50);
    balancer.setNodes([{ node: 'a', weight: 2 }, 'b', 'c']);
    expect(next(8).filter((node) => node === 'a')).toHaveLength(4);
  });

  it('a lease counts once if it is released twice, late, by using or by an abort', async () => {
    const balancer = new LoadBalancer(['a']);
    const twice = balancer.acquire();
    twice.release(OK);
    twice.release(OK);
    {
      using _lease = balancer.acquire();
    }
    const controller = new AbortController();
    const call = balancer.execute(() => new Promise(() => {}), { signal: controller.signal });
    controller.abort('gone');
    await expect(call).rejects.toBe('gone');
    expect(balancer.nodes[0]).toMatchObject({ active: 0, picks: 3, successes: 1, failures: 0 });
  });

  it('a node that flaps below rise and fall does not change its state, and dispose clears all timers', async () => {
    const clock = new TestClock();
    let round = 0;
    const check = () => round++ === 0 || round % 2 === 0;
    const health = { check, interval: 1000, jitter: 0, rise: 2, fall: 2 };
    const balancer = new LoadBalancer(['a'], { clock, health });
    const changes: unknown[] = [];
    balancer.on('nodeDown', (event) => changes.push(event));
    await clock.advance(60_000);
    expect([round > 50, changes]).toEqual([true, []]);
    balancer[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('a balancer without a healthy node uses all nodes and emits "panic", or rejects with onNoHealthyNode: \'reject\'', async () => {
    for (const onNoHealthyNode of ['all', 'reject'] as const) {
      const clock = new TestClock();
      const health = { check: () => false, jitter: 0 };
      const balancer = new LoadBalancer(['a', 'b'], { clock, health, onNoHealthyNode, pick: roundRobin() });
      const panics: unknown[] = [];
      balancer.on('panic', (event) => panics.push(event));
      await clock.advance(0);
      if (onNoHealthyNode === 'all') expect([balancer.acquire().node, balancer.acquire().node]).toEqual(['a', 'b']);
      else expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
      expect(panics).toEqual(onNoHealthyNode === 'all' ? [{ panicking: true, healthy: 0, nodes: 2 }] : []);
      balancer[Symbol.dispose]();
    }
  });

  it('ejections respect the maximum share, grow longer each time and become shorter after a healthy period', () => {
    const clock = new ManualClock();
    const outlier = {
      consecutiveFailures: 1,
      ejectFor: 1000,
      interval: 1000,
      maxEjectedShare: 0.1,
      successRate: false as const,
    };
    const balancer = new LoadBalancer(['a', 'b', 'c'], { clock, outlier, pick: roundRobin() });
    const ejectedFor: number[] = [];
    balancer.on('ejected', ({ ejectedForMs }) => ejectedFor.push(ejectedForMs));
    const fail = (...nodes: string[]) => {
      for (const node of nodes) {
        const exclude = ['a', 'b', 'c'].filter((name) => name !== node);
        balancer.acquire({ exclude }).release(FAILED);
      }
    };
    fail('a', 'b', 'c');
    expect(balancer.nodes.map(({ health }) => health)).toEqual(['ejected', 'healthy', 'healthy']);
    clock.time = 1000;
    fail('a');
    clock.time = 3000;
    fail('a');
    clock.time = 100_000;
    fail('a');
    expect(ejectedFor).toEqual([1000, 2000, 3000, 1000]);
  });

  it.each([
    [0, 0.25],
    [500, 0.25],
    [1000, 0.25],
    [2000, 0.5],
    [3999, 0.99975],
    [4000, 1],
  ])('a node in a slow start of 4 s has, after %d ms, the share %d of its weight', (sinceMs, share) => {
    const clock = new ManualClock();
    const balancer = new LoadBalancer(['old'], { clock, slowStart: '4s' });
    balancer.setNodes(['old', 'new']);
    clock.time = sinceMs;
    expect(balancer.nodes[1]!.effectiveWeight).toBe(share);
  });

  it('a clock that steps back ends no ejection early and makes no value negative', () => {
    const clock = new ManualClock(1e6);
    const options = {
      clock,
      pick: leastResponseTime(),
      outlier: { consecutiveFailures: 1 },
      slowStart: '10s',
      random: seededRandom(1),
    } as const;
    const balancer = new LoadBalancer(['a', 'b'], options);
    const lease = balancer.acquire();
    clock.time = 0;
    lease.release(OK);
    balancer.setNodes(['a', 'b', 'c']);
    clock.time = -5000;
    const other = balancer.acquire();
    other.release(FAILED);
    clock.time = -10_000;
    for (const { latencyMs, effectiveWeight, active } of balancer.nodes) {
      expect([latencyMs, active]).toEqual([0, 0]);
      expect(effectiveWeight).toBeGreaterThan(0);
    }
    expect(balancer.nodes.filter(({ health }) => health === 'ejected').map(({ node }) => node)).toEqual([other.node]);
  });

  it('excluding the only candidate rejects at once instead of looping (rspamd issue 6013)', () => {
    expect(() => new LoadBalancer(['a']).acquire({ exclude: ['a'] })).toThrow('no healthy node');
  });

  it('peek does not change which node is next (undici issue 4839)', () => {
    const balancer = new LoadBalancer(['a', 'b', 'c'], { pick: roundRobin() });
    const seen = Array.from({ length: 6 }, () => [balancer.peek(), balancer.peek(), balancer.acquire().node]);
    expect(seen.flat().join('')).toBe('aaabbbcccaaabbbccc');
  });

  it('a health check that is not an object is rejected at construction', () => {
    expect(() => new LoadBalancer(['a'], { health: httpCheck() as never })).toThrow('"health" must be an object');
  });
});
