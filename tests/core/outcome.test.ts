import {
  BulkheadFullError,
  type CallContext,
  CircuitOpenError,
  ClosedError,
  circuitBreaker,
  defaultClassify,
  InvalidOptionError,
  isNetworkError,
  pipeline,
  retry,
  TimeoutError,
} from 'breakwater';
import { describe, expect, it } from 'vitest';

const coded = (code: string, options?: ErrorOptions) => Object.assign(new Error(code, options), { code });
const fetchFailed = (cause?: unknown) => new TypeError('fetch failed', cause === undefined ? undefined : { cause });

describe('isNetworkError', () => {
  it.each([
    ['a reset connection', coded('ECONNRESET')],
    ['a refused connection', fetchFailed(coded('ECONNREFUSED'))],
    ['an unknown host', fetchFailed(coded('ENOTFOUND'))],
    ['a socket lost by undici', fetchFailed(coded('UND_ERR_SOCKET'))],
    [
      'the failure of each address of a host',
      fetchFailed(new AggregateError([coded('EHOSTUNREACH'), coded('ETIMEDOUT')])),
    ],
    [
      'an error with a nested cause',
      new Error('a', { cause: new Error('b', { cause: new Error('c', { cause: coded('EPIPE') }) }) }),
    ],
    ['an undici error without a cause', fetchFailed()],
    ['the error of Chromium', new TypeError('Failed to fetch')],
    ['the error of Chromium with the host', new TypeError('Failed to fetch (example.com)')],
    ['the error of Firefox', new TypeError('NetworkError when attempting to fetch resource.')],
    ['the error of Safari', new TypeError('Load failed')],
  ])('isNetworkError returns true for %s', (_name, error) => {
    expect(isNetworkError(error)).toBe(true);
    expect(defaultClassify({ ok: false, error })).toBe('failure');
  });

  const cyclic = new Error('cycle');
  cyclic.cause = cyclic;
  const hostile = new Proxy(new Error('hostile'), {
    get() {
      throw new Error('do not touch');
    },
  });
  it.each([
    ['a bad certificate', fetchFailed(coded('CERT_HAS_EXPIRED'))],
    ['an unknown scheme', fetchFailed(new Error('unknown scheme'))],
    ['a programming error', new TypeError('x is not a function')],
    ['another error with the same message', new Error('Failed to fetch')],
    ['a cycle of causes', cyclic],
    ['an error that cannot be read', hostile],
    ['undefined', undefined],
    ['null', null],
    ['a string', 'ECONNRESET'],
  ])('isNetworkError returns false for %s', (_name, error) => {
    expect(isNetworkError(error)).toBe(false);
  });

  it('isNetworkError returns false for errors that contain each other', () => {
    const errors = Array.from({ length: 10 }, () => new AggregateError([]));
    for (const error of errors) error.errors = errors;
    expect(isNetworkError(errors[0])).toBe(false);
  });

  it('isNetworkError returns false for 100,000 nested errors', () => {
    const many = new AggregateError(Array.from({ length: 100_000 }, () => new Error('one')));
    expect(isNetworkError(many)).toBe(false);
  });
});

describe('defaultClassify', () => {
  const policy = 'p';
  it.each([
    ['a returned value as success', { ok: true, value: 1 }, 'success'],
    ['a returned undefined as success', { ok: true, value: undefined }, 'success'],
    ['an error as failure', { ok: false, error: new Error('down') }, 'failure'],
    ['a thrown value that is not an error as failure', { ok: false, error: 'down' }, 'failure'],
    ['a thrown undefined as failure', { ok: false, error: undefined }, 'failure'],
    ['a SyntaxError of JSON as failure', { ok: false, error: new SyntaxError('Unexpected token') }, 'failure'],
    [
      'a TimeoutError of the package as failure',
      { ok: false, error: new TimeoutError({ policy, timeoutMs: 1 }) },
      'failure',
    ],
    [
      'a TimeoutError of the platform as failure',
      { ok: false, error: new DOMException('late', 'TimeoutError') },
      'failure',
    ],
    ['a CircuitOpenError as ignore', { ok: false, error: new CircuitOpenError({ policy, retryAfterMs: 1 }) }, 'ignore'],
    ['a BulkheadFullError as ignore', { ok: false, error: new BulkheadFullError({ policy }) }, 'ignore'],
    ['a ClosedError as ignore', { ok: false, error: new ClosedError({ policy }) }, 'ignore'],
    ['an InvalidOptionError as ignore', { ok: false, error: new InvalidOptionError('a', 'b', 'c', 1) }, 'ignore'],
    ['a TypeError as ignore', { ok: false, error: new TypeError('x is not a function') }, 'ignore'],
    ['a RangeError as ignore', { ok: false, error: new RangeError('Invalid array length') }, 'ignore'],
    ['a ReferenceError as ignore', { ok: false, error: new ReferenceError('x is not defined') }, 'ignore'],
    [
      "an abort of a signal that is not the call's as failure",
      { ok: false, error: new DOMException('no', 'AbortError') },
      'failure',
    ],
    ['a bad certificate as permanent', { ok: false, error: coded('CERT_HAS_EXPIRED') }, 'permanent'],
  ] as const)('defaultClassify judges %s', (_name, outcome, verdict) => {
    expect(defaultClassify(outcome)).toBe(verdict);
  });
});

