import { type Classify, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { all, execute } from '../support/every-policy.js';
import { watch } from '../support/promises.js';

const down = new Error('down');
const trap = () => {
  throw new Error('a trap');
};

it('a classify function that throws or returns no verdict rejects its call, which is not retried', async () => {
  for (const [classify, error] of [
    [trap, /a trap/],
    [
      async () => 'failure',
      /"classify" must return 'success', 'failure', 'permanent', 'throttled' or 'ignore', got an object/,
    ],
    [() => true, /"classify" must return .*, got true/],
    [() => undefined, /"classify" must return .*, got undefined/],
  ] as const) {
    let calls = 0;
    const policy = retry({ classify: classify as unknown as Classify, backoff: () => 0 });
    await expect(policy.execute(() => Promise.reject(++calls))).rejects.toThrow(error);
    expect(calls).toBe(1);
  }
});

it('an operation that is not a function is rejected with an error that names the option', async () => {
  for (const [name, make] of all) {
    for (const operation of [undefined, null, 5, 'f', {}, Promise.resolve()]) {
      const call = execute(make(), operation as never);
      await call.done;
      expect(String(call.error), name).toMatch(/"operation" must be a function, got /);
    }
  }
  expect(() => retry().wrap(undefined as never)).toThrow('"fn" must be a function');
});

it('thenables that throw, settle twice or never settle are handled like promises', async () => {
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
