import { isErrorOfClass, safeGet } from './inspect.js';
import { sharedWeakMap } from './shared-map.js';

/** The side that caused an error: the calling program, the network on the way, or the peer. */
type Fault = 'caller' | 'network' | 'peer';

/**
 * Prefixes of error codes of Node, its resolver, undici and Bun, with the side that caused the error; the first match
 * decides. `caller` means that undici does not send the request as it is: a wrong argument, or a body of another length
 * than its `content-length`. `peer` means that the peer is not trusted or not understood, which a retry does not change: an invalid
 * certificate, a TLS error, a response that is not HTTP, a SOCKS proxy that refuses (RFC 1928, replies 2, 7 and 8).
 */
const FAULT_BY_CODE: readonly (readonly [Fault, readonly string[]])[] = [
  ['caller', ['UND_ERR_INVALID_', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']],
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

/** The messages of platforms whose network errors are plain TypeErrors. Sentry appends ` (host)` to them. */
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

/** Deno's messages. They name the address and continue with the error of the operating system. */
const DENO_NETWORK =
  /^(error sending request (for|from) |error reading a body from connection|request or response body error|Connection reset by peer)/;

/** Messages of Deno and Safari about untrusted certificates and about peers that speak another protocol. */
const PEER_MESSAGE =
  /invalid peer certificate|received corrupt message|received fatal alert|invalid HTTP version parsed|^The certificate for this server|^An SSL error has occurred/;

/** undici's message for a proxy that has not opened the tunnel. */
const TUNNEL_REFUSED = /^Proxy response \((\d+)\)/;

/** The maximum depth to which a chain of causes is followed. Deeper chains are cycles or noise. */
const MAX_DEPTH = 10;

/**
 * The side that caused an error, known from where the error was caught. The code and the message of the error do not
 * show it. All copies of the package read it: the fetch of one may run in the pipeline of another.
 */
let attributed: WeakMap<object, Fault> | undefined;

function attributedErrors(): WeakMap<object, Fault> {
  attributed ??= sharedWeakMap('faults');
  return attributed;
}

/** Records which side caused an error. The record takes precedence over the error's code and message. */
export function attribute(error: unknown, fault: Fault): void {
  if (typeof error === 'object' && error !== null) attributedErrors().set(error, fault);
}

/**
 * Whether the connection to the server failed, as opposed to a mistake in the calling program or an error of the
 * server's logic. Decides by the error codes along the chain of causes, and by the messages of platforms whose
 * `TypeError`s have no code.
 *
 * @example
 * ```ts
 * const error: unknown = await fetch('http://localhost:1').catch((reason: unknown) => reason);
 * console.log(isNetworkError(error)); // true if no server listens on this port
 * ```
 */
export function isNetworkError(error: unknown): boolean {
  return faultOf(error) === 'network';
}

/**
 * Whether the server, or a proxy on the way, is not trusted or not understood: an invalid certificate or a protocol
 * error.
 */
export function isPeerError(error: unknown): boolean {
  return faultOf(error) === 'peer';
}

/** Whether the error is known to come from code of the caller, such as the stream of a request's body. */
export function isCallerError(error: unknown): boolean {
  return faultOf(error) === 'caller';
}

/**
 * Returns the side that caused an error; undefined if the error does not concern a connection. If the chain of causes
 * names both the peer and another side, returns the peer.
 */
function faultOf(error: unknown): Fault | undefined {
  const known = typeof error === 'object' && error !== null ? attributedErrors().get(error) : undefined;
  if (known !== undefined) return known;
  const faults = new Set<Fault>();
  collectFaults(error, faults, MAX_DEPTH, new Set());
  return faults.has('peer') ? 'peer' : [...faults][0];
}

/**
 * Collects the sides along the chain of causes. Visits each error once: causes may form cycles, and the errors of an
 * AggregateError may share causes.
 */
function collectFaults(error: unknown, faults: Set<Fault>, depth: number, seen: Set<unknown>): void {
  if (typeof error !== 'object' || error === null || depth === 0 || seen.has(error)) return;
  seen.add(error);
  const fault = attributedErrors().get(error) ?? faultOfCode(error) ?? faultOfMessage(error);
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

/**
 * Returns the side behind undici's own abort error: a refused tunnel, by the proxy's status, or a request whose
 * connection was closed.
 */
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
  // undici and Deno use this message for every failure, including an invalid certificate: the cause decides, if there
  // is one.
  if (message === 'fetch failed') return safeGet(error, 'cause') === undefined ? 'network' : undefined;
  return NETWORK_MESSAGES.includes(message.replace(/ \([^\s()]+\)$/, '')) ? 'network' : undefined;
}
