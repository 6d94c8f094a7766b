/** The event loop is blocked while calls wait: how the policies treat the timeouts after the stall. */
import {
  bulkhead,
  type CircuitBreakerOptions,
  circuitBreaker,
  constantBackoff,
  fallback,
  isResilienceError,
  pipeline,
  retry,
  TimeoutError,
  timeout,
} from 'breakwater';
import { resilientFetch } from 'breakwater/fetch';
import { LoadBalancer, roundRobin } from 'breakwater/load-balancer';
import { describe, expect, it } from 'vitest';
import { BlockedLoopClock } from '../support/blocked-loop-clock.js';
import { watch } from '../support/promises.js';

const forever = (): Promise<never> => new Promise(() => {});
const stalled = new TimeoutError({ policy: 'attempt', timeoutMs: 1000, stalledMs: 400 });
const inTime = new TimeoutError({ policy: 'attempt', timeoutMs: 1000 });

describe('A timeout whose timer is late', () => {
  it('a call that needs the missed time can still finish', async () => {
    const clock = new BlockedLoopClock();
    const call = watch(
      timeout({ duration: 1000, clock }).execute(async (context) => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 1600));
        return context.attempt;
      }),
    );
    await clock.stall(1500); // the call gets 500 ms
    expect(call.state).toBe('pending');
    await clock.advance(100);
    expect(call.value).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the error reports the duration of the stall, and the event is emitted once', async () => {
    const clock = new BlockedLoopClock();
    const policy = timeout({ duration: 1000, clock });
    const events: unknown[] = [];
    policy.on('timeout', (event) => events.push(event));
    const call = watch(policy.execute(forever));
    await clock.stall(1400);
    await clock.advance(399);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1000, stalledMs: 400 });
    expect(events).toEqual([{ timeoutMs: 1000 }]);
  });

  it('the error reports a stall of 0 ms if the timer was on time', async () => {
    const clock = new BlockedLoopClock();
    const call = watch(timeout({ duration: 1000, clock }).execute(forever));
    await clock.advance(1000);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT', stalledMs: 0 });
  });

  it.each([
    [
      'the timeout option of a call',
      (clock: BlockedLoopClock) => timeout({ duration: 2000, clock }).execute(forever, { timeout: 1000 }),
    ],
    [
      'the total timeout of a fetch',
      (clock: BlockedLoopClock) =>
        resilientFetch({
          fetch: (_url: string): Promise<Response> => forever(),
          timeout: 1000,
          attemptTimeout: 900,
          clock,
        })('http://x.test/'),
    ],
  ])('%s ends the call as soon as the stall is over', async (_, start) => {
    const clock = new BlockedLoopClock();
    const call = watch(start(clock));
    await clock.stall(1400);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1000, stalledMs: 400 });
  });

  it('an inner timeout is never extended beyond the outer timeout', async () => {
    const clock = new BlockedLoopClock();
    const policy = pipeline(timeout({ duration: 1600, clock, name: 'outer' }), timeout({ duration: 1000, clock }));
    const call = watch(policy.execute(forever));
    await clock.stall(1500);
    await clock.advance(100);
    expect(call.error).toMatchObject({ policy: 'outer', stalledMs: 0 });
  });

  it('a timeout after a stall is retried like any timeout', async () => {
    const clock = new BlockedLoopClock();
    const policy = pipeline(retry({ clock, backoff: constantBackoff(10) }), timeout({ duration: 1000, clock }));
    const call = watch(policy.execute(({ attempt }) => (attempt === 1 ? forever() : attempt)));
    await clock.stall(1400);
    await clock.advance(410);
    expect(call.value).toBe(2);
  });

  it('a timeout after a stall leads to a fallback like any timeout', async () => {
    const clock = new BlockedLoopClock();
    const policy = pipeline(fallback('instead'), timeout({ duration: 1000, clock }));
    const call = watch(policy.execute(forever));
    await clock.stall(1400);
    await clock.advance(400);
    expect(call.value).toBe('instead');
  });
});

