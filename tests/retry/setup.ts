import { constantBackoff, type RetryOptions, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';

export const down = new Error('down');

/** A retry whose operation fails with `makeError()` in every attempt. */
export function setUp(options: RetryOptions = {}, makeError: () => unknown = () => down) {
  const clock = new TestClock();
  const policy = retry({ backoff: constantBackoff(100), clock, ...options });
  const startedAt: number[] = [];
  const gaveUp: string[] = [];
  policy.on('giveUp', ({ reason }) => gaveUp.push(reason));
  const operation = () => {
    startedAt.push(clock.now());
    throw makeError();
  };
  return { clock, policy, startedAt, gaveUp, operation };
}
