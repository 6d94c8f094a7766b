import { bulkhead, constantBackoff, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.restoreAllMocks();
});

it('an abort by the caller rejects with its own reason and emits no "timeout"', async () => {
  const clock = new TestClock();
  const policy = timeout({ duration: '5s', clock });
  const timeouts = vi.fn();
  policy.on('timeout', timeouts);
  const controller = new AbortController();
  const reacting = watch(
    policy.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
      signal: controller.signal,
    }),
  );
  const ignoring = watch(policy.execute(never, { signal: controller.signal }));
  const reason = new Error('shutdown');
  controller.abort(reason);
  await settle();
  expect([reacting.error, ignoring.error]).toEqual([reason, reason]);
  await clock.advance(10_000);
  expect(timeouts).not.toHaveBeenCalled();
});

it('each call has its own signal, so the timeout of one call does not abort another', async () => {
  const clock = new TestClock();
  const policy = pipeline(timeout({ duration: 100, clock }), bulkhead({ maxConcurrent: 9, clock }));
  const signals: AbortSignal[] = [];
  const start = () =>
    watch(
      policy.execute(({ signal }) => {
        signals.push(signal);
        return never();
      }),
    );
  const first = start();
  await clock.advance(60);
  const second = start();
  await clock.advance(40);
  expect([first.state, second.state]).toEqual(['rejected', 'pending']);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(new Set(signals).size).toBe(2);
});

it('the signal of an operation is never aborted after the operation has succeeded', async () => {
  const clock = new TestClock();
  const signals: AbortSignal[] = [];
  const policy = pipeline(
    timeout({ duration: '10s', clock }),
    retry({ backoff: constantBackoff(10), clock }),
    timeout({ duration: '1s', clock }),
  );
  const call = policy.execute(({ signal, attempt }) => {
    signals.push(signal);
    if (attempt === 1) throw down;
    return 'a stream';
  });
  await clock.advance(10);
  await call;
  await clock.advance(3_600_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
});

it('a result or error that arrives after the call has settled is ignored silently', async () => {
  using uncaught = catchUncaught();
  const clock = new TestClock();
  const controller = new AbortController();
  const gates = [defer(), defer(), defer()];
  const calls = [
    timeout({ duration: 10, clock }).execute(() => gates[0]?.promise),
    retry({ clock }).execute(() => gates[1]?.promise, { signal: controller.signal }),
    retry({ clock }).execute(() => gates[2]?.promise, { timeout: 10 }),
  ].map((call) => watch(call));
  await clock.advance(10);
  controller.abort('enough');
  await settle();
  expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected', 'rejected']);
  for (const gate of gates) gate.reject(new Error('too late'));
  await settle();
  await settle();
  expect([uncaught.errors, uncaught.rejections]).toEqual([[], []]);
});
