import { type BalancerNode, LoadBalancer, type NodeSource, roundRobin } from 'breakwater/load-balancer';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

const namesOf = (balancer: LoadBalancer) => balancer.nodes.map(({ node }) => node).join(' ');

/** A source whose lists and end the test decides. */
function manualSource() {
  let deferred = defer<IteratorResult<Iterable<BalancerNode>>>();
  const next = vi.fn(() => deferred.promise);
  const end = vi.fn(async () => ({ done: true, value: undefined }) as const);
  const source: NodeSource = { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  const settleNext = async (action: (one: typeof deferred) => void) => {
    await settle(); // the balancer waits for the next list
    const current = deferred;
    deferred = defer();
    action(current);
    await settle();
  };
  return {
    source,
    next,
    end,
    push: (...nodes: BalancerNode[]) => settleNext((one) => one.resolve({ done: false, value: nodes })),
    pushAny: (value: unknown) => settleNext((one) => one.resolve({ done: false, value: value as string[] })),
    fail: (error: unknown) => settleNext((one) => one.reject(error)),
    finish: () => settleNext((one) => one.resolve({ done: true, value: undefined })),
  };
}

function follow() {
  const clock = new TestClock();
  const manual = manualSource();
  const balancer = new LoadBalancer(manual.source, { clock, pick: roundRobin() });
  const failures: unknown[] = [];
  balancer.on('sourceFailed', (event) => failures.push(event));
  return { clock, balancer, failures, ...manual };
}

describe('A source of nodes', () => {
  it('each list of an async generator replaces the one before', async () => {
    const clock = new TestClock();
    const steps = [defer<void>(), defer<void>()];
    async function* lists() {
      yield ['a'];
      await steps[0]!.promise;
      yield [{ node: 'a', weight: 2 }, 'b'];
      await steps[1]!.promise;
      yield new Set(['b']);
    }
    const balancer = new LoadBalancer(lists(), { clock });
    await settle();
    expect(namesOf(balancer)).toBe('a');
    steps[0]!.resolve();
    await settle();
    expect(balancer.nodes).toMatchObject([{ node: 'a', weight: 2 }, { node: 'b' }]);
    steps[1]!.resolve();
    await settle();
    expect(namesOf(balancer)).toBe('b');
  });

  it('nodes that remain in the next list keep their calls and counters', async () => {
    const { balancer, push } = follow();
    await push('a', 'b');
    const lease = balancer.acquire();
    await push('b', 'a', 'c');
    lease.release({ ok: true, value: undefined });
    expect(balancer.nodes.map(({ node, successes }) => [node, successes])).toEqual([
      ['b', 0],
      ['a', 1],
      ['c', 0],
    ]);
  });

  it('before the first list calls are rejected with NoHealthyNodeError', async () => {
    const { balancer } = follow();
    await settle();
    expect(() => balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
    await expect(balancer.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
  });

  it('a source that throws keeps the last list and is reported once, without an unhandled rejection', async () => {
    using uncaught = catchUncaught();
    const { balancer, failures, push, fail } = follow();
    await push('a', 'b');
    const error = new Error('registry down');
    await fail(error);
    expect(namesOf(balancer)).toBe('a b');
    expect(failures).toEqual([{ error, ended: true }]);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it.each<[string, unknown]>([
    ['that is no list', 7],
    ['that is a string', 'abc'],
    ['with an invalid weight', [{ node: 'c', weight: -1 }]],
    ['with an invalid priority', [{ node: 'c', priority: 0.5 }]],
    ['with an unknown option', [{ node: 'c', wieght: 1 }]],
  ])('a list %s is reported and skipped, and the next one counts', async (_title, list) => {
    const { balancer, failures, push, pushAny } = follow();
    await push('a');
    await pushAny(list);
    expect(namesOf(balancer)).toBe('a');
    expect(failures).toMatchObject([{ error: { code: 'ERR_INVALID_OPTION' }, ended: false }]);
    await push('b');
    expect(namesOf(balancer)).toBe('b');
  });

  it('a source that throws synchronously is reported after the constructor has returned', async () => {
    using uncaught = catchUncaught();
    const error = new Error('no iterator');
    const broken: NodeSource = {
      [Symbol.asyncIterator]: () => {
        throw error;
      },
    };
    const balancer = new LoadBalancer(broken);
    const failures: unknown[] = [];
    balancer.on('sourceFailed', (event) => failures.push(event));
    await settle();
    expect(failures).toEqual([{ error, ended: true }]);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it('a source that ends keeps the last list and reports nothing', async () => {
    const { balancer, failures, push, finish } = follow();
    await push('a');
    await finish();
    expect(namesOf(balancer)).toBe('a');
    expect(failures).toEqual([]);
  });

  it('an empty list is applied, because the source says that there are no nodes', async () => {
    const { balancer, push } = follow();
    await push('a');
    await push();
    expect(balancer.nodes).toEqual([]);
  });

  it.each(['list', 'error'] as const)('dispose ends the source, and its pending %s is ignored', async (kind) => {
    using uncaught = catchUncaught();
    const { balancer, push, fail, end, failures } = follow();
    await push('a');
    balancer[Symbol.dispose]();
    balancer[Symbol.dispose]();
    expect(end).toHaveBeenCalledTimes(1);
    await (kind === 'list' ? push('b') : fail(new Error('too late')));
    expect(namesOf(balancer)).toBe('a');
    expect(failures).toEqual([]);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it('a source whose return rejects or throws does not disturb dispose', async () => {
    using uncaught = catchUncaught();
    for (const end of [
      () => Promise.reject(new Error('rejected')),
      () => {
        throw new Error('thrown');
      },
    ]) {
      const iterator = { next: () => new Promise<never>(() => {}), return: end };
      const balancer = new LoadBalancer({ [Symbol.asyncIterator]: () => iterator });
      await settle();
      balancer[Symbol.dispose]();
    }
    await settle();
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it('dispose before the source was started never starts it', async () => {
    const { balancer, next } = follow();
    balancer[Symbol.dispose]();
    await settle();
    expect(next).not.toHaveBeenCalled();
  });

  it('a listener that disposes the balancer ends the source', async () => {
    const { balancer, push, pushAny, next, end } = follow();
    balancer.on('sourceFailed', () => balancer[Symbol.dispose]());
    await push('a');
    await pushAny(7);
    expect(end).toHaveBeenCalledTimes(1);
    expect(next).toHaveBeenCalledTimes(2);
  });

  it('setNodes with a list ends the source', async () => {
    const { balancer, push, end } = follow();
    await push('a');
    balancer.setNodes(['x']);
    expect(end).toHaveBeenCalledTimes(1);
    await push('b');
    expect(namesOf(balancer)).toBe('x');
  });

  it('setNodes with an invalid list changes nothing, and the source is still followed', async () => {
    const { balancer, push, end } = follow();
    await push('a');
    expect(() => balancer.setNodes([{ node: 'x', weight: -1 }])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
    expect(end).not.toHaveBeenCalled();
    await push('b');
    expect(namesOf(balancer)).toBe('b');
  });

  it('setNodes with a source keeps the current nodes until its first list', async () => {
    const other = manualSource();
    const { balancer, push, end } = follow();
    await push('a');
    balancer.setNodes(other.source);
    await settle();
    expect(end).toHaveBeenCalledTimes(1);
    expect(namesOf(balancer)).toBe('a');
    await other.push('b');
    expect(namesOf(balancer)).toBe('b');
  });
});

describe('ready', () => {
  it('ready resolves immediately for a list, also for an empty one', async () => {
    await new LoadBalancer(['a']).ready();
    await new LoadBalancer([]).ready();
  });

  it('ready resolves with the first valid list and leaves no timer behind', async () => {
    const { balancer, clock, push, pushAny } = follow();
    const ready = watch(balancer.ready());
    await pushAny(7);
    expect(ready.state).toBe('pending');
    await push('a');
    expect(ready.state).toBe('fulfilled');
    expect(clock.pendingTimers).toBe(0);
    await balancer.ready();
  });

  it('ready rejects after 30 s by default, and another call can wait longer', async () => {
    const { balancer, clock, push } = follow();
    const [first, second] = [watch(balancer.ready()), watch(balancer.ready({ timeout: Infinity }))];
    await clock.advance(30_000);
    expect(first.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 30_000 });
    await clock.advance(3_600_000);
    expect(second.state).toBe('pending');
    await push('a');
    expect(second.state).toBe('fulfilled');
  });

  it('ready rejects with the abort reason and removes its listener', async () => {
    const { balancer, clock } = follow();
    const { controller, listeners } = countingController();
    const ready = watch(balancer.ready({ signal: controller.signal }));
    await settle();
    expect(listeners()).toBe(1);
    const reason = new Error('stop');
    controller.abort(reason);
    await settle();
    expect(ready.error).toBe(reason);
    expect([listeners(), clock.pendingTimers]).toEqual([0, 0]);
    await expect(balancer.ready({ signal: controller.signal })).rejects.toBe(reason);
  });

  it('ready rejects with the error of a source that fails before its first list', async () => {
    const { balancer, fail } = follow();
    const before = watch(balancer.ready());
    const error = new Error('registry down');
    await fail(error);
    expect(before.error).toBe(error);
    await expect(balancer.ready()).rejects.toBe(error);
    balancer.setNodes(['a']);
    await balancer.ready();
  });

  it('ready rejects with NoHealthyNodeError if the source ends without a list', async () => {
    const { balancer, finish } = follow();
    const ready = watch(balancer.ready());
    await finish();
    expect(ready.error).toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
  });

  it('ready rejects with ClosedError on dispose, and after it', async () => {
    const { balancer, clock } = follow();
    const ready = watch(balancer.ready());
    await settle();
    balancer[Symbol.dispose]();
    await settle();
    expect(ready.error).toMatchObject({ code: 'ERR_CLOSED' });
    expect(clock.pendingTimers).toBe(0);
    const closed = new LoadBalancer(['a']);
    closed[Symbol.dispose]();
    await expect(closed.ready()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it.each([{ timeout: 0 }, { timeout: 'soon' }, { signal: {} }, { after: 1 }])(
    'ready with the invalid options %j rejects with InvalidOptionError',
    async (options) => {
      const { balancer } = follow();
      await expect(balancer.ready(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    },
  );
});
