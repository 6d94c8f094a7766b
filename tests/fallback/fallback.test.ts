import { bulkhead, CircuitOpenError, circuitBreaker, fallback, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const fail = (error: unknown) => () => Promise.reject(error);

describe('fallback', () => {
  it('a fallback returns a successful value unchanged', async () => {
    expect(await fallback('instead').execute(() => 'fine')).toBe('fine');
    expect(await fallback('instead').execute(() => undefined)).toBe(undefined);
  });

  it.each([
    new Error('down'),
    'text',
    undefined,
    null,
    new DOMException('late', 'TimeoutError'),
    new SyntaxError('JSON'),
  ])('fallback replaces the error %s', async (error) => {
    expect(await fallback('instead').execute(fail(error))).toBe('instead');
  });

  it('a fallback replaces rejections by other policies', async () => {
    const clock = new TestClock();
    const open = circuitBreaker({ initialState: 'open', clock });
    const full = bulkhead({ maxConcurrent: 1, clock });
    full.tryAcquire();
    expect(await pipeline(fallback('instead'), open).execute(() => 'fine')).toBe('instead');
    expect(await pipeline(fallback('instead'), full).execute(() => 'fine')).toBe('instead');
    const late = watch(
      pipeline(fallback('instead'), timeout({ duration: 5, clock })).execute(() => new Promise(() => {})),
    );
    await clock.advance(5);
    expect(late.value).toBe('instead');
  });

  it.each([
    new TypeError('x is not a function'),
    new RangeError('Invalid array length'),
    new ReferenceError('x is not defined'),
  ])('a fallback passes on %s', async (error) => {
    await expect(fallback('instead').execute(fail(error))).rejects.toBe(error);
  });

  it('a fallback replaces an AbortError that is not an abort by the caller', async () => {
    const inside = () => Promise.reject(new DOMException('the dependency gave up', 'AbortError'));
    expect(await fallback('instead').execute(inside)).toBe('instead');
  });

  it('a fallback passes on an InvalidOptionError of an inner call', async () => {
    const policy = pipeline(fallback('instead'), retry());
    await expect(policy.execute(() => retry({ maxAttempts: 0 }))).rejects.toThrow('"maxAttempts" must be an integer');
  });

  it('a fallback replaces network errors, which are TypeErrors on the web', async () => {
    expect(await fallback('instead').execute(fail(new TypeError('Failed to fetch')))).toBe('instead');
  });

  it('a fallback never replaces an abort by the caller', async () => {
    const controller = new AbortController();
    let asked = 0;
    const result = fallback(() => ++asked).execute(() => new Promise(() => {}), { signal: controller.signal });
    controller.abort('enough');
    await expect(result).rejects.toBe('enough');
    expect(asked).toBe(0);
  });

  it('a fallback replaces values that the classify function of the call judges as failures', async () => {
    const classify = (outcome: { ok: boolean; value?: unknown }) => (outcome.value === 'bad' ? 'permanent' : 'success');
    expect(await fallback('instead').execute(() => 'bad', { classify })).toBe('instead');
    expect(await fallback('instead').execute(() => 'good', { classify })).toBe('good');
    expect(await fallback('instead').execute(() => 'busy', { classify: () => 'throttled' })).toBe('instead');
  });

  it('a fallback replaces every other error, even if the classify function of the call ignores it', async () => {
    expect(await fallback('instead').execute(fail(new Error('not found')), { classify: () => 'ignore' })).toBe(
      'instead',
    );
  });

  it('a fallback with its own classify function uses only that function', async () => {
    const onlyTimeouts = fallback('instead', {
      classify: (outcome) => (!outcome.ok && (outcome.error as Error).message === 'late' ? 'failure' : 'ignore'),
    });
    expect(await onlyTimeouts.execute(fail(new Error('late')))).toBe('instead');
    await expect(onlyTimeouts.execute(fail(new Error('other')))).rejects.toThrow('other');
    const rejection = new CircuitOpenError({ policy: 'p', retryAfterMs: 1 });
    await expect(onlyTimeouts.execute(fail(rejection))).rejects.toBe(rejection);
  });

  it('the fallback function receives the outcome and the context, and its promise is awaited', async () => {
    const policy = fallback(async (outcome, { attempt, key }) => [outcome, attempt, key]);
    const error = new Error('down');
    expect(await policy.execute(fail(error), { key: 'k' })).toEqual([{ ok: false, error }, 1, 'k']);
  });

  it('an abort while the fallback function runs rejects the call', async () => {
    const controller = new AbortController();
    const result = fallback(() => new Promise<string>(() => {})).execute(fail(new Error('down')), {
      signal: controller.signal,
    });
    await null;
    await null;
    controller.abort('enough');
    await expect(result).rejects.toBe('enough');
  });

  it('an error of the fallback function rejects the call, and an outer fallback can replace it', async () => {
    const broken = fallback(() => {
      throw new Error('the backup is down too');
    });
    await expect(broken.execute(fail(new Error('down')))).rejects.toThrow('the backup is down too');
    expect(await pipeline(fallback('at last'), broken).execute(fail(new Error('down')))).toBe('at last');
  });

  it('the fallback value can be anything but a function, including undefined', async () => {
    expect(await fallback(undefined).execute(fail(new Error('down')))).toBe(undefined);
    expect(await fallback(null).execute(fail(new Error('down')))).toBe(null);
    expect(await fallback(Promise.resolve(7)).execute(fail(new Error('down')))).toBe(7);
  });
});
