import {
  BulkheadFullError,
  ChaosError,
  CircuitOpenError,
  ClosedError,
  DeadlineExceededError,
  InvalidOptionError,
  isResilienceError,
  LostWritesError,
  NoHealthyNodeError,
  QueueTimeoutError,
  RateLimitedError,
  ResilienceError,
  ShedError,
  TimeoutError,
} from 'breakwater/core';
import { afterEach, describe, expect, it } from 'vitest';

const decision = { allowed: false, limit: 5, remaining: 0, retryAfterMs: 250, resetAfterMs: 1000 };
const policy = 'users';
const errors = {
  ERR_CIRCUIT_OPEN: new CircuitOpenError({ policy, retryAfterMs: 5000, cause: new Error('down') }),
  ERR_BULKHEAD_FULL: new BulkheadFullError({ policy }),
  ERR_QUEUE_TIMEOUT: new QueueTimeoutError({ policy, timeoutMs: 100 }),
  ERR_RATE_LIMITED: new RateLimitedError({ policy, decision }),
  ERR_TIMEOUT: new TimeoutError({ policy, timeoutMs: 100 }),
  ERR_CLOSED: new ClosedError({ policy }),
  ERR_NO_HEALTHY_NODE: new NoHealthyNodeError({ policy }),
  ERR_LOST_WRITES: new LostWritesError({
    policy,
    lost: [{ type: 'set', key: 'k', value: 1, error: new Error('down') }],
  }),
  ERR_SHED: new ShedError({ policy, reason: 'event-loop', retryAfterMs: 900 }),
  ERR_DEADLINE: new DeadlineExceededError({ policy, remainingMs: 3 }),
  ERR_CHAOS: new ChaosError({ policy }),
  ERR_INVALID_OPTION: new InvalidOptionError(policy, 'option', 'must be good', 'bad'),
} as const;

describe.each(Object.entries(errors))('%s', (code, error) => {
  it('the error is recognized by its code and by no other code', () => {
    expect(error.code).toBe(code);
    expect(isResilienceError(error)).toBe(true);
    for (const other of Object.keys(errors) as (keyof typeof errors)[]) {
      expect(isResilienceError(error, other)).toBe(other === code);
    }
  });

  it('the error is an instance of ResilienceError, Error and its own class only', () => {
    expect(error).toBeInstanceOf(ResilienceError);
    expect(error).toBeInstanceOf(Error);
    const classes = Object.values(errors).map((other) => other.constructor as new () => Error);
    expect(classes.filter((one) => error instanceof one)).toEqual([error.constructor]);
  });

  it('the error has a name that survives minification, a message and the policy that created it', () => {
    expect(error.name).toBe(error.constructor.name);
    expect(error.policy).toBe('users');
    expect(error.message).toContain('users');
    expect(String(error.stack)).toMatch(new RegExp(`^${error.name}: `));
  });
});

describe('Errors', () => {
  it('errors carry the data that a caller needs', () => {
    expect(errors.ERR_CIRCUIT_OPEN).toMatchObject({ retryAfterMs: 5000, cause: new Error('down') });
    expect(errors.ERR_SHED).toMatchObject({ reason: 'event-loop', retryAfterMs: 900 });
    expect(errors.ERR_DEADLINE.remainingMs).toBe(3);
    expect(errors.ERR_RATE_LIMITED).toMatchObject({ retryAfterMs: 250, decision });
    expect(errors.ERR_TIMEOUT).toMatchObject({ timeoutMs: 100 });
    expect(errors.ERR_INVALID_OPTION).toMatchObject({ owner: 'users', option: 'option', value: 'bad' });
    expect('cause' in errors.ERR_TIMEOUT).toBe(false);
  });

  it('errors of another copy of the package are recognized', () => {
    const foreign = Object.assign(new Error('from afar'), {
      code: 'ERR_TIMEOUT',
      [Symbol.for('breakwater.error')]: true,
    });
    expect(isResilienceError(foreign)).toBe(true);
    expect(isResilienceError(foreign, 'ERR_TIMEOUT')).toBe(true);
    expect(isResilienceError(foreign, 'ERR_CLOSED')).toBe(false);
    expect(foreign).toBeInstanceOf(ResilienceError);
    expect(foreign).not.toBeInstanceOf(TimeoutError);
  });

  it.each([
    null,
    undefined,
    'ERR_TIMEOUT',
    1,
    {},
    new Error('other'),
    Object.assign(new Error(), { code: 'ERR_TIMEOUT' }),
  ])('%s is not recognized as an error of the package', (other) => {
    expect(isResilienceError(other)).toBe(false);
    expect(other instanceof ResilienceError).toBe(false);
  });

  it('an InvalidOptionError describes the bad value without calling into it', () => {
    const values: [unknown, string][] = [
      ['text', '"text"'],
      ['x'.repeat(100), `"${'x'.repeat(60)}…"`],
      [10n, '10n'],
      [Symbol('s'), 'Symbol(s)'],
      [() => 1, 'a function'],
      [null, 'null'],
      [[1], 'an array'],
      [{ toString: () => expect.unreachable() }, 'an object'],
      [-0, '-0'],
      [undefined, 'undefined'],
    ];
    for (const [value, text] of values) {
      expect(new InvalidOptionError('owner', 'option', 'must be good', value).message).toBe(
        `owner: "option" must be good, got ${text}`,
      );
    }
  });
});

describe('The stack', () => {
  const { stackTraceLimit } = Error;

  afterEach(() => {
    ResilienceError.captureStack = false;
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('a rejection collects no stack and restores stackTraceLimit', () => {
    expect(new BulkheadFullError({ policy }).stack?.split('\n')).toHaveLength(1);
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
    expect(new Error('another').stack?.split('\n').length).toBeGreaterThan(2);
  });

  it('captureStack collects the stack of a rejection', () => {
    ResilienceError.captureStack = true;
    expect(new BulkheadFullError({ policy }).stack).toContain('errors.test.ts');
  });

  it('an InvalidOptionError always has a stack', () => {
    expect(new InvalidOptionError('a', 'b', 'c', 'd').stack).toContain('errors.test.ts');
  });

  it('errors can be created where stackTraceLimit cannot be set', () => {
    const descriptor = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor;
    Object.defineProperty(Error, 'stackTraceLimit', { get: () => 7, configurable: true });
    try {
      expect(new TimeoutError({ policy, timeoutMs: 1 }).code).toBe('ERR_TIMEOUT');
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', descriptor);
    }
  });
});
