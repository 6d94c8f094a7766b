import { constantBackoff, RetryBudget, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';

function setUp(options: Parameters<typeof retry>[0] = {}) {
  const clock = new TestClock();
  const policy = retry({ clock, backoff: constantBackoff(100), ...options });
  const reasons: string[] = [];
  policy.on('giveUp', ({ reason }) => reasons.push(reason));
  const operation = vi.fn(() => Promise.reject(new Error('down')));
  return { clock, policy, reasons, operation };
}

describe('The reconfiguration of a retry', () => {
  it('changes the number of attempts of a running call, and keeps the other options', async () => {
    const { clock, policy, operation } = setUp({ maxAttempts: 9 });
    const call = watch(policy.execute(operation));
    await clock.advance(100);
    expect(operation).toHaveBeenCalledTimes(2);
    policy.reconfigure({ maxAttempts: 3 });
    await clock.advance(100); // the backoff is the same
    await clock.advance(10_000);
    expect(operation).toHaveBeenCalledTimes(3);
    expect(call.error).toEqual(new Error('down'));
  });

  it('changes the backoff, the budget and the judgement of calls that begin later', async () => {
    const { clock, policy, operation, reasons } = setUp();
    policy.reconfigure({ backoff: constantBackoff(7) });
    const call = watch(policy.execute(operation));
    await clock.advance(14);
    expect([operation.mock.calls.length, call.error]).toEqual([3, new Error('down')]);
    policy.reconfigure({ budget: new RetryBudget({ clock, ratio: 0, minPerSecond: 0 }) });
    await policy.execute(operation).catch(() => {});
    policy.reconfigure({ classify: () => 'permanent' });
    await policy.execute(operation).catch(() => {});
    expect(reasons).toEqual(['attempts', 'budget', 'not-retryable']);
  });

  it('limits the elapsed time of calls that begin later, and of running ones if it was limited before', async () => {
    const { clock, policy, operation } = setUp({ maxAttempts: 5 });
    await clock.advance(50_000);
    const unlimited = watch(policy.execute(operation));
    policy.reconfigure({ maxElapsed: 250 });
    await clock.advance(400);
    expect([unlimited.error, operation.mock.calls.length]).toEqual([new Error('down'), 5]);
    const limited = watch(policy.execute(operation));
    await clock.advance(50);
    policy.reconfigure({ maxElapsed: 150 });
    await clock.advance(400);
    expect([limited.error, operation.mock.calls.length]).toEqual([new Error('down'), 7]);
  });

  it.each([
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ budget: null }, 'budget'],
    [{ clock: new TestClock() }, 'clock'],
    [undefined, undefined],
  ])('rejects invalid options and changes nothing (%#)', async (options, option) => {
    const { clock, policy, operation } = setUp({ maxAttempts: 2 });
    if (option === undefined) policy.reconfigure(options as never);
    else expect(() => policy.reconfigure(options as never)).toThrow(expect.objectContaining({ option }));
    const call = watch(policy.execute(operation));
    await clock.advance(1000);
    expect([call.error, operation.mock.calls.length]).toEqual([new Error('down'), 2]);
  });
});
