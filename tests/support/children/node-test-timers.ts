/** Runs each timed call under the mock timers of node:test, and prints how it has ended once its time has passed. */
import { mock } from 'node:test';
import { circuitBreaker, TtlCache } from 'breakwater';
import { timedCalls } from '../timed-calls.js';

const apis = (process.argv[2] ?? '').split(',') as 'setTimeout'[];
const realTurn = globalThis.setImmediate;
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => realTurn(resolve));
};

for (const [name, { start, ms }] of Object.entries(timedCalls)) {
  mock.timers.enable({ apis });
  let result: unknown = 'pending';
  void start().then((value) => {
    result = value;
  });
  // A timer that is armed in a tick counts from the end of that tick: one that is armed again is late by up to a tick.
  for (let step = 0; step < 12 && (step < 10 || result === 'pending'); step++) {
    await settle();
    if (step < 10 && result !== 'pending') result = `${result}, too early`;
    mock.timers.tick(ms / 10);
  }
  await settle();
  mock.timers.reset();
  console.log(`${name}: ${result}`);
}

if ((apis as string[]).includes('Date')) {
  mock.timers.enable({ apis });
  const cache = new TtlCache<string, number>({ capacity: 1, ttl: '1h' });
  cache.set('a', 1);
  const breaker = circuitBreaker({ consecutiveFailures: 1, openFor: '1h' });
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  mock.timers.tick(3_600_000);
  console.log(`a ttl: ${cache.get('a')} ${breaker.state}`);
}
