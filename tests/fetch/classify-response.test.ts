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
    [429, 'failure'],
    [499, 'success'],
    [500, 'failure'],
    [501, 'success'],
    [502, 'failure'],
    [503, 'failure'],
    [504, 'failure'],
    [599, 'failure'],
  ])('classifyResponse takes status %i for %s', (status, verdict) => {
    const value = status === 599 ? { status } : new Response(null, { status });
    expect(classifyResponse({ ok: true, value })).toBe(verdict);
  });

  it.each([undefined, null, 'text', {}, { status: '503' }])(
    'a value that is no response, %s, is a success',
    (value) => {
      expect(classifyResponse({ ok: true, value })).toBe('success');
    },
  );

  it.each([
    ['a reset connection', fetchFailed(coded('ECONNRESET')), 'failure'],
    ['a refused connection', fetchFailed(coded('ECONNREFUSED')), 'failure'],
    ['undici without a cause', new TypeError('fetch failed'), 'failure'],
    ['our timeout', new TimeoutError({ policy: 'p', timeoutMs: 1 }), 'failure'],
    ['a bad certificate', fetchFailed(coded('CERT_HAS_EXPIRED')), 'permanent'],
    ['an answer that is no HTTP', fetchFailed(coded('HPE_INVALID_CONSTANT')), 'permanent'],
    ['a file that cannot be sent', fetchFailed(coded('ENOENT')), 'ignore'],
    ['a body of the wrong length', fetchFailed(coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')), 'ignore'],
    ['an unknown scheme', fetchFailed(new Error('unknown scheme')), 'ignore'],
    ['too many redirects', fetchFailed(new Error('redirect count exceeded')), 'ignore'],
    ['a mistake in the program', new TypeError('x is not a function'), 'ignore'],
    ['an open circuit', new CircuitOpenError({ policy: 'p', retryAfterMs: 1 }), 'ignore'],
    ["an abort of a signal that is not the call's", new DOMException('stop', 'AbortError'), 'failure'],
    ['any other error', new Error('down'), 'failure'],
  ] as const)('%s', (_name, error, verdict) => {
    expect(classifyResponse({ ok: false, error })).toBe(verdict);
  });
});
