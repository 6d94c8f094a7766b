import { ChaosError } from '../core/errors.js';

/** Returns the error of a connection that was refused: nothing of the request was sent. */
export function refusedError(target: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${target}`), { code: 'ECONNREFUSED', syscall: 'connect' });
}

/** Returns the error of an HTTP client library for a response with an error status. */
export function statusError(target: string, status: number): Error {
  return Object.assign(new Error(`${target} has answered with status ${status}`), { status });
}

/**
 * The errors of Node's `fetch`, with the same classes, messages and codes, and a `ChaosError` as the last of their
 * causes. Code that judges errors sees the real thing; a log with causes shows who has created it.
 */
export const fetchErrors = {
  /** A connection that was refused. */
  refused: (policy: string, target: string): TypeError => fetchFailed(withOrigin(refusedError(target), policy)),

  /** A connection that was closed before the headers of the response. */
  reset(policy: string): TypeError {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
    return fetchFailed(withOrigin(cause, policy));
  },

  /** A connection that was closed before the end of the body. */
  terminated(policy: string): TypeError {
    const cause = Object.assign(new Error('other side closed'), { name: 'SocketError', code: 'UND_ERR_SOCKET' });
    return new TypeError('terminated', { cause: withOrigin(cause, policy) });
  },
};

const fetchFailed = (cause: Error): TypeError => new TypeError('fetch failed', { cause });

function withOrigin(error: Error, policy: string): Error {
  return Object.defineProperty(error, 'cause', {
    value: new ChaosError({ policy }),
    writable: true,
    configurable: true,
  });
}