describe('An AbortError', () => {
  const outcome = { ok: false, error: new DOMException('no', 'AbortError') } as const;

  it('an AbortError is ignored if the signal of the call is aborted', () => {
    const context = { signal: AbortSignal.abort() } as CallContext;
    expect(defaultClassify(outcome, context)).toBe('ignore');
  });

  it('an AbortError is retried and counted by the breaker if the signal of the call is not aborted', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 3 });
    let attempts = 0;
    const call = pipeline(retry({ backoff: () => 0 }), breaker).execute(() => {
      attempts++;
      throw outcome.error;
    });
    await expect(call).rejects.toBe(outcome.error);
    expect(attempts).toBe(3);
    expect(breaker.state).toBe('open');
  });

  it('an AbortError is neither retried nor counted if the caller has aborted', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 });
    const controller = new AbortController();
    let attempts = 0;
    const call = pipeline(retry({ backoff: () => 0 }), breaker).execute(
      () => {
        attempts++;
        controller.abort();
        throw outcome.error;
      },
      { signal: controller.signal },
    );
    await expect(call).rejects.toBe(controller.signal.reason);
    expect([attempts, breaker.state]).toEqual([1, 'closed']);
  });
});

describe('An invalid classify function', () => {
  it.each([true, false, undefined, null, 'bad', Promise.resolve('failure')])(
    'a verdict of %s is rejected',
    async (verdict) => {
      const classify = (() => verdict) as never;
      const policies = { retry: retry({ classify }), circuitBreaker: circuitBreaker({ classify }) };
      for (const [owner, policy] of Object.entries(policies)) {
        const error = await policy.execute(() => 1).catch((error) => error);
        expect(error).toMatchObject({ owner, option: 'classify' });
        expect(error.message).toMatch(/"classify" must return 'success', 'failure'/);
      }
    },
  );

  it('an error that the classify function throws rejects the call', async () => {
    const policy = retry({
      classify: () => {
        throw new Error('the classify function failed');
      },
    });
    await expect(policy.execute(() => 1)).rejects.toThrow('the classify function failed');
  });
});

describe('An error with an HTTP status', () => {
  const error = (properties: object) => Object.assign(new Error('x'), properties);
  it.each([
    ['axios', error({ response: { status: 404 } }), 'success'],
    ['got', error({ response: { statusCode: 404 } }), 'success'],
    ['OpenAI', error({ status: 400 }), 'success'],
    ['undici', error({ statusCode: 422 }), 'success'],
    ['a limit', error({ status: 429 }), 'throttled'],
    ['a slow request', error({ status: 408 }), 'failure'],
    ['a server error', error({ response: { status: 500 } }), 'failure'],
    ['a broken body of a good response (E58)', error({ status: 200 }), 'failure'],
    ['a status that is a text', error({ status: '404' }), 'failure'],
    ['a response that is null', error({ response: null }), 'failure'],
    ['AWS', error({ $metadata: { httpStatusCode: 403 } }), 'success'],
    ['a method that is not implemented', error({ status: 501 }), 'success'],
    ['a gateway', error({ statusCode: 502 }), 'failure'],
    ['a broken body with the status of another response', error({ status: 200, response: { status: 404 } }), 'success'],
    ['a word beside the status', error({ status: 'rejected', statusCode: 404 }), 'success'],
    ['a code of gRPC in status', error({ status: 14 }), 'failure'],
    ['a fraction', error({ status: 404.5 }), 'failure'],
    ['a number above all statuses', error({ status: 1404 }), 'failure'],
    ['metadata without a status', error({ $metadata: { attempts: 1 } }), 'failure'],
    ['a wish of the server for a retry', error({ status: 409, headers: { 'x-should-retry': 'true' } }), 'throttled'],
    ['a wish of the server for no retry', error({ status: 500, headers: { 'x-should-retry': 'false' } }), 'permanent'],
  ])('%s is judged by the status', (_name, reason, verdict) => {
    expect(defaultClassify({ ok: false, error: reason })).toBe(verdict);
  });
});

describe('A value with an HTTP status', () => {
  it.each([
    [{ statusCode: 200 }, 'success'],
    [{ statusCode: 404, headers: {} }, 'success'],
    [{ statusCode: 408, headers: {} }, 'failure'],
    [{ statusCode: 429, headers: { 'retry-after': '1' } }, 'throttled'],
    [{ statusCode: 500, headers: {} }, 'failure'],
    [{ statusCode: 501, headers: {} }, 'success'],
    [{ statusCode: '503' }, 'success'],
    [{ statusCode: null }, 'success'],
    [{ status: 503 }, 'success'],
  ])('the value %o is judged %s', (value, verdict) => {
    expect(defaultClassify({ ok: true, value })).toBe(verdict);
  });
});

it('a value whose statusCode cannot be read is a success', () => {
  const value = {
    get statusCode(): number {
      throw new Error('do not touch');
    },
  };
  expect(defaultClassify({ ok: true, value })).toBe('success');
});

describe('An abort error of a client', () => {
  class APIUserAbortError extends Error {}
  it.each([
    ['axios', Object.assign(new Error('canceled'), { name: 'CanceledError', code: 'ERR_CANCELED' })],
    ['OpenAI', new APIUserAbortError('Request was aborted.')],
  ])('the abort error of %s is ignored if the signal of the call is aborted', (_name, error) => {
    expect(defaultClassify({ ok: false, error }, { signal: AbortSignal.abort() } as CallContext)).toBe('ignore');
    expect(defaultClassify({ ok: false, error }, { signal: new AbortController().signal } as CallContext)).toBe(
      'failure',
    );
  });
});
