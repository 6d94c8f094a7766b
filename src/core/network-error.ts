import { isErrorOfClass, safeGet } from './inspect.js';

/** Which side of a connection an error blames: the calling program, the network on the way, or the peer that it leads to. */
type Fault = 'caller' | 'network' | 'peer';

/**
 * Error codes of Node, its resolver, undici and Bun, by their beginnings; the first that matches decides. A `peer` cannot
 * be trusted or understood, which another attempt does not change: its certificate, its TLS, an answer that is no HTTP, a
 * SOCKS proxy that refuses (RFC 1928, replies 2, 7 and 8).
 */
const FAULT_BY_CODE: readonly (readonly [Fault, readonly string[]])[] = [
  ['network', ['ERR_SSL_UNEXPECTED_EOF', 'HPE_INVALID_EOF_STATE']],
  ['peer', ['CERT_', 'ERR_TLS_', 'ERR_SSL_', 'SELF_SIGNED_', 'DEPTH_ZERO_', 'UNABLE_TO_', 'EPROTO', 'HPE_']],
  ['peer', ['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES', 'Malformed_HTTP_Response', 'InvalidHTTPResponse']],
  ['peer', ['UND_ERR_SOCKS5_REPLY_2', 'UND_ERR_SOCKS5_REPLY_7', 'UND_ERR_SOCKS5_REPLY_8']],
  ['network', ['UND_ERR_SOCKS5_REPLY_1', 'UND_ERR_SOCKS5_REPLY_3', 'UND_ERR_SOCKS5_REPLY_4', 'UND_ERR_SOCKS5_REPLY_5']],
  ['network', ['UND_ERR_SOCKS5_REPLY_6']],
  ['peer', ['UND_ERR_SOCKS5_']],
  ['network', ['UND_ERR_SOCKS5', 'UND_ERR_ABORT']],
  ['network', ['EAI_', 'ENOTFOUND', 'ECONN', 'EHOST', 'ENET', 'ENOTCONN', 'EPIPE', 'ETIMEDOUT', 'EADDR', 'ERR_HTTP2_']],
  ['network', ['UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED', 'UND_ERR_INFO', 'UND_ERR_REQ_RETRY']],
  ['network', ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_PRX_TLS']],
  ['network', ['ERR_STREAM_PREMATURE_CLOSE', 'ConnectionRefused', 'ConnectionReset', 'ConnectionClosed']],
  ['network', ['FailedToOpenSocket']],
];

/** The wordings of platforms whose network errors are bare TypeErrors. Sentry adds ` (host)` to them. */
const NETWORK_MESSAGES: readonly string[] = [
  'Failed to fetch', // Chromium
  'network error', // Chromium, while the body is being read
  'NetworkError when attempting to fetch resource.', // Firefox
  'Error in input stream', // Firefox, while the body is being read
  'Error in body stream', // Firefox, while the body is being read
  'Load failed', // Safari
  'cancelled', // Safari
  'The Internet connection appears to be offline.', // Safari
  'The network connection was lost.', // Safari
  'The request timed out.', // Safari
  'A server with the specified hostname could not be found.', // Safari
  'Could not connect to the server.', // Safari
  'A network error occurred.', // WebKit
  'Network request failed', // React Native
  'Network request timed out', // React Native
  'Network connection lost.', // Cloudflare Workers
  'terminated', // undici, while the body is being read
];

/** Deno's wordings, which name the address and go on with the error of the operating system. */
const DENO_NETWORK =
  /^(error sending request (for|from) |error reading a body from connection|request or response body error|Connection reset by peer)/;

/** Certificates that are not trusted and peers that speak another protocol, in the words of Deno and Safari. */
const PEER_MESSAGE =
  /invalid peer certificate|received corrupt message|received fatal alert|invalid HTTP version parsed|^The certificate for this server|^An SSL error has occurred/;

/** undici's wording for a proxy that has not opened the tunnel. */
const TUNNEL_REFUSED = /^Proxy response \((\d+)\)/;

/** How deep a chain of causes is followed. Deeper chains are cycles or noise. */
const MAX_DEPTH = 10;

/** What is known of an error from where it was caught, which its code and its wording do not show. */
const attributed = /* @__PURE__ */ new WeakMap<object, Fault>();

/** Records which side is to blame for an error, for every later look at it. */
export function attribute(error: unknown, fault: Fault): void {
  if (typeof error === 'object' && error !== null) attributed.set(error, fault);
}

/**
 * Whether the connection to the server failed, as opposed to the calling program or the server's logic. Judged by error
 * codes along the chain of causes, and by the wordings of platforms whose `TypeError`s carry no code.
 */
export function isNetworkError(error: unknown): boolean {
  return faultOf(error) === 'network';
}

/** Whether the server, or a proxy on the way, cannot be trusted or understood: a bad certificate, a protocol error. */
export function isPeerError(error: unknown): boolean {
  return faultOf(error) === 'peer';
}

/** Whether code of the caller is known to have thrown the error, such as the stream of a request's body. */
export function isCallerError(error: unknown): boolean {
  return faultOf(error) === 'caller';
}

/** Which side an error blames; undefined if it is not about a connection. The peer, if both are blamed. */
function faultOf(error: unknown): Fault | undefined {
  const known = typeof error === 'object' && error !== null ? attributed.get(error) : undefined;
  if (known !== undefined) return known;
  const faults = new Set<Fault>();
  collectFaults(error, faults, MAX_DEPTH, new Set());
  return faults.has('peer') ? 'peer' : [...faults][0];
}

/** Looks at no error twice: causes may form circles, and the errors of several addresses share them. */
function collectFaults(error: unknown, faults: Set<Fault>, depth: number, seen: Set<unknown>): void {
  if (typeof error !== 'object' || error === null || depth === 0 || seen.has(error)) return;
  seen.add(error);
  const fault = attributed.get(error) ?? faultOfCode(error) ?? faultOfMessage(error);
  if (fault !== undefined) faults.add(fault);
  const errors = safeGet(error, 'errors'); // of an AggregateError: one for each address that was tried
  if (Array.isArray(errors)) for (const one of errors.slice(0, MAX_DEPTH)) collectFaults(one, faults, depth - 1, seen);
  collectFaults(safeGet(error, 'cause'), faults, depth - 1, seen);
}

function faultOfCode(error: object): Fault | undefined {
  const code = safeGet(error, 'code');
  if (typeof code !== 'string') return undefined;
  if (code === 'UND_ERR_ABORTED') return faultOfAbort(safeGet(error, 'message'));
  return FAULT_BY_CODE.find(([, starts]) => starts.some((start) => code.startsWith(start)))?.[0];
}

/** undici's own abort: of a tunnel, by the proxy's status, or of a request whose connection was given up. */
function faultOfAbort(message: unknown): Fault {
  const status = typeof message === 'string' ? TUNNEL_REFUSED.exec(message)?.[1] : undefined;
  return status === undefined || (Number(status) >= 500 && status !== '501') ? 'network' : 'peer';
}

function faultOfMessage(error: object): Fault | undefined {
  const message = safeGet(error, 'message');
  if (typeof message !== 'string') return undefined;
  if (DENO_NETWORK.test(message)) return PEER_MESSAGE.test(message) ? 'peer' : 'network';
  if (!isErrorOfClass(error, ['TypeError'])) return undefined;
  if (PEER_MESSAGE.test(message)) return 'peer';
  // undici and Deno word everything that goes wrong like this, a bad certificate as well: the cause decides, if there is one.
  if (message === 'fetch failed') return safeGet(error, 'cause') === undefined ? 'network' : undefined;
  return NETWORK_MESSAGES.includes(message.replace(/ \([^\s()]+\)$/, '')) ? 'network' : undefined;
}
