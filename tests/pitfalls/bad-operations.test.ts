/** Bad inputs 42 to 50 and 97 to 100 of the reliability research: what operations throw, and signals. */
import {
  bulkhead,
  type Classify,
  circuitBreaker,
  constantBackoff,
  fallback,
  keyed,
  type Policy,
  pipeline,
  resilientFetch,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});

/** On the system clock, with no pauses to speak of. */
const policies: Record<string, () => Policy<unknown>> = {
  retry: () => retry({ maxAttempts: 2, backoff: () => 0 }),
  timeout: () => timeout('1m'),
  circuitBreaker: () => circuitBreaker(),
  bulkhead: () => bulkhead({ maxConcurrent: 1, maxQueue: 9 }),
  fallback: () => fallback('an answer', { classify: () => 'ignore' }),
  keyed: () => keyed(() => timeout('1m')),
  pipeline: () =>
    pipeline(
      timeout('1m'),
      retry({ maxAttempts: 2, backoff: () => 0 }),
      circuitBreaker(),
      bulkhead({ maxConcurrent: 1, maxQueue: 9 }),
      timeout('30s'),
    ),
};
const all = Object.entries(policies);
const execute = (policy: Policy<unknown>, operation: () => unknown, signal?: AbortSignal) =>
  watch(policy.execute(operation, { key: 'key', signal }));

/** Comes out of every policy as it is, `toBe` and not merely equal. */
async function comesOutAsItIs(thrown: unknown): Promise<void> {
  for (const [name, make] of all) {
    const call = execute(make(), () => {
      throw thrown;
    });
    await call.done;
    expect([name, call.state, Object.is(call.error, thrown)]).toEqual([name, 'rejected', true]);
  }
}

it.each([undefined, null, 'text', 0, Symbol('s'), 10n, Number.NaN])('42: a thrown %s comes out as it is', (thrown) =>
  comesOutAsItIs(thrown),
);

it('43: a frozen error comes out as it is', () => comesOutAsItIs(Object.freeze(new Error('ice'))));

const trap = () => {
  throw new Error('a trap');
};

describe('44: errors that bite', () => {
  class Hostile extends Error {
    override get message(): string {
      return trap();
    }
    override get name(): string {
      return trap();
    }
    override get cause(): unknown {
      return trap();
    }
    get code(): unknown {
      return trap();
    }
  }
  it('44: one whose getters throw', () => comesOutAsItIs(new Hostile()));
  it('44: one whose getters of the wish to be left alone throw', () =>
    comesOutAsItIs(
      Object.defineProperties(new Error('busy'), { retryAfterMs: { get: trap }, headers: { get: trap } }),
    ));
  it('44: one whose headers throw', () => comesOutAsItIs(Object.assign(new Error('busy'), { headers: { get: trap } })));
  it('44: a proxy', () => comesOutAsItIs(new Proxy({}, {})));
  it('44: a proxy whose traps all throw', () =>
    comesOutAsItIs(
      new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap }),
    ));
  it('44: a proxy that was revoked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return comesOutAsItIs(proxy);
  });
  it('44: they count as failures', async () => {
    for (const thrown of [new Hostile(), new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })]) {
      const breaker = circuitBreaker({ consecutiveFailures: 1 });
      await execute(breaker, () => {
        throw thrown;
      }).done;
      expect(breaker.state).toBe('open');
    }
  });
});

it('45: a judge that throws, or answers with a promise or a boolean: its call has that error, and nothing is tried again', async () => {
  for (const [classify, error] of [
    [trap, /a trap/],
    [async () => 'failure', /"classify" must return 'success', 'failure', 'permanent' or 'ignore', got an object/],
    [() => true, /"classify" must return .*, got true/],
    [() => undefined, /"classify" must return .*, got undefined/],
  ] as const) {
    let calls = 0;
    const policy = retry({ classify: classify as unknown as Classify, backoff: () => 0 });
    await expect(policy.execute(() => Promise.reject(++calls))).rejects.toThrow(error);
    expect(calls).toBe(1);
  }
});

it('46: a listener of "retry" that throws does not stop the retrying', async () => {
  using uncaught = catchUncaught();
  const policy = retry({ backoff: () => 0 });
  policy.on('retry', trap);
  policy.on('giveUp', trap);
  let calls = 0;
  await expect(policy.execute(() => Promise.reject(++calls))).rejects.toBe(3);
  expect(uncaught.errors).toHaveLength(3);
});

it('47: an operation that is no function rejects, at once and by its name', async () => {
  for (const [name, make] of all) {
    for (const operation of [undefined, null, 5, 'f', {}, Promise.resolve()]) {
      const call = execute(make(), operation as never);
      await call.done;
      expect(String(call.error), name).toMatch(/"operation" must be a function, got /);
    }
  }
  expect(() => retry().wrap(undefined as never)).toThrow('"fn" must be a function');
});

