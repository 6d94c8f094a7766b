import { bulkhead } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

function setUp(maxQueue: number) {
  const slots = bulkhead({ maxConcurrent: 1, maxQueue, onFull: 'evict-lowest', name: 'reports' });
  const reasons: string[] = [];
  slots.on('reject', ({ reason }) => reasons.push(reason));
  const held = slots.tryAcquire();
  const call = (priority: number) => watch(slots.acquire({ priority }));
  return { slots, held, call, reasons };
}

describe('A bulkhead with onFull evict-lowest', () => {
  it('a more important call takes the place of the least important waiter, which is rejected', async () => {
    const { slots, call, reasons } = setUp(3);
    const [first, lowest, middle] = [call(5), call(9), call(7)];
    const important = call(0);
    await settle();
    expect([first.state, lowest.state, middle.state, important.state]).toEqual([
      'pending',
      'rejected',
      'pending',
      'pending',
    ]);
    expect(lowest.error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'reports' });
    expect([reasons, slots.queued]).toEqual([['full'], 3]);
  });

  it('the newest waiter of the lowest priority is evicted', async () => {
    const { call } = setUp(3);
    const [oldest, newest] = [call(9), call(9), call(9)].flatMap((it, index) => (index === 1 ? [] : [it]));
    call(1);
    await settle();
    expect([oldest?.state, newest?.state]).toEqual(['pending', 'rejected']);
  });

  it('a call of the same or a lower priority is rejected, and evicts none', async () => {
    const { call, reasons } = setUp(1);
    const waiting = call(5);
    const [same, lower] = [call(5), call(6)];
    await settle();
    expect([waiting.state, same.state, lower.state]).toEqual(['pending', 'rejected', 'rejected']);
    expect(reasons).toEqual(['full', 'full']);
  });

  it('a running call is never evicted, and without a queue each call beyond the limit is rejected', async () => {
    const { slots, call } = setUp(0);
    const important = call(0);
    await settle();
    expect([important.state, slots.active]).toEqual(['rejected', 1]);
  });

  it('waiters that have left are not evicted again, and slots go to the most important waiters', async () => {
    const { slots, held, call } = setUp(2);
    const calls = [call(9), call(8), call(7), call(6), call(5)];
    await settle();
    expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected', 'rejected', 'pending', 'pending']);
    held?.release();
    await settle();
    expect(calls[4]?.state).toBe('fulfilled');
    const last = call(9);
    const rejected = call(9);
    await settle();
    expect([last.state, rejected.state, slots.queued]).toEqual(['pending', 'rejected', 2]);
  });

  it('an unknown value is reported', () => {
    expect(() => bulkhead({ maxConcurrent: 1, onFull: 'evict' as never })).toThrow(
      expect.objectContaining({ option: 'onFull' }),
    );
  });
});
