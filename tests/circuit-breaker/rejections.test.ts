import { CircuitOpenError } from 'breakwater';
import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { down, setUp } from './setup.js';

it('a rejection contains the policy, the cause and the time of the next probe', async () => {
  const { breaker, fail } = setUp({ window: { calls: 1 }, name: 'users' });
  await fail();
  const refused = watch(breaker.execute(() => 1));
  await refused.done;
  expect(refused.error).toBeInstanceOf(CircuitOpenError);
  expect(refused.error).toMatchObject({
    name: 'CircuitOpenError',
    code: 'ERR_CIRCUIT_OPEN',
    policy: 'users',
    cause: down,
    retryAfterMs: 1000,
  });
});
