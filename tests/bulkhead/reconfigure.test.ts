import { bulkhead, InvalidOptionError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';

function setUp(options: Partial<Parameters<typeof bulkhead>[0]> = {}) {
  const clock = new TestClock();
  const policy = bulkhead({ clock, maxConcurrent: 1, maxQueue: 2, ...options });
  const start = () => {
    const gate = defer<string>();
    return { ...gate, result: watch(policy.execute(() => gate.promise)) };
  };
  return { clock, policy, start };
}

describe('The reconfiguration of a bulkhead', () => {
  it('admits waiters when the number of slots grows, and keeps the other options', async () => {
    const { policy, start } = setUp();
    for (let call = 0; call < 3; call++) start();
    policy.reconfigure({ maxConcurrent: 2 });
    expect([policy.active, policy.queued]).toEqual([2, 1]);
    start();
    expect(policy.queued).toBe(2);
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
  });

  it('rejects no waiter when the queue becomes shorter', async () => {
    const { policy, start } = setUp();
    const calls = [start(), start(), start()];
    policy.reconfigure({ maxQueue: 0 });
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    for (const call of calls) call.resolve('done');
    await settle();
    expect(calls.map(({ result }) => result.value)).toEqual(['done', 'done', 'done']);
  });

  it('leaves waiters their queue timeout, and gives later ones the new one', async () => {
    const { clock, policy, start } = setUp({ queueTimeout: 100 });
    start();
    const early = start();
    policy.reconfigure({ queueTimeout: 10 });
    const late = start();
    await clock.advance(10);
    expect([early.result.error, late.result.error]).toEqual([undefined, expect.objectContaining({ timeoutMs: 10 })]);
    policy.reconfigure({ queueTimeout: Infinity });
    const patient = start();
    await clock.advance(90);
    expect(early.result.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT', timeoutMs: 100 });
    await clock.advance(1e6);
    expect([patient.result.error, policy.queued, clock.pendingTimers]).toEqual([undefined, 1, 0]);
  });

  it('lets a waiter whose timeout was replaced leave without a timer', async () => {
    const { clock, policy, start } = setUp({ queueTimeout: 100 });
    const first = start();
    const waiter = start();
    policy.reconfigure({ queueTimeout: Infinity });
    first.resolve('done');
    waiter.resolve('done');
    await settle();
    await clock.advance(100);
    expect([waiter.result.value, clock.pendingTimers]).toEqual(['done', 0]);
  });

  it('does not end a pause', () => {
    const { policy, start } = setUp();
    policy.pause();
    start();
    policy.reconfigure({ maxConcurrent: 5 });
    expect([policy.active, policy.queued]).toEqual([0, 1]);
    policy.resume();
    expect([policy.active, policy.queued]).toEqual([1, 0]);
  });

  it.each([
    [{ maxConcurrent: 0 }],
    [{ maxQueue: -1, maxConcurrent: 9 }],
    [{ queueTimeout: 0, maxConcurrent: 9 }],
    [{ queue: 'fifo' }],
    [{ clock: new TestClock() }],
    [null],
  ])('rejects invalid options and changes nothing (%#)', (options) => {
    const { policy, start } = setUp();
    expect(() => policy.reconfigure(options as never)).toThrow(InvalidOptionError);
    start();
    start();
    expect([policy.active, policy.queued]).toEqual([1, 1]);
  });
});

describe('A bulkhead in the mode observe', () => {
  it('admits every call at once, and emits what it would have done', async () => {
    const { policy, start } = setUp({ mode: 'observe' });
    const events: string[] = [];
    policy.on('queued', ({ queued }) => events.push(`queued ${queued}`));
    policy.on('reject', ({ reason }) => events.push(reason));
    const calls = Array.from({ length: 4 }, start);
    expect([policy.active, policy.queued]).toEqual([4, 0]);
    expect(policy.tryAcquire()).toBeDefined();
    expect(events).toEqual(['queued 1', 'queued 2', 'full', 'full']);
    for (const call of calls) call.resolve('done');
    await settle();
    expect(calls.map(({ result }) => result.value)).toEqual(['done', 'done', 'done', 'done']);
    expect(policy.active).toBe(1);
  });

  it('still rejects calls after it was closed', async () => {
    const { policy } = setUp({ mode: 'observe' });
    policy.close();
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('is described, and no other word is a mode', () => {
    expect(setUp({ mode: 'observe' }).policy.describe()).toMatchObject({ mode: 'observe' });
    expect(() => setUp({ mode: 'watch' as never })).toThrow('"mode"');
  });
});
