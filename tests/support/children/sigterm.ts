/** A service with 100 calls pending that is told to stop: it drains for as long as it is allowed to, and exits. */
import { bulkhead, isResilienceError, sleep, timeout } from 'breakwater';

const drainMs = Number(process.argv[2]);
const slots = bulkhead({ maxConcurrent: 10, maxQueue: 100 });
const outcomes: Record<string, number> = {};
const count = (outcome: string) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};
const call = () =>
  slots
    .execute(() => sleep(60))
    .then(
      () => count('finished'),
      (error) => count(isResilienceError(error, 'ERR_CLOSED') ? 'refused' : 'failed'),
    );
const calls = Array.from({ length: 100 }, call);
const keepAlive = setInterval(() => {}, 1000);

process.once('SIGTERM', async () => {
  const startedAt = performance.now();
  const idle = slots.close();
  await call();
  const drained = await timeout(drainMs)
    .execute(() => idle)
    .then(
      () => true,
      () => false,
    );
  if (!drained) slots[Symbol.dispose]();
  await Promise.all(calls);
  clearInterval(keepAlive);
  process.once('exit', () => {
    console.log(JSON.stringify({ drained, outcomes, tookMs: performance.now() - startedAt, active: slots.active }));
  });
});
console.log('ready');
