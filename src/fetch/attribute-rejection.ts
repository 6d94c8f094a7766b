import { isResilienceError } from '../core/errors.js';
import { isErrorOfClass, safeGet } from '../core/inspect.js';
import { attribute, isNetworkError, isPeerError } from '../core/network-error.js';
import { asRequest, type OutgoingRequest } from './request.js';
import { hasFailed, kindOfBody } from './request-body.js';

/** Messages of mistakes in a program, in the words of V8, SpiderMonkey and JavaScriptCore. */
const ENGINE_WORDING =
  /\bis not (a function|a constructor|iterable|async iterable|an object|defined)\b|\b(can't|cannot) (read|set|destructure|convert|assign|add|delete|redefine|define|mix|access|use|perform)\b|\bis (undefined|null)$|constant variable|invalid assignment|incompatible receiver|Illegal invocation|circular|cyclic|read-?only property|private (field|member|method)|^Class (constructor|extends)|^Reduce of empty array/i;

/** Messages of undici and Deno about requests that the Fetch Standard forbids: without a connection, or permanently. */
const REFUSED =
  /^bad port$|Requests to port \d+ are blocked|\bscheme\b|^invalid (path|method|URL)\b|\bredirects?\b|^integrity mismatch$/i;

/** Prefixes of the error codes of a request that cannot be sent as it is, or whose body cannot be read. */
const REQUEST_CODES: readonly string[] = [
  ...['ERR_INVALID_', 'ERR_MISSING_', 'UND_ERR_INVALID_', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_', 'UND_ERR_BPL_'],
  ...['ENOENT', 'EACCES', 'EISDIR', 'EMFILE', 'ENFILE', 'TooManyRedirects', 'UnexpectedRedirect'],
];

/**
 * Records the side that caused a rejection of `fetch`, so that all policies, inside and outside, judge the error alike.
 * A rejection after the request was built is a network error unless it is known to be something else. The messages of
 * network errors differ between platforms, also with the user's language, and most of these errors are plain
 * TypeErrors.
 */
export async function attributeRejection(error: unknown, request: OutgoingRequest): Promise<void> {
  if (isResilienceError(error) || isFromDispatcher(error)) return;
  const body = request.init?.body ?? asRequest(request.input)?.body;
  if (isRedirectError(error) || (await hasFailed(body))) {
    attribute(error, 'caller');
    return;
  }
  if (!isErrorOfClass(error, ['TypeError']) || isNetworkError(error) || isPeerError(error)) return;
  // A stream that `fetch` still holds does not show whether it has failed.
  const isCallers = isMistake(error as TypeError) || kindOfBody(body) === 'stream' || !canBeBuilt(request);
  attribute(error, isCallers ? 'caller' : 'network');
}

/** Whether an error of this package is the cause: `fetch` wraps the errors of a dispatcher with policies. */
const isFromDispatcher = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && isResilienceError(safeGet(error, 'cause'));

/** Whether the error is a redirect error of node-fetch, which is not a TypeError. */
function isRedirectError(error: unknown): boolean {
  const type = typeof error === 'object' && error !== null ? safeGet(error, 'type') : undefined;
  return typeof type === 'string' && /^(max|no|unsupported)-redirect$/.test(type);
}

/** Whether the error is a mistake in the calling program, by its code or its message. */
function isMistake(error: TypeError): boolean {
  const cause = safeGet(error, 'cause');
  const subject = typeof cause === 'object' && cause !== null ? cause : error;
  const code = safeGet(subject, 'code') ?? safeGet(error, 'code');
  if (typeof code === 'string' && REQUEST_CODES.some((start) => code.startsWith(start))) return true;
  const message = String(safeGet(subject, 'message'));
  return ENGINE_WORDING.test(message) || REFUSED.test(message);
}

/** Whether the platform can build the request. Checked only after a failure, so that other calls pay nothing. */
function canBeBuilt({ url, method, init }: OutgoingRequest): boolean {
  const { Request } = globalThis;
  if (typeof Request !== 'function') return true;
  try {
    const body = (init?.body ?? null) === null ? undefined : '';
    new Request(url.href, { ...(init as RequestInit | undefined), method, body, signal: null } as RequestInit);
    return true;
  } catch {
    return false;
  }
}