describe('A circuit breaker after a stall', () => {
  const setUp = (options: CircuitBreakerOptions) => {
    const clock = new BlockedLoopClock();
    const breaker = circuitBreaker({ clock, openFor: '10s', ...options });
    const fail = (error: unknown) => breaker.execute(() => Promise.reject(error)).catch(() => {});
    return { clock, breaker, fail };
  };

  it.each([
    ['on consecutive failures', { consecutiveFailures: 2 }],
    ['on the failure rate of a count window', { window: { calls: 4 }, minimumCalls: 2 }],
    ['on the failure rate of a time window', { window: { duration: '30s' }, minimumCalls: 2 }],
    [
      'although its classify function returns failure',
      { consecutiveFailures: 2, classify: (): 'failure' => 'failure' },
    ],
    [
      'although its classify function returns permanent',
      { consecutiveFailures: 2, classify: (): 'permanent' => 'permanent' },
    ],
  ] as const)('a breaker that opens %s does not count a timeout after a stall', async (_, options) => {
    const { breaker, fail } = setUp(options);
    for (let call = 0; call < 10; call++) await fail(stalled);
    expect([breaker.state, breaker.stats.calls]).toEqual(['closed', 0]);
    breaker.tryAcquire()?.release({ ok: false, error: stalled });
    expect(breaker.stats.calls).toBe(0);
    await fail(inTime);
    await fail(stalled);
    await fail(inTime);
    expect(breaker.state).toBe('open');
  });

  it('a breaker that opens on slow calls does not count a timeout after a stall', async () => {
    const { clock, breaker } = setUp({ slowCallDuration: 100, slowCallRateThreshold: 0.5, minimumCalls: 1 });
    const call = breaker.execute(async () => {
      await clock.stall(500);
      throw stalled;
    });
    await expect(call).rejects.toBe(stalled);
    expect([breaker.state, breaker.stats.calls, breaker.stats.slow]).toEqual(['closed', 0, 0]);
  });

  it('a probe that times out after a stall is not counted, and its slot goes to the next call', async () => {
    const { clock, breaker, fail } = setUp({ consecutiveFailures: 1, halfOpen: { probes: 1 } });
    await fail(inTime);
    await clock.advance(10_000);
    await fail(stalled);
    expect(breaker.state).toBe('half-open');
    await breaker.execute(() => 'well');
    expect(breaker.state).toBe('closed');
  });

  it('a timeout after a stall from another copy of the package is not counted', async () => {
    const { breaker, fail } = setUp({ consecutiveFailures: 1 });
    const foreign = Object.assign(new Error('timed out'), { code: 'ERR_TIMEOUT', stalledMs: 400 });
    await fail(Object.assign(foreign, { [Symbol.for('breakwater.error')]: true }));
    expect(breaker.state).toBe('closed');
  });
});

describe('A load balancer after a stall', () => {
  it('the balancer does not count a timeout after a stall against the node', async () => {
    const clock = new BlockedLoopClock();
    const nodes = ['a', 'b'];
    const balancer = new LoadBalancer(nodes, { clock, pick: roundRobin(), outlier: { consecutiveFailures: 2 } });
    for (let call = 0; call < 5; call++) balancer.acquire().release({ ok: false, error: stalled });
    const slow = timeout({ duration: 1000, clock });
    const calls = nodes.map(() => watch(balancer.execute(forever, { policy: slow })));
    await clock.stall(1400);
    await clock.advance(400);
    expect(calls.map(({ error }) => isResilienceError(error, 'ERR_TIMEOUT'))).toEqual([true, true]);
    const last = watch(balancer.execute(forever, { timeout: 1000 }));
    await clock.stall(1400);
    expect(last.error).toMatchObject({ stalledMs: 400 });
    const seen = balancer.nodes.map(({ health, failures, successes }) => ({ health, failures, successes }));
    expect(seen).toEqual(Array(2).fill({ health: 'healthy', failures: 0, successes: 0 }));
  });

  it('a check that timed out after a stall does not change the health of the node', async () => {
    const clock = new BlockedLoopClock();
    let answers = true;
    const balancer = new LoadBalancer(['a'], {
      clock,
      health: {
        check: async () => (answers ? true : forever()),
        interval: 5000,
        jitter: 0,
        timeout: 1000,
        fall: 1,
        rise: 1,
      },
    });
    await clock.advance(0);
    expect(balancer.nodes[0]?.health).toBe('healthy');
    answers = false;
    await clock.advance(5000); // a check begins
    await clock.stall(1400);
    await clock.advance(1000);
    expect(balancer.nodes[0]?.health).toBe('healthy');
    balancer[Symbol.dispose]();
  });
});

it('a bulkhead extends the queue timeout of its waiters by a stall', async () => {
  const clock = new BlockedLoopClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 2, queueTimeout: 1000, clock });
  let end = (): void => {};
  const running = slots.execute(() => new Promise<void>((resolve) => (end = resolve)));
  const [first, second] = [watch(slots.execute(forever)), watch(slots.execute(forever))];
  await clock.stall(1500);
  end();
  await running;
  await clock.advance(499);
  expect([slots.active, slots.queued, first.state, second.state]).toEqual([1, 1, 'pending', 'pending']);
  await clock.advance(1);
  expect(second.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
});
