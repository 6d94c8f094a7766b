import { circuitBreaker, definePolicy, fallback, isResilienceError, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

describe('attempt', () => {
  it('attempt returns the value of the operation, or of a fallback', async () => {
    expect(await retry().attempt(() => 1)).toEqual({ ok: true, value: 1 });
    expect(await fallback('instead').attempt(() => Promise.reject(new Error('down')))).toEqual({
      ok: true,
      value: 'instead',
    });
  });

  it('attempt returns the error of the operation, of whatever type', async () => {
    for (const error of [new Error('down'), 'text', undefined, null]) {
      const operation = () => {
        throw error;
      };
      expect(await timeout('1s').attempt(operation)).toEqual({ ok: false, error });
    }
  });

  it('attempt returns the rejection of a policy', async () => {
    const outcome = await circuitBreaker({ initialState: 'open' }).attempt(() => 1);
    expect(!outcome.ok && isResilienceError(outcome.error, 'ERR_CIRCUIT_OPEN')).toBe(true);
  });

  it('attempt returns the reason of an abort, and an invalid option', async () => {
    const signal = AbortSignal.abort('the reason');
    expect(await retry().attempt(() => 1, { signal })).toEqual({ ok: false, error: 'the reason' });
    const invalid = await retry().attempt(() => 1, { priority: Number.NaN });
    expect(!invalid.ok && isResilienceError(invalid.error, 'ERR_INVALID_OPTION')).toBe(true);
  });

  it('attempt passes on the options of the call', async () => {
    const clock = new TestClock();
    const call = retry({ clock }).attempt(() => new Promise(() => {}), { timeout: 100 });
    await clock.advance(100);
    const outcome = await call;
    expect(!outcome.ok && isResilienceError(outcome.error, 'ERR_TIMEOUT')).toBe(true);
  });

  it('a policy of the user has attempt too, even if it throws', async () => {
    const policy = definePolicy({
      name: 'broken',
      run: () => {
        throw new Error('broken');
      },
    });
    expect(await policy.attempt(() => 1)).toEqual({ ok: false, error: new Error('broken') });
  });
});
