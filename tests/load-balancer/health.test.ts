import {
  type HealthCheck,
  type HealthOptions,
  LoadBalancer,
  type LoadBalancerOptions,
  roundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

/** A balancer on its own clock, whose nodes fail their checks while they are in `down`. */
function watched(nodes: string[], health: Partial<HealthOptions> = {}, options: LoadBalancerOptions = {}) {
  const clock = new TestClock();
  const down = new Set<string>();
  const checks: string[] = [];
  const check: HealthCheck = (node) => {
    checks.push(node);
    if (down.has(node)) throw new Error(`${node} is down`);
  };
  const healthOptions = { check, interval: 1000, jitter: 0, rise: 2, fall: 3, ...health };
  const balancer = new LoadBalancer(nodes, { clock, pick: roundRobin(), health: healthOptions, ...options });
  const events: unknown[] = [];
  for (const type of ['nodeUp', 'nodeDown', 'ejected', 'panic'] as const) {
    balancer.on(type, (event) => events.push({ type, ...event }));
  }
  const healthOf = (node: string) => balancer.nodes.find((one) => one.node === node)!.health;
  return { clock, balancer, down, checks, events, health: healthOf };
}

describe('Active checks', () => {
  it('every node is checked at once and then after every interval', async () => {
    const { clock, checks } = watched(['a', 'b']);
    expect(checks).toEqual([]);
    await clock.advance(0);
    expect(checks).toEqual(['a', 'b']);
    await clock.advance(999);
    expect(checks).toHaveLength(2);
    await clock.advance(1);
    expect(checks).toHaveLength(4);
    await clock.advance(3000);
    expect(checks).toHaveLength(10);
  });

  it('a node is down after `fall` consecutive failures and up after `rise` consecutive successes', async () => {
    const { clock, down, health, events, balancer } = watched(['a', 'b']);
    await clock.advance(0);
    const states: string[] = [];
    // the columns: fall: 3 | one success, then down again | rise: 2
    for (const passes of [0, 0, 1, 0, 0, 0, 1, 0, 1, 1]) {
      if (passes === 0) down.add('a');
      else down.delete('a');
      await clock.advance(1000);
      states.push(health('a') === 'healthy' ? 'up' : 'down');
    }
    expect(states.join(' ')).toBe('up up up up up down down down down up');
    expect(events).toEqual([
      { type: 'nodeDown', node: 'a', reason: 'check', error: new Error('a is down') },
      { type: 'nodeUp', node: 'a', reason: 'check' },
    ]);
    expect(balancer.acquire().node).toBeDefined();
  });

  it('a node that is down receives no new calls and keeps its calls in flight', async () => {
    const { clock, balancer, down } = watched(['a', 'b', 'c']);
    await clock.advance(0);
    const held = balancer.acquire({ exclude: ['b', 'c'] });
    down.add('a');
    await clock.advance(3000);
    expect(Array.from({ length: 4 }, () => balancer.acquire().node).join('')).toBe('bcbc');
    held.release({ ok: true, value: 1 });
    expect(balancer.nodes[0]).toMatchObject({ health: 'unhealthy', active: 0, successes: 1 });
  });

  it('the first result of a node decides its health alone', async () => {
    const { clock, down, health } = watched(['a', 'b', 'c']);
    down.add('a');
    await clock.advance(0);
    expect([health('a'), health('b')]).toEqual(['unhealthy', 'healthy']);
  });

  it('a node that is added later receives no calls before its first check', async () => {
    const { clock, balancer, health } = watched(['a', 'b']);
    await clock.advance(500);
    balancer.setNodes(['a', 'b', 'new']);
    expect(health('new')).toBe('unhealthy');
    expect(Array.from({ length: 4 }, () => balancer.acquire().node).join('')).toBe('abab');
    await clock.advance(0);
    expect(health('new')).toBe('healthy');
  });

  it('unchecked nodes cause no panic and receive no calls before their first check', async () => {
    const { clock, balancer, events, down } = watched(['a', 'b', 'c'], { rise: 1 });
    await clock.advance(0);
    balancer.setNodes(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    down.add('g');
    expect(new Set(Array.from({ length: 14 }, () => balancer.acquire().node))).toEqual(new Set(['a', 'b', 'c']));
    expect(events).toEqual([]);
    await clock.advance(0);
    expect(new Set(Array.from({ length: 14 }, () => balancer.acquire().node)).size).toBe(6);
    down.add('a').add('b').add('c');
    await clock.advance(3000);
    expect(events.at(-1)).toEqual({ type: 'panic', panicking: true, healthy: 3, nodes: 7 });
  });

  it('calls use unchecked nodes if all nodes are unchecked', () => {
    const { balancer } = watched(['a']);
    balancer.setNodes(['b', 'c']);
    expect([balancer.acquire().node, balancer.acquire().node]).toEqual(['b', 'c']);
  });

  it('a panic is emitted at once and not at the next call', async () => {
    const { clock, down, events } = watched(['a', 'b', 'c']);
    down.add('a').add('b');
    await clock.advance(0);
    expect(events.at(-1)).toEqual({ type: 'panic', panicking: true, healthy: 1, nodes: 3 });
  });

  it.each<[string, HealthCheck, boolean]>([
    ['undefined', () => undefined, true],
    ['a promise of anything', async () => 'fine', true],
    ['false', () => false, false],
    ['a promise of false', async () => false, false],
    ['a rejection with nothing', () => Promise.reject(undefined), false],
    [
      'a thrown error',
      () => {
        throw new Error('thrown');
      },
      false,
    ],
  ])('a check that returns %s passes: %s', async (_what, check, isUp) => {
    const { clock, health } = watched(['a'], { check });
    await clock.advance(0);
    expect(health('a')).toBe(isUp ? 'healthy' : 'unhealthy');
  });

  it('a check that exceeds its timeout has failed, its signal aborts, and its later result is ignored', async () => {
    const answers = [defer(), defer(), defer()];
    const signals: AbortSignal[] = [];
    const { clock, health } = watched(['a'], {
      timeout: 200,
      fall: 2,
      check: (_node, { signal }) => {
        signals.push(signal);
        return answers[signals.length - 1]!.promise;
      },
    });
    await clock.advance(0);
    await clock.advance(199);
    expect(signals[0]!.aborted).toBe(false);
    await clock.advance(1);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 200 });
    expect(health('a')).toBe('unhealthy');
    answers[0]!.resolve('well, after all');
    await settle();
    expect(health('a')).toBe('unhealthy');
  });

  it('a check that ignores its signal delays the next check, and each interval counts as failed', async () => {
    const first = defer();
    const check = vi.fn<HealthCheck>(() => undefined).mockImplementationOnce(() => undefined);
    const { clock, health } = watched(['a'], { timeout: 100, fall: 3, rise: 1, check });
    await clock.advance(0);
    check.mockImplementationOnce(() => first.promise);
    await clock.advance(1000); // this check hangs
    expect(check).toHaveBeenCalledTimes(2);
    await clock.advance(100 + 1000);
    expect([check.mock.calls.length, health('a')]).toEqual([2, 'healthy']);
    await clock.advance(1000);
    expect([check.mock.calls.length, health('a')]).toEqual([2, 'unhealthy']);
    first.resolve(undefined);
    await clock.advance(1000);
    expect([check.mock.calls.length, health('a')]).toEqual([3, 'healthy']);
  });

  it('checks start at different times and continue at different intervals within the jitter', async () => {
    const times = new Map<string, number[]>();
    const clock = new TestClock();
    const nodes = Array.from({ length: 50 }, (_, index) => `node-${index}`);
    const check = (node: string) => {
      times.set(node, [...(times.get(node) ?? []), clock.now()]);
    };
    const health = { check, interval: 1000, jitter: 0.2 };
    using balancer = new LoadBalancer(nodes, { clock, random: seededRandom(1), health });
    await clock.advance(20_000);
    const firsts = nodes.map((node) => times.get(node)![0]!);
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...firsts)).toBeLessThanOrEqual(200);
    expect(new Set(firsts.map(Math.floor)).size).toBeGreaterThan(20);
    const gaps = nodes.flatMap((node) =>
      times
        .get(node)!
        .slice(1)
        .map((time, index) => time - times.get(node)![index]!),
    );
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(800);
    expect(Math.min(...gaps)).toBeLessThan(820);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1201); // a timer may be a millisecond late
    expect(Math.max(...gaps)).toBeGreaterThan(1180);
    expect(balancer.nodes).toHaveLength(50);
  });

  it('a removed node is not checked again, and its check in flight is aborted', async () => {
    const signals = new Map<string, AbortSignal>();
    const { clock, balancer } = watched(['a', 'b'], {
      check: (node, { signal }) => {
        signals.set(node, signal);
        return new Promise(() => {});
      },
    });
    await clock.advance(0);
    balancer.setNodes(['b']);
    expect(signals.get('a')!.aborted).toBe(true);
    expect(signals.get('b')!.aborted).toBe(false);
    await settle();
    const timers = clock.pendingTimers;
    balancer.setNodes([]);
    await settle();
    expect([timers, clock.pendingTimers]).toEqual([1, 0]); // the timeout of the check of b, then nothing
  });

  it('dispose clears all timers and aborts checks in flight, whose results change nothing', async () => {
    const answer = defer();
    const signals: AbortSignal[] = [];
    const { clock, balancer, events } = watched(['a', 'b'], {
      check: (_node, { signal }) => {
        signals.push(signal);
        return answer.promise;
      },
    });
    await clock.advance(0);
    balancer[Symbol.dispose]();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    answer.reject(new Error('too late'));
    await settle();
    expect(clock.pendingTimers).toBe(0);
    expect(events).toEqual([]);
    expect(balancer.nodes.map(({ health }) => health)).toEqual(['healthy', 'healthy']);
  });

  it('dispose before the first check leaves no timer', () => {
    const { clock, balancer } = watched(['a', 'b']);
    expect(clock.pendingTimers).toBe(2);
    balancer[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('When too few nodes are healthy', () => {
  const pickedOf = (balancer: LoadBalancer, count = 10) =>
    [...new Set(Array.from({ length: count }, () => balancer.acquire().node))].toSorted().join('');

  it.each([
    [['a'], 'bcd'],
    [['a', 'b'], 'cd'],
    [['a', 'b', 'c'], 'abcd'],
    [['a', 'b', 'c', 'd'], 'abcd'],
  ])('with the nodes %j of four down, calls go to %s', async (sick, picked) => {
    const { clock, balancer, down, events } = watched(['a', 'b', 'c', 'd']);
    for (const node of sick) down.add(node);
    await clock.advance(0);
    expect(pickedOf(balancer)).toBe(picked);
    const isPanic = picked === 'abcd';
    expect(events.filter((event) => (event as { type: string }).type === 'panic')).toEqual(
      isPanic ? [{ type: 'panic', panicking: true, healthy: 1, nodes: 4 }] : [],
    );
  });

  it('the balancer emits the start and the end of a panic', async () => {
    const { clock, balancer, down, events } = watched(['a', 'b', 'c'], { rise: 1 });
    down.add('a').add('b');
    await clock.advance(0);
    expect(pickedOf(balancer)).toBe('abc');
    down.delete('b');
    await clock.advance(1000);
    expect(pickedOf(balancer)).toBe('bc');
    expect(events).toContainEqual({ type: 'panic', panicking: true, healthy: 1, nodes: 3 });
    expect(events).toContainEqual({ type: 'panic', panicking: false, healthy: 2, nodes: 3 });
  });

  it('a panicThreshold of 0 never causes a panic, and the last healthy node receives all calls', async () => {
    const { clock, balancer, down } = watched(['a', 'b', 'c'], {}, { panicThreshold: 0 });
    down.add('a').add('b');
    await clock.advance(0);
    expect(pickedOf(balancer)).toBe('c');
    down.add('c');
    await clock.advance(3000);
    expect(pickedOf(balancer)).toBe('abc');
  });

  it("onNoHealthyNode 'reject' rejects calls until a node is back", async () => {
    const { clock, balancer, down } = watched(['a', 'b'], { rise: 1 }, { onNoHealthyNode: 'reject' });
    down.add('a').add('b');
    await clock.advance(0);
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
    expect(balancer.peek()).toBeUndefined();
    down.delete('a');
    await clock.advance(1000);
    expect(pickedOf(balancer)).toBe('a');
  });

  it('a node without weight does not count for the panic threshold', async () => {
    const { clock, balancer, down } = watched(['a', 'b', 'c']);
    balancer.setNodes(['a', { node: 'b', weight: 0 }, { node: 'c', weight: 0 }]);
    down.add('b').add('c');
    await clock.advance(5000);
    expect(pickedOf(balancer)).toBe('a');
  });
});

describe('Listeners', () => {
  it('a listener can change the balancer, and events are emitted in the order in which they happened', async () => {
    const { clock, balancer, down, events } = watched(['a', 'b', 'c']);
    balancer.on('nodeDown', ({ node }) => {
      balancer.setNodes(balancer.nodes.map((one) => one.node).filter((name) => name !== node));
    });
    down.add('a').add('b');
    await clock.advance(0);
    expect(balancer.nodes.map(({ node }) => node)).toEqual(['c']);
    expect(balancer.acquire().node).toBe('c');
    expect(events.map((event) => (event as { type: string; node: string }).node)).toEqual(['a', 'b']);
  });

  it('an event that a listener causes is emitted after all listeners have received the current event', async () => {
    const { clock, balancer, down } = watched(['a', 'b', 'c']);
    const received: string[] = [];
    balancer.on('nodeDown', ({ node }) => {
      received.push(`first: ${node} is down`);
      balancer.setNodes(['a']); // no node is healthy afterwards
      received.push(`first: ${balancer.peek()} is next`, `${balancer.nodes.length} left`);
    });
    balancer.on('nodeDown', ({ node }) => received.push(`second: ${node} is down`));
    balancer.on('panic', () => received.push('panic'));
    down.add('a');
    await clock.advance(0);
    expect(received).toEqual(['first: a is down', 'first: a is next', '1 left', 'second: a is down', 'panic']);
  });

  it('an error of a listener does not affect other listeners or calls', async () => {
    using uncaught = catchUncaught();
    const { clock, balancer, down, events } = watched(['a', 'b']);
    const error = new Error('a listener');
    balancer.on('nodeDown', () => {
      throw error;
    });
    down.add('a');
    await clock.advance(0);
    await settle();
    expect(events).toHaveLength(1);
    expect(uncaught.errors).toEqual([error]);
    expect(balancer.acquire().node).toBe('b');
  });
});
