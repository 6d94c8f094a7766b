import { bulkhead } from 'breakwater';
import { adaptiveLimit, type CodelQueueOptions, codelQueue } from 'breakwater/overload';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle, type Watched, watch } from '../support/promises.js';

/** A bulkhead with one slot, which is taken, and a CoDel queue. `serve` releases the slot to the next waiter. */
function setUp(options?: Parameters<typeof codelQueue>[0], maxQueue = Infinity) {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue, queue: codelQueue(options), clock });
  const served: string[] = [];
  const calls = new Map<string, Watched<unknown>>();
  let end = defer<void>();
  void slots.execute(() => end.promise);
  const call = (name: string, priority = 5) => {
    const run = () => {
      served.push(name);
      end = defer<void>();
      return end.promise;
    };
    calls.set(name, watch(slots.execute(run, { priority })));
  };
  const serve = async () => {
    end.resolve();
    await settle();
  };
  const rejected = () =>
    [...calls].filter(([, { error }]) => error !== undefined).map(([name, { error }]) => [name, (error as Error).name]);
  return { clock, slots, served, call, serve, rejected };
}

describe('A CoDel queue', () => {
  it('a queue that was empty within the interval serves in arrival order and rejects no call', async () => {
    const { clock, served, call, serve, rejected } = setUp();
    call('a');
    call('b');
    await clock.advance(99);
    call('c');
    for (let i = 0; i < 3; i++) await serve();
    expect([served, rejected()]).toEqual([['a', 'b', 'c'], []]);
  });

  it('a persistent queue rejects calls beyond the target with QueueTimeoutError, and admits the newest call', async () => {
    const { clock, served, call, serve, rejected } = setUp();
    call('old');
    await clock.advance(100);
    call('new');
    call('newest');
    await clock.advance(5);
    await serve();
    expect(served).toEqual(['newest']);
    expect(rejected()).toEqual([['old', 'QueueTimeoutError']]);
    await serve();
    expect(served).toEqual(['newest', 'new']);
  });

  it('without lifo, a persistent queue admits the oldest call within the target', async () => {
    const { clock, served, call, serve, rejected } = setUp({ lifo: false });
    call('old');
    await clock.advance(100);
    call('new');
    call('newest');
    await serve();
    expect([served, rejected()]).toEqual([['new'], [['old', 'QueueTimeoutError']]]);
  });

  it('a free slot is always used: the newest call is admitted even if all have waited for too long', async () => {
    const { clock, served, call, serve, rejected } = setUp();
    call('a');
    call('b');
    await clock.advance(500);
    await serve();
    expect([served, rejected()]).toEqual([['b'], [['a', 'QueueTimeoutError']]]);
  });

  it('a persistent queue admits the most important priority first, and drops late calls of every priority', async () => {
    const { clock, served, call, serve, rejected } = setUp();
    call('unimportant and late', 9);
    await clock.advance(100);
    call('unimportant', 9);
    call('important', 0);
    await serve();
    expect([served, rejected()]).toEqual([['important'], [['unimportant and late', 'QueueTimeoutError']]]);
  });

  it('the queue is no longer persistent once it was empty', async () => {
    const { clock, served, call, serve, rejected } = setUp();
    call('a');
    await clock.advance(200);
    await serve();
    call('b');
    call('c');
    await clock.advance(50);
    await serve();
    await serve();
    expect([served, rejected()]).toEqual([['a', 'b', 'c'], []]);
  });

  it('a full persistent queue drops late calls in favour of a new one', async () => {
    const { clock, call, rejected, slots } = setUp({}, 2);
    call('a');
    call('b');
    await clock.advance(100);
    call('c');
    await settle();
    expect([rejected().map(([name]) => name), slots.queued]).toEqual([['a', 'b'], 1]);
  });

  it('a pause is no persistent queue: after it, calls are admitted in arrival order', async () => {
    const { clock, slots, served, call, serve, rejected } = setUp();
    slots.pause();
    call('a');
    call('b');
    await clock.advance(10_000);
    slots.resume();
    await serve();
    await serve();
    expect([served, rejected()]).toEqual([['a', 'b'], []]);
  });

  it('a bulkhead that closes admits all calls that it has accepted', async () => {
    const { clock, slots, served, call, serve, rejected } = setUp();
    call('a');
    call('b');
    await clock.advance(1000);
    const closed = watch(slots.close());
    for (let i = 0; i < 3; i++) await serve();
    expect([served, rejected(), closed.state]).toEqual([['a', 'b'], [], 'fulfilled']);
  });

  it('a call that aborts or times out leaves the queue, and a rejection is emitted as queue-timeout', async () => {
    const clock = new TestClock();
    const queue = codelQueue({ target: '1s', interval: '2s' });
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, queue, queueTimeout: '5s', clock });
    const reasons: string[] = [];
    slots.on('reject', ({ reason }) => reasons.push(reason));
    const held = slots.tryAcquire();
    const controller = new AbortController();
    const aborted = watch(slots.acquire({ signal: controller.signal }));
    const late = watch(slots.acquire());
    controller.abort();
    await clock.advance(5000);
    expect([aborted.state, late.state, slots.queued]).toEqual(['rejected', 'rejected', 0]);
    const waiting = watch(slots.acquire());
    held?.release();
    await settle();
    expect([waiting.state, reasons, clock.pendingTimers]).toEqual(['fulfilled', ['queue-timeout'], 0]);
  });

  it('one discipline serves any number of queues, of bulkheads and adaptive limits', async () => {
    const clock = new TestClock();
    const queue = codelQueue();
    const first = bulkhead({ maxConcurrent: 1, maxQueue: 9, queue, clock });
    const second = adaptiveLimit({ initialLimit: 1, maxQueue: 9, queue, clock });
    first.tryAcquire();
    const held = second.tryAcquire();
    void watch(first.acquire());
    await clock.advance(500);
    const calls = [watch(second.acquire()), watch(second.acquire())];
    held?.release();
    await settle();
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending']);
    expect([first.describe(), second.describe()]).toMatchObject([{ queue: 'codel' }, { queue: 'codel' }]);
  });

  it.each<[string, CodelQueueOptions]>([
    ['target', { target: '100ms' }],
    ['target', { target: 0 }],
    ['interval', { interval: Infinity }],
    ['interval', { interval: Number.NaN }],
    ['lifo', { lifo: 1 as never }],
    ['traget', { traget: 1 } as never],
  ])('an invalid option %s is reported', (option, options) => {
    expect(() => codelQueue(options)).toThrow(expect.objectContaining({ owner: 'codelQueue', option }));
  });

  it('anything but a discipline is reported as an invalid queue', () => {
    for (const queue of ['lifo', {}, null, 1] as never[]) {
      expect(() => bulkhead({ maxConcurrent: 1, queue })).toThrow(expect.objectContaining({ option: 'queue' }));
      expect(() => adaptiveLimit({ queue })).toThrow(
        expect.objectContaining({ owner: 'adaptiveLimit', option: 'queue' }),
      );
    }
  });
});
