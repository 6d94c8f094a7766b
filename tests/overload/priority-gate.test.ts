import { bulkhead, pipeline, seededRandom, timeout } from 'breakwater';
import { adaptiveLimit, priorityGate } from 'breakwater/overload';
import { type CandidateKit, exponential, poisson, server, simulate } from 'breakwater/simulator';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

const PRIORITIES = [0, 3, 6, 9];

describe('A priority gate', () => {
  const layered = ({ clock, random }: Pick<CandidateKit, 'clock' | 'random'>) =>
    pipeline(
      priorityGate({ clock, random }),
      adaptiveLimit({ clock, maxQueue: 20, onFull: 'evict-lowest' }),
      timeout({ duration: '500ms', clock }),
    );

  it('under twice the load, the top priority keeps 99 % of its calls and the lowest at least 1 % (O22)', async () => {
    const { tenants, goodput } = await simulate({
      world: { api: server({ workers: 4, service: exponential('10ms') }) },
      load: PRIORITIES.map((priority) => poisson({ perSecond: 200, priority, tenant: `${priority}` })),
      duration: '60s',
      warmUp: '10s',
      candidate: layered,
    });
    const shares = PRIORITIES.map((priority) => {
      const { good, offered } = tenants[priority]!;
      return good / offered;
    });
    expect(shares[0]).toBeGreaterThanOrEqual(0.99);
    for (const share of shares) expect(share).toBeGreaterThanOrEqual(0.01);
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(goodput).toBeGreaterThan(340);
  });

  it('without an overload no call is rejected', async () => {
    const { refused, bad } = await simulate({
      world: { api: server({ workers: 4, service: exponential('10ms') }) },
      load: PRIORITIES.map((priority) => poisson({ perSecond: 50, priority })),
      duration: '60s',
      candidate: layered,
    });
    expect([refused, bad]).toEqual([0, 0]);
  });

  function setUp(options?: Parameters<typeof priorityGate>[0]) {
    const clock = new TestClock();
    const gate = priorityGate({ clock, random: seededRandom(1), ...options });
    const slots = bulkhead({ maxConcurrent: 1, clock });
    const policy = pipeline(gate, slots);
    /** Makes calls of each priority; half of the calls of the bulkhead are rejected while it is full. */
    const overload = async (parts: number) => {
      for (let part = 0; part < parts; part++) {
        for (let call = 0; call < 100; call++) {
          const held = call % 2 === 0 ? slots.tryAcquire() : undefined;
          for (const priority of [1, 9]) void watch(policy.execute(() => 'done', { priority }));
          held?.release();
        }
        await clock.advance(500);
      }
    };
    const calls = async (priority: number, count = 200) => {
      const watched = Array.from({ length: count }, () => watch(gate.execute(() => 'done', { priority })));
      await settle();
      return watched.filter(({ state }) => state === 'fulfilled').length;
    };
    return { clock, gate, overload, calls };
  }

  it('the least important calls are rejected with ShedError, and the event shows the threshold', async () => {
    const { gate, overload, calls } = setUp({ name: 'edge' });
    expect([gate.threshold, gate.rejectionRate, await calls(9)]).toEqual([Infinity, 0, 200]);
    const events: unknown[] = [];
    gate.on('reject', (event) => events.push(event));
    await overload(20);
    expect(gate.rejectionRate).toBeGreaterThan(0.3);
    const rejected = watch(gate.execute(() => expect.unreachable(), { priority: 99 }));
    await settle();
    expect(rejected.error).toMatchObject({ code: 'ERR_SHED', policy: 'edge', reason: 'priority', retryAfterMs: 5000 });
    expect(events.at(-1)).toEqual({ priority: 99, threshold: gate.threshold });
    expect(await calls(0)).toBe(200);
    expect(await calls(99)).toBeLessThan(20);
  });

  it('all priorities are admitted again within 15 s after the overload has ended, or after a window without calls', async () => {
    const { clock, gate, overload, calls } = setUp();
    await overload(20);
    expect(gate.rejectionRate).toBeGreaterThan(0.3);
    for (let part = 0; part < 30; part++) {
      for (const priority of [1, 9]) await calls(priority, 10);
      await clock.advance(500);
    }
    expect([gate.rejectionRate, gate.threshold, await calls(9)]).toEqual([0, Infinity, 200]);
    await overload(20);
    expect(gate.rejectionRate).toBeGreaterThan(0.3);
    await clock.advance(5000);
    expect([gate.rejectionRate, gate.threshold]).toEqual([0, Infinity]);
  });

  it('a minShare of 0 lets no call beyond the threshold pass, and one of 1 rejects none', async () => {
    for (const minShare of [0, 1]) {
      const { overload, calls } = setUp({ minShare });
      await overload(20);
      expect(await calls(99)).toBe(200 * minShare);
    }
  });

  it('calls of one priority are rejected at random', async () => {
    const clock = new TestClock();
    const gate = priorityGate({ clock, random: seededRandom(1) });
    const slots = bulkhead({ maxConcurrent: 1, clock });
    slots.tryAcquire();
    const policy = pipeline(gate, slots);
    for (let call = 0; call < 100; call++) {
      void watch(policy.execute(() => 1));
      void watch(gate.execute(() => 1));
    }
    await clock.advance(500);
    expect(gate.rejectionRate).toBeCloseTo(0.5, 1);
    const admitted = Array.from({ length: 1000 }, () => watch(gate.execute(() => 1)));
    await settle();
    const share = admitted.filter(({ state }) => state === 'fulfilled').length / 1000;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });

  it('failures of the operation and aborts change nothing', async () => {
    const { clock, gate } = setUp();
    for (let call = 0; call < 100; call++) {
      void watch(gate.execute(() => Promise.reject(new Error('down'))));
      void watch(gate.execute(() => 1, { signal: AbortSignal.abort() }));
    }
    await clock.advance(1000);
    expect(gate.rejectionRate).toBe(0);
  });

  it('a hundred thousand priorities are counted in bounded memory, and the order is kept', async () => {
    const { clock, gate, overload, calls } = setUp();
    for (let priority = 0; priority < 100_000; priority++) void gate.execute(() => 1, { priority });
    await overload(3);
    expect(gate.threshold).toBeLessThan(Infinity);
    expect(await calls(0)).toBeGreaterThanOrEqual(await calls(1e9));
    await clock.advance(60_000);
    expect(gate.threshold).toBe(Infinity);
  });

  it.each<[string, Parameters<typeof priorityGate>[0]]>([
    ['window', { window: 0 }],
    ['minShare', { minShare: 1.1 }],
    ['minShare', { minShare: Number.NaN }],
    ['name', { name: '' }],
    ['random', { random: 1 as never }],
    ['classes', { classes: 6 } as never],
  ])('an invalid option %s is reported', (option, options) => {
    expect(() => priorityGate(options)).toThrow(expect.objectContaining({ owner: 'priorityGate', option }));
  });

  it('describes itself', () => {
    expect(priorityGate({ window: '2s' }).describe()).toEqual({
      kind: 'priorityGate',
      name: 'priorityGate',
      windowMs: 2000,
      minShare: 0.02,
    });
  });
});
