import { bulkhead, pipeline, retry, sleep, timeout } from 'breakwater';
import { expect, it } from 'vitest';

/** Blocks the event loop, as a long garbage collection or an endless loop does. */
function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

it('a bulkhead keeps its limit through a stall of 500 ms under 1,000 calls per second, and waits stay below 1 s', async () => {
  const slots = bulkhead({ maxConcurrent: 20, maxQueue: Infinity });
  const policy = pipeline(retry(), slots, timeout('10s'));
  const waits: number[] = [];
  let [running, most] = [0, 0];
  const call = async () => {
    const arrivedAt = performance.now();
    await policy.execute(async () => {
      waits.push(performance.now() - arrivedAt);
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
    });
  };
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  let paused = false;
  while (performance.now() - startedAt < 1200) {
    const due = Math.min(1000, performance.now() - startedAt);
    while (calls.length < due) calls.push(call());
    if (!paused && due > 300) {
      paused = true;
      stall(500);
    }
    await sleep(1);
  }
  await Promise.all(calls);
  expect(calls).toHaveLength(1000);
  expect(most).toBeLessThanOrEqual(20);
  expect(waits.sort((a, b) => a - b)[990]).toBeLessThan(500 + 500);
  expect([slots.active, slots.queued]).toEqual([0, 0]);
});
