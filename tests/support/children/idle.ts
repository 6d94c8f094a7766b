/** Uses policies of every kind, with long timers of every kind, and then has nothing to do: prints how long it took to exit. */
import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  fallback,
  keyed,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
  sleep,
  timeout,
} from 'breakwater';

const down = new Error('down');
const never = () => new Promise(() => {});
const breaker = circuitBreaker({ window: { calls: 3 }, openFor: '1h' });
const slots = bulkhead({ maxConcurrent: 2, maxQueue: 10, queueTimeout: '1h' });
const policy = pipeline(
  fallback('an answer', { classify: () => 'ignore' }),
  timeout('1h'),
  retry({ budget: new RetryBudget({ window: '1h' }), backoff: constantBackoff(1), maxElapsed: '1h' }),
  slots,
  timeout('60d'),
);
const families = keyed(() => pipeline(timeout('1h'), circuitBreaker()), { idleFor: '1h' });
const fetch = resilientFetch({
  fetch: async (_url: string) => new Response('x'.repeat(1000), { status: 503 }),
  retry: { backoff: constantBackoff(1) },
  bodyTimeout: '1h',
});

for (let round = 0; round < 5; round++) {
  await Promise.all(Array.from({ length: 10 }, (_, n) => policy.execute(() => n)));
  await policy.execute(() => Promise.reject(down)).catch(() => {});
  await breaker.execute(() => Promise.reject(down)).catch(() => {});
  await families.execute(() => round, { key: `${round}` });
  await (await fetch('http://127.0.0.1:1/')).text();
  const controller = new AbortController();
  const aborted = [
    policy.execute(never, { signal: controller.signal, timeout: '1h' }),
    retry({ backoff: constantBackoff('1h') }).execute(() => Promise.reject(down), { signal: controller.signal }),
    sleep(3_600_000, { signal: controller.signal }),
  ];
  setTimeout(() => controller.abort(down), 2);
  await Promise.allSettled(aborted);
}
const held = [slots.tryAcquire(), slots.tryAcquire()];
const waiting = Promise.allSettled([slots.execute(never), slots.acquire()]);
slots[Symbol.dispose]();
for (const permit of held) permit?.release();
await waiting;

const resources = process.getActiveResourcesInfo().filter((one) => one === 'Timeout' || one === 'Immediate');
const before = performance.now();
process.on('exit', () => {
  console.log(JSON.stringify({ breaker: breaker.state, resources, exitedAfterMs: performance.now() - before }));
});
