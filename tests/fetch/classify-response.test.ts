import { CircuitOpenError, classifyResponse, TimeoutError } from 'breakwater';
import { describe, expect, it } from 'vitest';

const fetchFailed = (cause: unknown) => new TypeError('fetch failed', { cause });
const coded = (code: string) => Object.assign(new Error(code), { code });

describe('classifyResponse', () => {
  it.each([
    [200, 'success'],
    [204, 'success'],
    [304, 'success'],
    [400, 'success'],
    [404, 'success'],
    [408, 'failure'],
    [425, 'success'],
    [429, 'throttled'],
    [499, 'success'],
    [500, 'failure'],
    [501, 'success'],
    [502, 'failure'],
    [503, 'failure'],
    [504, 'failure'],
    [599, 'failure'],
  ])('classifyResponse judges status %i as %s', (status, verdict) => {
    const value = status === 599 ? { status } : new Response(null, { status });
    expect(classifyResponse({ ok: true, value })).toBe(verdict);
  });

  it.each([undefined, null, 'text', {}, { status: '503' }])(
    'the value %s, which is not a response, is a success',
    (value) => {
      expect(classifyResponse({ ok: true, value })).toBe('success');
    },
  );

  it.each([
    ['a reset connection as failure', fetchFailed(coded('ECONNRESET')), 'failure'],
    ['a refused connection as failure', fetchFailed(coded('ECONNREFUSED')), 'failure'],
    ['an undici error without a cause as failure', new TypeError('fetch failed'), 'failure'],
    ['a TimeoutError of the package as failure', new TimeoutError({ policy: 'p', timeoutMs: 1 }), 'failure'],
    ['a bad certificate as permanent', fetchFailed(coded('CERT_HAS_EXPIRED')), 'permanent'],
    ['a response that is not HTTP as permanent', fetchFailed(coded('HPE_INVALID_CONSTANT')), 'permanent'],
    ['a file that cannot be sent as ignore', fetchFailed(coded('ENOENT')), 'ignore'],
    ['a body of the wrong length as ignore', fetchFailed(coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')), 'ignore'],
    ['an unknown scheme as ignore', fetchFailed(new Error('unknown scheme')), 'ignore'],
    ['too many redirects as ignore', fetchFailed(new Error('redirect count exceeded')), 'ignore'],
    ['a programming error as ignore', new TypeError('x is not a function'), 'ignore'],
    ['a CircuitOpenError as ignore', new CircuitOpenError({ policy: 'p', retryAfterMs: 1 }), 'ignore'],
    ["an abort of a signal that is not the call's as failure", new DOMException('stop', 'AbortError'), 'failure'],
    ['any other error as failure', new Error('down'), 'failure'],
  ] as const)('classifyResponse judges %s', (_name, error, verdict) => {
    expect(classifyResponse({ ok: false, error })).toBe(verdict);
  });
});