it('48: thenables that throw, settle twice, or never', async () => {
  for (const [, make] of all) {
    const throwing = execute(make(), () => ({ then: trap }));
    const twice = execute(make(), () => ({
      then: (resolve: (value: string) => void, reject: (error: unknown) => void) => {
        resolve('first');
        reject(down);
        resolve('second');
        throw down;
      },
    }));
    const failing = execute(make(), () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject(down) }));
    await Promise.all([twice.done, failing.done]);
    expect([twice.value, failing.error]).toEqual(['first', down]);
    await throwing.done;
    expect((throwing.error as Error).message).toBe('a trap');
  }
  const clock = new TestClock();
  const silent = watch(timeout({ duration: 100, clock }).execute(() => ({ then: () => {} })));
  await clock.advance(100);
  expect(silent.error).toMatchObject({ code: 'ERR_TIMEOUT' });
});

it('49: an error that is its own cause', async () => {
  const one = new Error('one');
  const two = new AggregateError([one], 'two', { cause: one });
  one.cause = two;
  Object.assign(one, { errors: [two, one] });
  await comesOutAsItIs(one);
  const typeError = new TypeError('fetch failed');
  typeError.cause = typeError;
  await comesOutAsItIs(typeError);
});

it('50: an AggregateError of 100,000', async () => {
  const errors = Array.from({ length: 100_000 }, (_, n) => new Error(`${n}`));
  const error = new AggregateError(errors, 'all of them');
  const before = performance.now();
  await comesOutAsItIs(error);
  expect(performance.now() - before).toBeLessThan(1000);
});

it('97: a signal that has aborted before: nothing runs, and the reason comes out', async () => {
  for (const [name, make] of all) {
    const reason = new Error('before');
    const call = execute(make(), () => expect.unreachable(), AbortSignal.abort(reason));
    await call.done;
    expect([name, call.error]).toEqual([name, reason]);
  }
  const fetch = resilientFetch({ fetch: async (_url: string, _init?: RequestInit) => expect.unreachable() });
  await expect(fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
});

it('98: {} is no signal, null is none, and one of another make will do', async () => {
  for (const signal of [{}, 5, 'signal', true, { aborted: false }, new EventTarget()]) {
    const call = retry().execute(() => expect.unreachable(), { signal: signal as never });
    await expect(call).rejects.toThrow(/"signal" must be an AbortSignal/);
    await expect(bulkhead({ maxConcurrent: 1 }).acquire({ signal: signal as never })).rejects.toThrow(
      /"signal" must be/,
    );
  }
  for (const signal of [null, undefined]) expect(await retry().execute(() => 1, { signal })).toBe(1);

  class ForeignSignal extends EventTarget {
    aborted = false;
    reason: unknown = undefined;
    abort(reason: unknown): void {
      Object.assign(this, { aborted: true, reason });
      this.dispatchEvent(new Event('abort'));
    }
  }
  for (const [name, make] of all) {
    const foreign = new ForeignSignal();
    const call = execute(make(), never, foreign as unknown as AbortSignal);
    foreign.abort('from afar');
    await call.done;
    expect([name, call.error]).toEqual([name, 'from afar']);
  }
});

it('99: whatever the reason of an abort is, it comes out as it is', async () => {
  for (const reason of ['text', 0, null, false, Object.freeze(new Error('ice')), Object.freeze({}), Symbol('s')]) {
    for (const [, make] of all) {
      const controller = new AbortController();
      const call = execute(make(), never, controller.signal);
      controller.abort(reason);
      await call.done;
      expect([call.state, Object.is(call.error, reason)]).toEqual(['rejected', true]);
    }
  }
  const controller = new AbortController();
  const call = execute(retry({ backoff: constantBackoff(1000) }), () => Promise.reject(down), controller.signal);
  await settle();
  controller.abort(undefined); // which the platform replaces
  await call.done;
  expect(call.error).toBe(controller.signal.reason);
});

it('100: 1,000 calls on one signal leave no listener, whether they succeed, fail, time out or are aborted', async () => {
  for (const [name, make] of all) {
    const { controller, listeners } = countingController();
    const policy = make();
    for (let i = 0; i < 500; i++) {
      await execute(policy, () => i, controller.signal).done;
      await execute(policy, () => Promise.reject(new TypeError('a mistake')), controller.signal).done;
    }
    expect([name, listeners()]).toEqual([name, 0]);
    const clock = new TestClock();
    const limited = pipeline(
      timeout({ duration: 10, clock }),
      keyed(() => retry({ clock }), { clock }),
    );
    const calls = Array.from({ length: 500 }, () => execute(limited, never, controller.signal));
    await clock.advance(10);
    calls.push(...Array.from({ length: 500 }, () => execute(limited, never, controller.signal)));
    controller.abort('enough');
    await settle();
    expect(calls.every(({ state }) => state === 'rejected')).toBe(true);
    expect([listeners(), clock.pendingTimers]).toEqual([0, 0]);
  }
});
