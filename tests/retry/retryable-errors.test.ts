import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { setUp } from './setup.js';

it.each([
  ['a programming error', new TypeError("Cannot read properties of undefined (reading 'x')")],
  ['an untrusted certificate', new TypeError('fetch failed', { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })],
])('%s is not retried', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  const call = watch(policy.execute(operation));
  await clock.advance(1000);
  expect(call.error).toBe(error);
  expect(startedAt).toHaveLength(1);
});

it.each([
  ['an abort of a fetch by a signal that is not of the call', new DOMException('aborted', 'AbortError')],
  ['an error of a driver with the name AbortError', Object.assign(new Error('lost'), { name: 'AbortError' })],
])('%s is a failure and is retried', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  const call = watch(policy.execute(operation));
  await clock.advance(10_000);
  expect(call.error).toBe(error);
  expect(startedAt.length).toBeGreaterThan(1);
});

it.each([
  ['by the code of its cause', new TypeError('whatever it says', { cause: { code: 'ECONNRESET' } })],
  [
    'by the code of a cause of its cause',
    new TypeError('x', { cause: new Error('y', { cause: { code: 'UND_ERR_SOCKET' } }) }),
  ],
])('a network error of fetch is recognized %s and retried', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  watch(policy.execute(operation));
  await clock.advance(1000);
  expect(startedAt).toHaveLength(3);
});
