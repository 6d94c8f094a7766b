import { bulkhead, CircuitOpenError, circuitBreaker, fallback, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const fail = (error: unknown) => () => Promise.reject(error);

describe('fallback', () => {
  it('leaves a good value as it is', async () => {
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

  it('answers refusals of our own policies', async () => {
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
  ])('does not hide %s', async (error) => {
    await expect(fallback('instead').execute(fail(error))).rejects.toBe(error);
  });

  it("answers an AbortError that is not the caller's own abort", async () => {
    const inside = () => Promise.reject(new DOMException('the dependency gave up', 'AbortError'));
    expect(await fallback('instead').execute(inside)).toBe('instead');
  });

  it('does not hide a bad option further inside', async () => {
    const policy = pipeline(fallback('instead'), retry());
    await expect(policy.execute(() => retry({ maxAttempts: 0 }))).rejects.toThrow('"maxAttempts" must be an integer');
  });

  it('answers network errors, which are TypeErrors on the web', async () => {
    expect(await fallback('instead').execute(fail(new TypeError('Failed to fetch')))).toBe('instead');
  });

  it('never answers the caller’s abort', async () => {
    const controller = new AbortController();
    let asked = 0;
    const result = fallback(() => ++asked).execute(() => new Promise(() => {}), { signal: controller.signal });
    controller.abort('enough');
    await expect(result).rejects.toBe('enough');
    expect(asked).toBe(0);
  });

  it('answers bad values by the judgement of the call', async () => {
    const classify = (outcome: { ok: boolean; value?: unknown }) => (outcome.value === 'bad' ? 'permanent' : 'success');
    expect(await fallback('instead').execute(() => 'bad', { classify })).toBe('instead');
    expect(await fallback('instead').execute(() => 'good', { classify })).toBe('good');
  });

  it('answers every other error, whatever the call thinks of it', async () => {
    expect(await fallback('instead').execute(fail(new Error('not found')), { classify: () => 'ignore' })).toBe(
      'instead',
    );
  });

  it('with a judgement of its own goes by that alone', async () => {
    const onlyTimeouts = fallback('instead', {
      classify: (outcome) => (!outcome.ok && (outcome.error as Error).message === 'late' ? 'failure' : 'ignore'),
    });
    expect(await onlyTimeouts.execute(fail(new Error('late')))).toBe('instead');
    await expect(onlyTimeouts.execute(fail(new Error('other')))).rejects.toThrow('other');
    const refusal = new CircuitOpenError({ policy: 'p', retryAfterMs: 1 });
    await expect(onlyTimeouts.execute(fail(refusal))).rejects.toBe(refusal);
  });

  it('tells its function what happened, and waits for what it finds', async () => {
    const policy = fallback(async (outcome, { attempt, key }) => [outcome, attempt, key]);
    const error = new Error('down');
    expect(await policy.execute(fail(error), { key: 'k' })).toEqual([{ ok: false, error }, 1, 'k']);
  });

  it('an abort while the function looks for an answer ends the call', async () => {
    const controller = new AbortController();
    const result = fallback(() => new Promise<string>(() => {})).execute(fail(new Error('down')), {
      signal: controller.signal,
    });
    await null;
    await null;
    controller.abort('enough');
    await expect(result).rejects.toBe('enough');
  });

  it('when the function throws, its error is the call’s, and the next one outside may answer', async () => {
    const broken = fallback(() => {
      throw new Error('the backup is down too');
    });
    await expect(broken.execute(fail(new Error('down')))).rejects.toThrow('the backup is down too');
    expect(await pipeline(fallback('at last'), broken).execute(fail(new Error('down')))).toBe('at last');
  });

  it('a value may be anything but a function, undefined too', async () => {
    expect(await fallback(undefined).execute(fail(new Error('down')))).toBe(undefined);
    expect(await fallback(null).execute(fail(new Error('down')))).toBe(null);
    expect(await fallback(Promise.resolve(7)).execute(fail(new Error('down')))).toBe(7);
  });
});
