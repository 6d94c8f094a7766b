import { type CircuitBreakerOptions, circuitBreaker } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { type Deferred, defer, watch } from '../support/promises.js';

export const down = new Error('down');

export function setUp(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock, openFor: 1000, ...options });
  const changes: string[] = [];
  breaker.on('stateChange', ({ from, to, reason }) => changes.push(`${from} → ${to}: ${reason}`));
  const fail = async (times = 1) => {
    for (let i = 0; i < times; i++) await breaker.execute(() => Promise.reject(down)).catch(() => {});
  };
  const start = () => {
    const gate: Deferred<string> = defer();
    return { ...gate, result: watch(breaker.execute(() => gate.promise)) };
  };
  return { clock, breaker, changes, fail, start };
}
