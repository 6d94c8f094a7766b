import { isResilienceError } from '../core/errors.js';
import { isErrorOfClass, safeGet } from '../core/inspect.js';
import { attribute, isNetworkError, isPeerError } from '../core/network-error.js';
import { asRequest, type OutgoingRequest } from './request.js';
import { hasFailed, kindOfBody } from './request-body.js';

/** The wordings of mistakes in a program: V8, SpiderMonkey and JavaScriptCore. */
const ENGINE_WORDING =
  /\bis not (a function|a constructor|iterable|async iterable|an object|defined)\b|\b(can't|cannot) (read|set|destructure|convert|assign|add|delete|redefine|define|mix|access|use|perform)\b|\bis (undefined|null)$|constant variable|invalid assignment|incompatible receiver|Illegal invocation|circular|cyclic|read-?only property|private (field|member|method)|^Class (constructor|extends)|^Reduce of empty array/i;

/** What the Fetch Standard refuses without a connection or for good, in the words of undici and Deno. */
const REFUSED =
  /^bad port$|Requests to port \d+ are blocked|\bscheme\b|^invalid (path|method|URL)\b|\bredirects?\b|^integrity mismatch$/i;

/** The beginnings of the codes of a request that cannot be sent as it is, or whose body cannot be read. */
const REQUEST_CODES: readonly string[] = [
  ...['ERR_INVALID_', 'ERR_MISSING_', 'UND_ERR_INVALID_', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_', 'UND_ERR_BPL_'],
  ...['ENOENT', 'EACCES', 'EISDIR', 'EMFILE', 'ENFILE', 'TooManyRedirects', 'UnexpectedRedirect'],
];

/**
 * Records what an error that `fetch` has rejected with is about, so that every policy inside and outside judges it alike:
 * a rejection that came after the request was built is a network error, unless it is known to be something else.
 * Platforms word their network errors as they like, in the language of the user too, and most of them are bare TypeErrors.
 */
export async function attributeRejection(error: unknown, request: OutgoingRequest): Promise<void> {
  if (isResilienceError(error)) return;
  const body = request.init?.body ?? asRequest(request.input)?.body;
  if (isRedirectError(error) || (await hasFailed(body))) {
    attribute(error, 'caller');
    return;
  }
  if (!isErrorOfClass(error, ['TypeError']) || isNetworkError(error) || isPeerError(error)) return;
  // A stream that fetch has not let go of cannot be asked whether it was the one that failed.
  const isCallers = isMistake(error as TypeError) || kindOfBody(body) === 'stream' || !canBeBuilt(request);
  attribute(error, isCallers ? 'caller' : 'network');
}

/** node-fetch's, which is no TypeError. */
function isRedirectError(error: unknown): boolean {
  const type = typeof error === 'object' && error !== null ? safeGet(error, 'type') : undefined;
  return typeof type === 'string' && /^(max|no|unsupported)-redirect$/.test(type);
}

function isMistake(error: TypeError): boolean {
  const cause = safeGet(error, 'cause');
  const subject = typeof cause === 'object' && cause !== null ? cause : error;
  const code = safeGet(subject, 'code') ?? safeGet(error, 'code');
  if (typeof code === 'string' && REQUEST_CODES.some((start) => code.startsWith(start))) return true;
  const message = String(safeGet(subject, 'message'));
  return ENGINE_WORDING.test(message) || REFUSED.test(message);
}

/** Whether the platform can build the request. Looked at only after a failure, so that it costs other calls nothing. */
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
