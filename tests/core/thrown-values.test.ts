import { circuitBreaker, constantBackoff, type Policy, retry } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { all, execute } from '../support/every-policy.js';

/** Asserts that every policy rejects with the identical thrown value. */
async function expectUnchanged(thrown: unknown): Promise<void> {
  for (const [name, make] of all) {
    const call = execute(make(), () => {
      throw thrown;
    });
    await call.done;
    expect([name, call.state, Object.is(call.error, thrown)]).toEqual([name, 'rejected', true]);
  }
}

it.each([undefined, null, 'text', 0, Symbol('s'), 10n, Number.NaN])(
  'a policy rejects with the thrown value %s unchanged',
  (thrown) => expectUnchanged(thrown),
);

it('a policy rejects with a frozen error unchanged', () => expectUnchanged(Object.freeze(new Error('ice'))));
const trap = () => {
  throw new Error('a trap');
};

describe('Errors whose properties throw', () => {
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
  it('an error with throwing getters is passed on unchanged', () => expectUnchanged(new Hostile()));
  it('an error with throwing getters for retryAfterMs and headers is passed on unchanged', () =>
    expectUnchanged(
      Object.defineProperties(new Error('busy'), { retryAfterMs: { get: trap }, headers: { get: trap } }),
    ));
  it('an error with throwing headers is passed on unchanged', () =>
    expectUnchanged(Object.assign(new Error('busy'), { headers: { get: trap } })));
  it('a proxy is passed on unchanged', () => expectUnchanged(new Proxy({}, {})));
  it('a proxy whose traps all throw is passed on unchanged', () =>
    expectUnchanged(
      new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap }),
    ));
  it('a revoked proxy is passed on unchanged', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return expectUnchanged(proxy);
  });
  it('errors with throwing properties count as failures', async () => {
    for (const thrown of [new Hostile(), new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })]) {
      const breaker = circuitBreaker({ consecutiveFailures: 1 });
      await execute(breaker, () => {
        throw thrown;
      }).done;
      expect(breaker.state).toBe('open');
    }
  });
});

it('an error that is its own cause is passed on unchanged', async () => {
  const one = new Error('one');
  const two = new AggregateError([one], 'two', { cause: one });
  one.cause = two;
  Object.assign(one, { errors: [two, one] });
  await expectUnchanged(one);
  const typeError = new TypeError('fetch failed');
  typeError.cause = typeError;
  await expectUnchanged(typeError);
});

it('an AggregateError of 100,000 errors is passed on unchanged within a second', async () => {
  const errors = Array.from({ length: 100_000 }, (_, n) => new Error(`${n}`));
  const error = new AggregateError(errors, 'all of them');
  const before = performance.now();
  await expectUnchanged(error);
  expect(performance.now() - before).toBeLessThan(1000);
});
const trapped = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap });
const policies: [string, () => Policy][] = [
  ['retry', () => retry({ maxAttempts: 2, backoff: constantBackoff(1) })],
  ['circuitBreaker', () => circuitBreaker({ consecutiveFailures: 1 })],
];

describe('Errors whose properties throw, on the system clock', () => {
  const revocable = Proxy.revocable({}, {});
  revocable.revoke();
  const hostile: [string, unknown][] = [
    ['a proxy whose traps throw', trapped],
    ['a proxy that was revoked', revocable.proxy],
    ['headers whose get throws', Object.assign(new Error('busy'), { headers: { get: trap } })],
  ];
  for (const [what, error] of hostile) {
    for (const [name, make] of policies) {
      it(`${what} is passed on unchanged by ${name}`, async () => {
        const thrown = await make()
          .execute(() => Promise.reject(error))
          .catch((reason: unknown) => [reason]);
        expect(Object.is((thrown as unknown[])[0], error)).toBe(true);
      });
    }
  }
});

it('an error with throwing properties counts as a failure of a breaker', async () => {
  const breaker = circuitBreaker({ consecutiveFailures: 1 });
  await breaker.execute(() => Promise.reject(trapped)).catch(() => {});
  expect(breaker.state).toBe('open');
});
