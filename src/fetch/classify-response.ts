import type { CallContext } from '../core/call-context.js';
import { defaultClassify, isNetworkError, type Outcome, type Verdict } from '../core/outcome.js';

/**
 * What an answer over HTTP says of the server: 5xx but 501 (which will not change), 429 and 408 are failures; any other
 * response is a success, a 404 too. Errors are judged by `defaultClassify`, except that a peer which cannot be trusted or
 * understood, by its certificate for instance, is a `permanent` failure.
 */
export function classifyResponse(outcome: Outcome, _context?: CallContext): Verdict {
  if (!outcome.ok) return isPeerError(outcome.error) ? 'permanent' : defaultClassify(outcome);
  const { status } = (outcome.value ?? {}) as { status?: unknown };
  if (typeof status !== 'number') return 'success';
  return (status >= 500 && status !== 501) || status === 429 || status === 408 ? 'failure' : 'success';
}

/** How the codes begin of what is wrong with the other side, and not with the network or with the request. */
const PEER_CODES = [
  ...['CERT_', 'ERR_TLS_', 'ERR_SSL_', 'SELF_SIGNED_', 'DEPTH_ZERO_', 'UNABLE_TO_', 'HPE_', 'UND_ERR_HEADERS_OVERFLOW'],
  ...['UND_ERR_RESPONSE', 'UND_ERR_RES_'],
];

/** undici words all of these `fetch failed`; what it knows of the peer stands in the code of the cause. */
function isPeerError(error: unknown): boolean {
  if (!(error instanceof TypeError) || error.message !== 'fetch failed' || isNetworkError(error)) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === 'string' && PEER_CODES.some((start) => code.startsWith(start));
}
