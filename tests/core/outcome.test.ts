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
    ['a refused one', fetchFailed(coded('ECONNREFUSED'))],
    ['an unknown host', fetchFailed(coded('ENOTFOUND'))],
    ['a socket lost by undici', fetchFailed(coded('UND_ERR_SOCKET'))],
    ['each address of a host failing', fetchFailed(new AggregateError([coded('EHOSTUNREACH'), coded('ETIMEDOUT')]))],
    ['a deep cause', new Error('a', { cause: new Error('b', { cause: new Error('c', { cause: coded('EPIPE') }) }) })],
    ['undici without a cause', fetchFailed()],
    ['Chromium', new TypeError('Failed to fetch')],
    ['Chromium, with the host', new TypeError('Failed to fetch (example.com)')],
    ['Firefox', new TypeError('NetworkError when attempting to fetch resource.')],
    ['Safari', new TypeError('Load failed')],
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
    ['a mistake', new TypeError('x is not a function')],
    ['the words in another error', new Error('Failed to fetch')],
    ['a cycle of causes', cyclic],
    ['an error that cannot be read', hostile],
    ['nothing', undefined],
    ['null', null],
    ['text', 'ECONNRESET'],
  ])('isNetworkError returns false for %s', (_name, error) => {
    expect(isNetworkError(error)).toBe(false);
  });

  it('takes no time over errors that are made of each other', () => {
    const errors = Array.from({ length: 10 }, () => new AggregateError([]));
    for (const error of errors) error.errors = errors;
    expect(isNetworkError(errors[0])).toBe(false);
  });

  it('takes no time over 100,000 errors', () => {
    const many = new AggregateError(Array.from({ length: 100_000 }, () => new Error('one')));
    expect(isNetworkError(many)).toBe(false);
  });
});

describe('defaultClassify', () => {
  const policy = 'p';
  it.each([
    ['a value', { ok: true, value: 1 }, 'success'],
    ['undefined', { ok: true, value: undefined }, 'success'],
    ['an error', { ok: false, error: new Error('down') }, 'failure'],
    ['something thrown that is no error', { ok: false, error: 'down' }, 'failure'],
    ['nothing thrown', { ok: false, error: undefined }, 'failure'],
    ['a broken JSON document', { ok: false, error: new SyntaxError('Unexpected token') }, 'failure'],
    ['our timeout', { ok: false, error: new TimeoutError({ policy, timeoutMs: 1 }) }, 'failure'],
    ['a platform timeout', { ok: false, error: new DOMException('late', 'TimeoutError') }, 'failure'],
    ['an open circuit', { ok: false, error: new CircuitOpenError({ policy, retryAfterMs: 1 }) }, 'ignore'],
    ['a full bulkhead', { ok: false, error: new BulkheadFullError({ policy }) }, 'ignore'],
    ['something closed', { ok: false, error: new ClosedError({ policy }) }, 'ignore'],
    ['a bad option', { ok: false, error: new InvalidOptionError('a', 'b', 'c', 1) }, 'ignore'],
    ['a TypeError', { ok: false, error: new TypeError('x is not a function') }, 'ignore'],
    ['a RangeError', { ok: false, error: new RangeError('Invalid array length') }, 'ignore'],
    ['a ReferenceError', { ok: false, error: new ReferenceError('x is not defined') }, 'ignore'],
    [
      "an abort of a signal that is not the call's",
      { ok: false, error: new DOMException('no', 'AbortError') },
      'failure',
    ],
    ['a bad certificate', { ok: false, error: coded('CERT_HAS_EXPIRED') }, 'permanent'],
  ] as const)('%s', (_name, outcome, verdict) => {
    expect(defaultClassify(outcome)).toBe(verdict);
  });
});

describe('an AbortError', () => {
  const outcome = { ok: false, error: new DOMException('no', 'AbortError') } as const;

  it('is ignored if the signal of the call is aborted', () => {
    const context = { signal: AbortSignal.abort() } as CallContext;
    expect(defaultClassify(outcome, context)).toBe('ignore');
  });

  it('is a failure if the signal of the call is not aborted: it is retried and counts for the breaker', async () => {
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

  it("is neither retried nor counted if it is the caller's own abort", async () => {
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

describe('a judgement that cannot be', () => {
  it.each([true, false, undefined, null, 'bad', Promise.resolve('failure')])(
    'the verdict %s is rejected',
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

  it('an error of the judge is the error of the call', async () => {
    const policy = retry({
      classify: () => {
        throw new Error('the judge is ill');
      },
    });
    await expect(policy.execute(() => 1)).rejects.toThrow('the judge is ill');
  });
});
