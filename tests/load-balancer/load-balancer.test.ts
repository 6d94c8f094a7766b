import { definePolicy, isResilienceError, TimeoutError } from 'breakwater/core';
import {
  type Candidate,
  type ExecuteOptions,
  LoadBalancer,
  type LoadBalancerOptions,
  randomPick,
  roundRobin,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { retry } from 'breakwater/retry';
import { seededRandom, TestClock } from 'breakwater/testing';
import { timeout } from 'breakwater/timeout';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const OK = { ok: true, value: undefined } as const;
const FAILED = { ok: false, error: new Error('no') } as const;

function balance(nodes: string[] = ['a', 'b', 'c'], options: LoadBalancerOptions = {}) {
  const clock = new TestClock();
  const balancer = new LoadBalancer(nodes, { clock, pick: roundRobin(), ...options });
  const status = (node: string) => balancer.nodes.find((one) => one.node === node)!;
  return { clock, balancer, status };
}

describe('A lease', () => {
  it('repeated releases count once', () => {
    const { balancer, status } = balance(['a']);
    const [one, other] = [balancer.acquire(), balancer.acquire()];
    expect(status('a').active).toBe(2);
    one.release(OK);
    one.release(FAILED);
    one.release();
    one[Symbol.dispose]();
    expect(status('a')).toMatchObject({ active: 1, picks: 2, successes: 1, failures: 0 });
    other[Symbol.dispose]();
    other.release(FAILED);
    expect(status('a')).toMatchObject({ active: 0, successes: 1, failures: 0 });
  });

  it('the release function of a lease works alone and counts once', () => {
    const { balancer, status } = balance(['a']);
    const { node, release } = balancer.acquire();
    expect(status(node).active).toBe(1);
    release(FAILED);
    release(OK);
    expect(status('a')).toMatchObject({ active: 0, successes: 0, failures: 1 });
  });

  it('using releases a lease at the end of its block', () => {
    const { balancer, status } = balance(['a']);
    expect(() => {
      using lease = balancer.acquire();
      expect(status(lease.node).active).toBe(1);
      throw new Error('thrown in the block');
    }).toThrow('thrown in the block');
    expect(status('a').active).toBe(0);
  });

  it('a release reports the verdict and the duration, and a release without an outcome reports nothing', async () => {
    const { balancer, clock, status } = balance(['a']);
    const silent = balancer.acquire();
    await clock.advance(500);
    silent.release();
    expect(status('a')).toMatchObject({ successes: 0, failures: 0, latencyMs: 0 });
    const good = balancer.acquire();
    await clock.advance(20);
    good.release(OK);
    balancer.acquire().release(FAILED);
    balancer.acquire().release({ ok: false, error: new TypeError('a programming error') });
    expect(status('a')).toMatchObject({ successes: 1, failures: 1, latencyMs: 20, active: 0, picks: 4 });
  });

  it('a throttled call counts as a success, but its short duration does not make the node look fast', async () => {
    const { balancer, clock, status } = balance(['a'], {
      classify: ({ ok }) => (ok ? 'success' : 'throttled'),
    });
    const slow = balancer.acquire();
    await clock.advance(200);
    slow.release(OK);
    for (let n = 0; n < 50; n++) balancer.acquire().release(FAILED);
    expect(status('a')).toMatchObject({ successes: 51, failures: 0, latencyMs: 200 });
  });

  it('the classify option of the balancer judges the outcome, and a lease is released even if the function throws', () => {
    const { balancer, status } = balance(['a'], {
      classify: (outcome) => {
        if (!outcome.ok) throw new Error('no verdict');
        return outcome.value === 'bad' ? 'permanent' : 'success';
      },
    });
    balancer.acquire().release({ ok: true, value: 'bad' });
    expect(status('a')).toMatchObject({ active: 0, failures: 1 });
    expect(() => balancer.acquire().release(FAILED)).toThrow('no verdict');
    expect(status('a')).toMatchObject({ active: 0, failures: 1 });
  });

  it('a lease of a removed node does not change a new node of the same name', () => {
    const { balancer, status } = balance(['a', 'b']);
    const lease = balancer.acquire();
    expect(lease.node).toBe('a');
    balancer.setNodes(['b']);
    balancer.setNodes(['a', 'b']);
    lease.release(FAILED);
    expect(status('a')).toMatchObject({ active: 0, picks: 0, failures: 0 });
  });
});

describe('acquire', () => {
  it('acquire skips the excluded nodes of any iterable', () => {
    const { balancer } = balance();
    expect(balancer.acquire({ exclude: ['a', 'b'] }).node).toBe('c');
    expect(balancer.acquire({ exclude: new Set(['c', 'a', 'unknown']) }).node).toBe('b');
  });

  it.each(['a', 7, null, {}])(
    '%j is rejected as a list of nodes, because a string would be read as its letters',
    async (exclude) => {
      const { balancer } = balance();
      const message = 'LoadBalancer: "exclude" must be a list of nodes';
      expect(() => balancer.acquire({ exclude: exclude as never })).toThrow(message);
      expect(() => balancer.peek({ exclude: exclude as never })).toThrow(message);
      await expect(balancer.execute(() => 1, { exclude: exclude as never })).rejects.toThrow(message);
    },
  );

  it('acquire throws NoHealthyNodeError with the name of the balancer if no node can be picked', () => {
    const { balancer } = balance(['a'], { name: 'users' });
    expect(() => balancer.acquire({ exclude: ['a'] })).toThrow('"users" has no healthy node');
    balancer.setNodes([{ node: 'a', weight: 0 }]);
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
    expect(balancer.peek()).toBeUndefined();
  });

  it('a disposed balancer rejects acquire, and earlier leases can still be released', () => {
    const { balancer, status } = balance(['a']);
    const lease = balancer.acquire();
    balancer[Symbol.dispose]();
    balancer[Symbol.dispose]();
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(() => balancer.setNodes(['b'])).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(balancer.peek()).toBeUndefined();
    lease.release(OK);
    expect(status('a')).toMatchObject({ active: 0, successes: 1 });
  });
});

describe('execute', () => {
  it('the operation receives its node and the context of the call', async () => {
    const { balancer } = balance(['a']);
    const controller = new AbortController();
    const seen = await balancer.execute(
      ({ node, attempt, key, priority, deadline, signal }) => ({ node, attempt, key, priority, deadline, signal }),
      { key: 'user:7', priority: 1, signal: controller.signal, timeout: 250 },
    );
    expect(seen).toMatchObject({ node: 'a', attempt: 1, key: 'user:7', priority: 1, deadline: 250 });
    expect(seen.signal).toBeInstanceOf(AbortSignal);
  });

  it('execute holds the node while the operation runs and reports the outcome and the duration', async () => {
    const { balancer, clock, status } = balance(['a']);
    const work = defer<string>();
    const call = watch(balancer.execute(() => work.promise));
    expect(status('a')).toMatchObject({ active: 1, picks: 1 });
    await clock.advance(30);
    work.resolve('done');
    await call.done;
    expect(call.value).toBe('done');
    expect(status('a')).toMatchObject({ active: 0, successes: 1, failures: 0, latencyMs: 30 });
    await expect(balancer.execute(() => Promise.reject(FAILED.error))).rejects.toBe(FAILED.error);
    expect(status('a')).toMatchObject({ active: 0, successes: 1, failures: 1 });
  });

  it('execute releases the node before the caller receives the result', async () => {
    const { balancer, status } = balance(['a']);
    expect(await balancer.execute(() => 1).then(() => status('a').active)).toBe(0);
    expect(await balancer.execute(() => Promise.reject(new Error('no'))).catch(() => status('a').active)).toBe(0);
  });

  it('a synchronous throw of the operation rejects the call', async () => {
    const { balancer, status } = balance(['a']);
    const call = balancer.execute(() => {
      throw FAILED.error;
    });
    await expect(call).rejects.toBe(FAILED.error);
    expect(status('a')).toMatchObject({ active: 0, failures: 1 });
  });

  it('execute rejects and does not throw without a node, after dispose, without an operation and with an invalid option', async () => {
    const { balancer } = balance(['a']);
    await expect(balancer.execute(() => 1, { exclude: ['a'] })).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
    await expect(balancer.execute('no function' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(balancer.execute(() => 1, { timeout: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(balancer.execute(() => 1, { policy: {} as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await expect(balancer.execute(() => 1, { policy: retry() })).rejects.toThrow('must use the clock of the balancer');
    balancer[Symbol.dispose]();
    await expect(balancer.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('an abort rejects at once and releases the node without counting a failure, even if the operation ignores it', async () => {
    const { balancer, status } = balance(['a'], { outlier: { consecutiveFailures: 1 } });
    const { controller, listeners } = countingController();
    const call = watch(balancer.execute(() => new Promise(() => {}), { signal: controller.signal }));
    await settle();
    expect(status('a').active).toBe(1);
    controller.abort('enough');
    await call.done;
    expect(call.error).toBe('enough');
    expect(status('a')).toMatchObject({ active: 0, successes: 0, failures: 0, health: 'healthy' });
    expect(listeners()).toBe(0);
  });

  it('a call with an aborted signal acquires no node', async () => {
    const { balancer, status } = balance(['a']);
    const operation = vi.fn();
    await expect(balancer.execute(operation, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(operation).not.toHaveBeenCalled();
    expect(status('a').picks).toBe(0);
  });

  it('a call that times out counts against its node and leaves no timer', async () => {
    const { balancer, clock, status } = balance(['a']);
    const call = watch(balancer.execute(() => new Promise(() => {}), { timeout: 100 }));
    await clock.advance(100);
    await call.done;
    expect(call.error).toBeInstanceOf(TimeoutError);
    expect(status('a')).toMatchObject({ active: 0, failures: 1, latencyMs: 1000 });
    expect(clock.pendingTimers).toBe(0);
  });

  describe('With a policy', () => {
    const policyOn = (clock: TestClock, maxAttempts: number) => retry({ clock, maxAttempts, backoff: () => 0 });

    /** Returns the nodes of a call whose attempts all fail. */
    async function attemptsOf(balancer: LoadBalancer, clock: TestClock, options: ExecuteOptions): Promise<string[]> {
      const tried: string[] = [];
      const call = watch(
        balancer.execute(({ node }) => {
          tried.push(node);
          throw FAILED.error;
        }, options),
      );
      await clock.advance(1000);
      await call.done;
      expect(call.error).toBe(FAILED.error);
      return tried;
    }

    it('each attempt uses an untried node, and tried nodes are used again only when all were tried', async () => {
      const { balancer, clock, status } = balance(['a', 'b', 'c']);
      const tried = await attemptsOf(balancer, clock, { policy: policyOn(clock, 7) });
      expect(tried.slice(0, 3).toSorted()).toEqual(['a', 'b', 'c']);
      for (let index = 1; index < tried.length; index++) expect(tried[index]).not.toBe(tried[index - 1]);
      expect(['a', 'b', 'c'].map((node) => status(node).active)).toEqual([0, 0, 0]);
      expect(['a', 'b', 'c'].reduce((sum, node) => sum + status(node).failures, 0)).toBe(7);
    });

    it('the second attempt uses another node even if the picker prefers the first node', async () => {
      const { balancer, clock } = balance(['preferred', 'other'], { pick: weightedRoundRobin() });
      balancer.setNodes([{ node: 'preferred', weight: 1000 }, 'other']);
      const call = watch(
        balancer.execute(({ node, attempt }) => (attempt < 2 ? Promise.reject(FAILED.error) : node), {
          policy: policyOn(clock, 2),
        }),
      );
      await clock.advance(0);
      await call.done;
      expect(call.value).toBe('other');
    });

    it('all nodes are tried before any is used again, even if the picker always picks the first', async () => {
      const pick = { name: 'first', start: () => ({ choose: <C>([first]: readonly C[]) => first as C }) };
      const { balancer, clock } = balance(['a', 'b', 'c', 'd', 'e'], { pick });
      const tried = await attemptsOf(balancer, clock, { policy: policyOn(clock, 7) });
      expect(tried.join('')).toBe('abcdeab');
    });

    it('no node is used for two consecutive attempts with a random picker', async () => {
      const { balancer, clock } = balance(['a', 'b'], { pick: randomPick(), random: seededRandom(1) });
      const tried = await attemptsOf(balancer, clock, { policy: policyOn(clock, 12) });
      expect(['abababababab', 'babababababa']).toContain(tried.join(''));
    });

    it('a policy that continues after an abort acquires no node', async () => {
      const { balancer, status } = balance(['a']);
      const gate = defer();
      const late = definePolicy({
        name: 'late',
        run: async (next, context) => {
          await gate.promise;
          return next(context);
        },
      });
      const controller = new AbortController();
      const call = watch(balancer.execute(() => 1, { policy: late, signal: controller.signal }));
      controller.abort('enough');
      gate.resolve(undefined);
      await call.done;
      expect(call.error).toBe('enough');
      expect(status('a').picks).toBe(0);
    });

    it('an excluded node is never tried, and a single remaining node is tried again', async () => {
      const { balancer, clock } = balance(['a', 'b']);
      const tried = await attemptsOf(balancer, clock, { policy: policyOn(clock, 3), exclude: ['b'] });
      expect(tried).toEqual(['a', 'a', 'a']);
    });

    it('NoHealthyNodeError is a rejection and is not retried', async () => {
      const { balancer, clock } = balance([]);
      const onRetry = vi.fn();
      const policy = policyOn(clock, 3);
      policy.on('retry', onRetry);
      await expect(balancer.execute(() => 1, { policy })).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
      expect(onRetry).not.toHaveBeenCalled();
    });

    it('a timeout of one attempt counts against the node of that attempt', async () => {
      const { balancer, clock, status } = balance(['slow', 'fast']);
      const around = retry({ clock, maxAttempts: 2, backoff: () => 0 });
      const attemptTimeout = timeout({ duration: 50, clock });
      const call = watch(
        balancer.execute(
          ({ node }) => attemptTimeout.execute(() => (node === 'slow' ? new Promise<string>(() => {}) : node)),
          { policy: around },
        ),
      );
      await clock.advance(60);
      await call.done;
      expect(call.value).toBe('fast');
      expect(status('slow')).toMatchObject({ failures: 1, active: 0, latencyMs: 1000 * Math.exp(-10 / 10_000) });
      expect(status('fast')).toMatchObject({ successes: 1, active: 0 });
    });

    it('the classify function of the call judges the outcome for the node', async () => {
      const { balancer, status } = balance(['a']);
      await balancer.execute(() => 'bad', { classify: ({ ok }) => (ok ? 'failure' : 'success') });
      expect(status('a')).toMatchObject({ failures: 1, successes: 0 });
    });
  });
});

describe('setNodes', () => {
  it('setNodes keeps the counters of remaining nodes, applies new weights and zones, and removes the other nodes', async () => {
    const { balancer, clock, status } = balance(['a', 'b']);
    const held = balancer.acquire({ exclude: ['b'] });
    const done = balancer.acquire({ exclude: ['b'] });
    await clock.advance(40);
    done.release(OK);
    balancer.setNodes([
      { node: 'c', weight: 2 },
      { node: 'a', weight: 3, zone: 'z' },
    ]);
    expect(balancer.nodes.map(({ node }) => node)).toEqual(['c', 'a']);
    expect(status('a')).toMatchObject({ active: 1, picks: 2, successes: 1, latencyMs: 40, weight: 3, zone: 'z' });
    held.release(FAILED);
    expect(status('a')).toMatchObject({ active: 0, failures: 1 });
    balancer.setNodes(['a']);
    expect(status('a')).toMatchObject({ weight: 1, zone: undefined, picks: 2 });
  });

  it('the last of two entries for one node counts, at the position of the first', () => {
    const { balancer } = balance([]);
    balancer.setNodes(['a', 'b', { node: 'a', weight: 7 }]);
    expect(balancer.nodes.map(({ node, weight }) => [node, weight])).toEqual([
      ['a', 7],
      ['b', 1],
    ]);
  });

  it('any string can be a node name', () => {
    const names = ['__proto__', 'constructor', '', 'http://[::1]:80', 'a-1', 'a', '1'];
    const { balancer } = balance(names);
    expect(names.map(() => balancer.acquire().node)).toEqual(names);
  });

  it('setNodes accepts any iterable and reads it once', () => {
    const { balancer } = balance([]);
    balancer.setNodes(new Set(['a', 'b']).values());
    expect(balancer.nodes).toHaveLength(2);
  });

  it('an invalid entry changes nothing', () => {
    const { balancer } = balance(['a']);
    expect(() => balancer.setNodes(['b', { node: 'c', weight: Number.NaN }])).toThrow('"nodes[1].weight"');
    expect(balancer.nodes.map(({ node }) => node)).toEqual(['a']);
  });
});

describe('Options', () => {
  const make = (options: object, nodes: unknown) => () => new LoadBalancer(nodes as never, options as never);

  it.each<[object, string]>([
    [{ pik: 1 }, 'LoadBalancer: "pik" is unknown (did you mean "pick"?), got 1'],
    [{ pick: 'roundRobin' }, 'LoadBalancer: "pick" must be a picker factory, such as roundRobin(), got "roundRobin"'],
    [{ pick: roundRobin }, 'LoadBalancer: "pick" must be a picker'],
    [{ panicThreshold: 1.1 }, 'LoadBalancer: "panicThreshold" must be a finite number ≥ 0 and at most 1, got 1.1'],
    [{ onNoHealthyNode: 'some' }, 'LoadBalancer: "onNoHealthyNode" must be'],
    [{ slowStart: 0 }, 'LoadBalancer: "slowStart" must be milliseconds'],
    [{ slowStart: { duration: '1s', minShare: 0 } }, '"slowStart.minShare" must be a finite number above 0'],
    [{ slowStart: { duration: '1s', aggression: Infinity } }, '"slowStart.aggression"'],
    [{ slowStart: {} }, '"slowStart.duration"'],
    [{ zone: 7 }, '"zone" must be a string, got 7'],
    [{ zone: { name: 'a', overprovision: 0.9 } }, '"zone.overprovision" must be a finite number ≥ 1'],
    [{ classify: 1 }, '"classify" must be a function'],
    [{ random: 1 }, '"random" must be a function'],
    [{ clock: {} }, '"clock"'],
    [{ name: '' }, '"name"'],
    [{ health: {} }, '"health.check" must be a function, got undefined'],
    [{ health: { check() {}, interval: 0 } }, '"health.interval"'],
    [{ health: { check() {}, timeout: Infinity } }, '"health.timeout"'],
    [{ health: { check() {}, jitter: 1 } }, '"health.jitter" must be a finite number ≥ 0 and at most 0.9, got 1'],
    [{ health: { check() {}, rise: 0 } }, '"health.rise" must be an integer ≥ 1'],
    [{ health: { check() {}, fall: 1.5 } }, '"health.fall" must be an integer ≥ 1'],
    [{ outlier: true }, '"outlier" must be an object, got true'],
    [{ outlier: { consecutiveFailures: 0 } }, '"outlier.consecutiveFailures" must be an integer ≥ 1'],
    [{ outlier: { maxEjectedShare: 0 } }, '"outlier.maxEjectedShare" must be a finite number above 0'],
    [{ outlier: { ejectFor: '1m', maxEjectFor: '30s' } }, '"outlier.maxEjectFor"'],
    [{ outlier: { interval: Infinity } }, '"outlier.interval"'],
    [{ outlier: { successRate: { minNodes: 1 } } }, '"outlier.successRate.minNodes" must be an integer ≥ 2'],
    [{ outlier: { successRate: { minCalls: 0 } } }, '"outlier.successRate.minCalls"'],
    [{ outlier: { successRate: { deviations: 0 } } }, '"outlier.successRate.deviations"'],
    [{ outlier: { successRate: { minDifference: 5 } } }, '"outlier.successRate.minDifference" must be a finite number'],
  ])('LoadBalancer rejects the options %j', (options, message) => {
    expect(make(options, ['a'])).toThrow(message);
    expect(make(options, ['a'])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'LoadBalancer' }),
    );
  });

  it.each<[unknown, string]>([
    ['http://a', '"nodes" must be a list of nodes, got "http://a"'],
    [undefined, '"nodes" must be a list of nodes, got undefined'],
    [[7], '"nodes[0]" must be an object, got 7'],
    [[{ weight: 1 }], '"nodes[0].node" must be a string, got undefined'],
    [[{ node: 'a', weight: -1 }], '"nodes[0].weight" must be a finite number ≥ 0 and at most 1000000, got -1'],
    [['a', { node: 'b', weight: Infinity }], '"nodes[1].weight" must be a finite number'],
    [[{ node: 'a', zone: 1 }], '"nodes[0].zone" must be a string, got 1'],
    [[{ node: 'a', wieght: 1 }], '"nodes[0].wieght" is unknown (did you mean "weight"?)'],
  ])('the nodes %j are rejected', (nodes, message) => {
    expect(make({}, nodes)).toThrow(message);
  });

  it('options are read once, so that later changes have no effect', () => {
    const node = { node: 'a', weight: 1 };
    const options = { onNoHealthyNode: 'all' as const, clock: new ManualClock(), pick: roundRobin() };
    const balancer = new LoadBalancer([node, 'b'], options);
    node.weight = 0;
    Object.assign(options, { pick: undefined, clock: undefined });
    expect([balancer.acquire().node, balancer.acquire().node, balancer.acquire().node]).toEqual(['a', 'b', 'a']);
  });

  it('a picker that returns no candidate causes an error', () => {
    const pick = { name: 'mine', start: () => ({ choose: () => undefined as never }) };
    expect(() => new LoadBalancer(['a'], { pick }).acquire()).toThrow('"pick" must choose one of its candidates');
  });

  it('the chooseExcept method of a picker receives all candidates and the excluded ones', () => {
    const seen: unknown[] = [];
    const choose = <C>([first]: readonly C[]) => first as C;
    const chooseExcept = <C extends { node: string }>(candidates: readonly C[], excluded: ReadonlySet<C>) => {
      seen.push([candidates.map(({ node }) => node), [...excluded].map(({ node }) => node)]);
      return candidates.find((one) => !excluded.has(one)) as C;
    };
    const pick = { name: 'mine', start: () => ({ choose, chooseExcept }) };
    const { balancer } = balance(['a', 'b', 'c', 'd'], { pick, outlier: { consecutiveFailures: 1 } });
    balancer.acquire({ exclude: ['b', 'c', 'd'] }).release(FAILED); // a is ejected
    expect(balancer.acquire({ exclude: ['a', 'b', 'unknown'] }).node).toBe('c');
    expect(seen).toEqual([
      [
        ['a', 'b', 'c', 'd'],
        ['b', 'c', 'd'],
      ],
      [['b', 'c', 'd'], ['b']],
    ]);
  });

  it('loadChanged of a picker receives each start and end of a call', () => {
    const received: unknown[] = [];
    const pick = {
      name: 'mine',
      start: () => ({
        choose: <C>([first]: readonly C[]) => first as C,
        loadChanged: ({ node, active }: Candidate, now: number) => void received.push([node, active, now]),
      }),
    };
    const clock = new ManualClock();
    const balancer = new LoadBalancer(['a', 'b'], { pick, clock });
    const [one, other] = [balancer.acquire(), balancer.acquire()];
    clock.time = 30;
    one.release(OK);
    other.release();
    expect(received).toEqual([
      ['a', 1, 0],
      ['a', 2, 0],
      ['a', 1, 30],
      ['a', 0, 0],
    ]);
  });

  it('a custom picker receives the candidates and picks one', () => {
    const last = { name: 'last', start: () => ({ choose: <C>(candidates: readonly C[]) => candidates.at(-1)! }) };
    expect(new LoadBalancer(['a', 'b', 'c'], { pick: last }).acquire({ exclude: ['c'] }).node).toBe('b');
  });
});

it('a balancer without nodes does not panic, and a removed node is not ejected', () => {
  const { balancer } = balance(['a', 'b'], { outlier: { consecutiveFailures: 1 } });
  const events: unknown[] = [];
  balancer.on('panic', (event) => events.push(event));
  balancer.on('ejected', (event) => events.push(event));
  const lease = balancer.acquire();
  balancer.setNodes(['b', 'c', 'd']);
  lease.release(FAILED);
  expect(balancer.nodes.map(({ health }) => health)).toEqual(['healthy', 'healthy', 'healthy']);
  balancer.setNodes([]);
  expect(balancer.peek()).toBeUndefined();
  expect(balancer.nodes).toEqual([]);
  expect(events).toEqual([]);
});

it('a balancer without health and outlier options has no timer', () => {
  const clock = new TestClock();
  for (let made = 0; made < 10_000; made++) new LoadBalancer(['a', 'b'], { clock, slowStart: '10s' }).acquire();
  expect(clock.pendingTimers).toBe(0);
});

it('the errors of a balancer are recognized by isResilienceError', () => {
  const { balancer } = balance([]);
  try {
    balancer.acquire();
  } catch (error) {
    expect(isResilienceError(error, 'ERR_NO_HEALTHY_NODE')).toBe(true);
  }
  expect.assertions(1);
});
