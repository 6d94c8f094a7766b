import { bulkhead, circuitBreaker } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';

const down = new Error('down');

it('a permit or an isolation that is released repeatedly counts once', () => {
  const slots = bulkhead({ maxConcurrent: 2 });
  const [one] = [slots.tryAcquire(), slots.tryAcquire()];
  for (let i = 0; i < 3; i++) one?.release();
  one?.[Symbol.dispose]();
  expect(slots.active).toBe(1);

  const breaker = circuitBreaker({ clock: new TestClock() });
  const permit = breaker.tryAcquire();
  permit?.release({ ok: false, error: down });
  permit?.release({ ok: false, error: down });
  permit?.[Symbol.dispose]();
  expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
  const [isolation, another] = [breaker.isolate(), breaker.isolate()];
  isolation[Symbol.dispose]();
  isolation[Symbol.dispose]();
  expect(breaker.state).toBe('isolated');
  another[Symbol.dispose]();
  expect(breaker.state).toBe('closed');
});
