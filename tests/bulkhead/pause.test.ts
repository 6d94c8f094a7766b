import { bulkhead } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';

describe('A paused bulkhead', () => {
  it('a paused bulkhead enqueues new calls, and admits them in order when it is resumed', async () => {
    const slots = bulkhead({ maxConcurrent: 2, maxQueue: 5 });
    const order: number[] = [];
    slots.pause();
    const calls = [1, 2, 3].map((id) => slots.execute(async () => order.push(id)));
    await settle();
    expect([order, slots.active, slots.queued]).toEqual([[], 0, 3]);
    slots.resume();
    await Promise.all(calls);
    expect([order, slots.active, slots.queued]).toEqual([[1, 2, 3], 0, 0]);
  });

  it('running calls continue, and their slots are not handed over', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const first = defer<void>();
    const running = slots.execute(() => first.promise);
    const waiting = watch(slots.execute(() => 'second'));
    slots.pause();
    first.resolve();
    await running;
    await settle();
    expect([waiting.state, slots.active, slots.queued]).toEqual(['pending', 0, 1]);
    slots.resume();
    await settle();
    expect(waiting.state).toBe('fulfilled');
  });

  it('a call beyond the queue is rejected, a waiter times out, and tryAcquire returns undefined', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 3, maxQueue: 1, queueTimeout: 100, clock });
    slots.pause();
    const waiting = slots.execute(() => 1).catch((error: unknown) => error);
    expect(slots.tryAcquire()).toBeUndefined();
    await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    await clock.advance(100);
    expect(await waiting).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
    expect([slots.queued, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('a resumed bulkhead admits only as many waiters as slots are free', async () => {
    const slots = bulkhead({ maxConcurrent: 2, maxQueue: 9 });
    const gate = defer<void>();
    slots.pause();
    const calls = Array.from({ length: 5 }, () => slots.execute(() => gate.promise));
    slots.resume();
    await settle();
    expect([slots.active, slots.queued]).toEqual([2, 3]);
    gate.resolve();
    await Promise.all(calls);
    expect([slots.active, slots.queued]).toEqual([0, 0]);
  });

  it('a resize during a pause admits no waiter, and counts after it', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9 });
    slots.pause();
    const permits = [slots.acquire(), slots.acquire(), slots.acquire()];
    slots.resize(2);
    await settle();
    expect(slots.active).toBe(0);
    slots.resume();
    expect([slots.active, slots.queued]).toEqual([2, 1]);
    for (const permit of permits) (await permit).release();
  });

  it('the bulkhead is not idle while calls wait, and becomes idle when the last waiter leaves during the pause', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9 });
    const onIdle = vi.fn();
    slots.on('idle', onIdle);
    slots.pause();
    const controller = new AbortController();
    const waiting = slots.execute(() => 1, { signal: controller.signal });
    const idle = watch(slots.onIdle());
    await settle();
    expect(idle.state).toBe('pending');
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await settle();
    expect([idle.state, onIdle.mock.calls.length]).toEqual(['fulfilled', 1]);
  });

  it('close ends the pause: the waiting calls finish, and new ones are rejected', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9 });
    slots.pause();
    const waiting = slots.execute(() => 'done');
    const closed = slots.close();
    expect(await waiting).toBe('done');
    await closed;
    await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('a second pause and a resume without a pause have no effect', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    slots.resume();
    slots.pause();
    slots.pause();
    slots.resume();
    expect(await slots.execute(() => 1)).toBe(1);
  });

  it('a disposed bulkhead rejects the calls that wait for the end of a pause', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9 });
    slots.pause();
    const waiting = slots.execute(() => 1);
    slots[Symbol.dispose]();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await slots.onIdle();
  });
});
