import { parseRetryAfter } from 'breakwater';
import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';
import { setUp } from './setup.js';

const DAY = 86_400_000;

it.each([Number.NaN, -1, -Infinity, '700', null, undefined])(
  'a retryAfterMs of %s is ignored, and the backoff applies',
  async (retryAfterMs) => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 2 }, () =>
      Object.assign(new Error('busy'), { retryAfterMs }),
    );
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(startedAt).toEqual([0, 100]);
  },
);

it.each([
  ['120', 120_000],
  ['0', 0],
  [' 3 ', 3000],
  ['99999999999999999999', 1e23],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ['Sun Nov  6 08:49:37 1994', 0],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
  ['-1', undefined],
  ['1.5', 1500],
  ['0x10', undefined],
  ['1e9', undefined],
  ['Infinity', undefined],
  ['', undefined],
  ['1, 2', undefined],
  ['2026-01-01T00:00:05Z', undefined],
  ['soon', undefined],
  ['9'.repeat(4000), undefined],
])('the Retry-After value %j means %s ms', (value, expected) => {
  expect(parseRetryAfter(value, Date.UTC(2026, 0, 1))).toBe(expected);
});

it('a requested delay beyond maxRetryAfter or the deadline ends the call instead of retrying early', async () => {
  const asking = (retryAfterMs: number) => () => Object.assign(new Error('busy'), { retryAfterMs });
  const { clock, policy, startedAt, gaveUp, operation } = setUp({ maxRetryAfter: '10s' }, asking(10_001));
  watch(policy.execute(operation));
  await clock.advance(DAY);
  expect([startedAt, gaveUp]).toEqual([[0], ['retry-after']]);

  const soon = setUp({}, asking(5000));
  const call = watch(soon.policy.execute(soon.operation, { timeout: '3s' }));
  await soon.clock.advance(DAY);
  expect([soon.startedAt, soon.gaveUp]).toEqual([[0], ['deadline']]);
  expect(call.error).toMatchObject({ message: 'busy', retryAfterMs: 5000 });
});
