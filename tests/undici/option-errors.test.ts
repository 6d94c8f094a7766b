import { coalesce, InvalidOptionError, isResilienceError, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { type ResilientDispatcherOptions, type ResilientInterceptor, resilient } from 'breakwater/undici';
import { describe, expect, it } from 'vitest';

/** Returns the error of a call. */
function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

const never = () => true;
const request = { origin: 'http://a.test', path: '/', method: 'GET' };

function dispatch(interceptor: ResilientInterceptor, options: object): Promise<unknown> {
  const send = interceptor((_options: typeof request, _handler: object) => true);
  return new Promise((resolve, reject) => {
    send({ ...request, ...options }, { onConnect: never, onHeaders: never, onError: reject, onComplete: resolve });
  });
}

/** The invalid options, with the owner and the name that the error has. */
const INVALID: readonly [options: object, owner: string, option: string][] = [
  [null as never, 'resilient', 'options'],
  [{ unknown: 1 }, 'resilient', 'unknown'],
  [{ timeout: -1 }, 'resilient', 'timeout'],
  [{ attemptTimeout: 'soon' }, 'resilient', 'attemptTimeout'],
  [{ retry: 3 }, 'resilient', 'retry'],
  [{ retry: { maxAttempts: 0 } }, 'retry', 'maxAttempts'],
  [{ retry: { maxRetryAfter: -1 } }, 'retry', 'maxRetryAfter'],
  [{ retry: { unknown: 1 } }, 'retry', 'unknown'],
  [{ circuitBreaker: true }, 'resilient', 'circuitBreaker'],
  [{ circuitBreaker: { minimumCalls: 0 } }, 'circuitBreaker', 'minimumCalls'],
  [{ circuitBreaker: { classify: 1 } }, 'circuitBreaker', 'classify'],
  [{ bulkhead: 5 }, 'resilient', 'bulkhead'],
  [{ bulkhead: { maxConcurrent: 0 } }, 'bulkhead', 'maxConcurrent'],
  [{ bulkhead: { holdUntil: 'body' } }, 'resilient', 'bulkhead.holdUntil'],
  [{ rateLimit: true }, 'resilient', 'rateLimit'],
  [{ rateLimit: { unknown: 1 } }, 'resilient', 'rateLimit.unknown'],
  [{ rateLimit: { limiter: 1 } }, 'resilient', 'rateLimit.limiter'],
  [{ rateLimit: { followServerLimits: 1 } }, 'resilient', 'rateLimit.followServerLimits'],
  [{ rateLimit: { maxServerPause: 0 } }, 'resilient', 'rateLimit.maxServerPause'],
  [{ rateLimit: { maxWait: -1 } }, 'resilient', 'rateLimit.maxWait'],
  [{ policy: {} }, 'resilient', 'policy'],
  [{ policy: coalesce() }, 'resilient', 'policy'],
  [{ policy: retry(), timeout: 1 }, 'resilient', 'timeout'],
  [{ policy: retry(), beforeRetry: () => undefined }, 'resilient', 'beforeRetry'],
  [{ classify: 1 }, 'resilient', 'classify'],
  [{ beforeRetry: 1 }, 'resilient', 'beforeRetry'],
  [{ beforeRetry: () => undefined, retry: false }, 'resilient', 'beforeRetry'],
  [{ key: 1 }, 'resilient', 'key'],
  [{ repeatable: true }, 'resilient', 'repeatable'],
  [{ replayLimit: -1 }, 'resilient', 'replayLimit'],
  [{ drainLimit: -1 }, 'resilient', 'drainLimit'],
  [{ propagateDeadline: 'x-deadline' }, 'resilient', 'propagateDeadline'],
  [{ on: 1 }, 'resilient', 'on'],
  [{ on: { unknown: 1 } }, 'resilient', 'on.unknown'],
  [{ on: { retry: 1 } }, 'resilient', 'on.retry'],
  [{ clock: {} }, 'resilient', 'clock'],
  [{ random: 1 }, 'resilient', 'random'],
];

/** The invalid options of one request. */
const INVALID_OF_REQUEST: readonly [options: unknown, option: string][] = [
  [1, 'breakwater'],
  [{ unknown: 1 }, 'breakwater.unknown'],
  [{ timeout: -1 }, 'breakwater.timeout'],
  [{ attemptTimeout: -1 }, 'breakwater.attemptTimeout'],
  [{ priority: 'high' }, 'breakwater.priority'],
  [{ key: 1 }, 'breakwater.key'],
  [{ repeatable: 1 }, 'breakwater.repeatable'],
  [{ classify: 1 }, 'breakwater.classify'],
  [{ repeatable: () => 1 }, 'repeatable'],
];

/** The names of all options. The type checks that none is missing. */
const ALL_OPTIONS: Record<keyof ResilientDispatcherOptions, true> = {
  timeout: true,
  attemptTimeout: true,
  retry: true,
  circuitBreaker: true,
  bulkhead: true,
  rateLimit: true,
  policy: true,
  classify: true,
  beforeRetry: true,
  key: true,
  repeatable: true,
  replayLimit: true,
  drainLimit: true,
  propagateDeadline: true,
  on: true,
  clock: true,
  random: true,
};

describe('The error for an invalid option of resilient()', () => {
  it.each(INVALID)('%j names %s and "%s"', (options, owner, option) => {
    const error = errorOf(() => resilient(options as ResilientDispatcherOptions));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ owner, option });
    expect(String(error)).not.toContain('resilientFetch');
  });

  it.each(INVALID_OF_REQUEST)('%j of one request names resilient and "%s"', async (breakwater, option) => {
    const error = await dispatch(resilient(), { breakwater }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', owner: 'resilient', option });
  });

  it('that has no effect beside a policy names resilient', async () => {
    const error = await dispatch(resilient({ policy: retry() }), { breakwater: { attemptTimeout: 1 } }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ owner: 'resilient', option: 'breakwater.attemptTimeout' });
  });

  it('in a method of its member "breakwater" names resilient', () => {
    const calls = [
      () => resilient().breakwater.isolate(1 as never),
      () => resilient().breakwater.reset(1 as never),
      () => resilient({ circuitBreaker: false }).breakwater.isolate('a'),
      () => resilient({ policy: retry() }).breakwater.isolate('a'),
    ];
    for (const call of calls) expect(errorOf(call)).toMatchObject({ code: 'ERR_INVALID_OPTION', owner: 'resilient' });
  });

  it('covers every option', () => {
    const covered = new Set(INVALID.flatMap(([options]) => Object.keys(options ?? {})));
    for (const option of Object.keys(ALL_OPTIONS)) expect(covered).toContain(option);
  });
});

it.each([
  ['an attempt', { attemptTimeout: 10 }, 'resilient attempt'],
  ['a call', { timeout: 10 }, 'resilient call'],
])('The TimeoutError of %s names resilient', async (_what, options, policy) => {
  const clock = new TestClock();
  const error = dispatch(resilient({ ...options, clock, retry: false }), {}).catch((reason: unknown) => reason);
  await clock.advance(10);
  expect(isResilienceError(await error, 'ERR_TIMEOUT')).toBe(true);
  expect(await error).toMatchObject({ policy });
});
