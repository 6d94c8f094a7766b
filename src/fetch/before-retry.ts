import type { CallContext, Operation } from '../core/call-context.js';
import { asContext, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkString, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';
import { copyHeaders } from '../core/request-init.js';
import {
  asRequest,
  type CapturedRequest,
  CREDENTIALS,
  type OutgoingRequest,
  withHeaders,
  withoutBody,
} from './request.js';
import { copyBody, kindOfBody } from './request-body.js';

/** What `beforeRetry` receives before a request is repeated. */
export interface BeforeRetryEvent {
  /** The number of the attempt that has failed; 1 is the first. */
  readonly attempt: number;
  /** The outcome of that attempt: a response whose body was discarded, or an error. */
  readonly outcome: Outcome;
  /** The request as it was sent last. */
  readonly request: OutgoingRequest;
  /** Aborts when the call ends: by the caller's abort, or by the total timeout. */
  readonly signal: AbortSignal;
}

/** Changes to a request before it is repeated, as `beforeRetry` returns them. They last for all later attempts. */
export interface RequestChanges {
  /**
   * The new URL; a relative one is resolved against the old one. If the origin changes, the fields `Authorization`,
   * `Cookie` and `Proxy-Authorization` of the old request are removed, and the key is computed again.
   * @defaultValue the URL of the request
   */
  readonly url?: string | URL | undefined;
  /** The new method. Whether the request is repeatable is then decided again. @defaultValue the method of the request */
  readonly method?: string | undefined;
  /**
   * Header fields to set, in any form that `fetch` accepts. All other fields are kept. A field of a record is removed if
   * its value is undefined or null.
   * @defaultValue none
   */
  readonly headers?: unknown;
  /** The new body; null removes the body. @defaultValue the body of the request */
  readonly body?: unknown;
}

/** Prepares a request before it is repeated. */
export type BeforeRetry = (
  event: BeforeRetryEvent,
) => RequestChanges | undefined | PromiseLike<RequestChanges | undefined> | PromiseLike<void>;

const OWNER = 'resilientFetch';
const OPTION = 'beforeRetry';

/** A call whose request can be changed before it is repeated. */
export interface ChangeableCall {
  /** The method of the request, in upper case. */
  readonly method: string;
  /** Whether the request may be sent again while it is in flight. */
  readonly mayOverlap: boolean;
  /**
   * Calls `beforeRetry` and applies the changes. Rejects with the error of `beforeRetry`.
   *
   * @param attempt - the number of the attempt that has failed.
   */
  prepare(beforeRetry: BeforeRetry, attempt: number, outcome: Outcome, context: CallContext): Promise<void>;
}

/** An operation that belongs to a changeable call. */
export interface ChangeableOperation extends Operation<Response> {
  changeable?: ChangeableCall;
}

/** Returns the call that a context of `resilientFetch` belongs to. */
export function changeableCallOf(context: PolicyContext): ChangeableCall {
  return (asContext(context).operation as ChangeableOperation).changeable as ChangeableCall;
}

/** Calls `beforeRetry`. Returns the changed request. An error without a cause gets that of the attempt as its cause. */
export async function changedRequest(
  beforeRetry: BeforeRetry,
  request: CapturedRequest,
  attempt: number,
  outcome: Outcome,
  { signal }: CallContext,
): Promise<CapturedRequest> {
  try {
    const { url, init } = request;
    const headers = init?.headers === undefined ? {} : { headers: copyHeaders(init.headers) };
    const copy = { ...request, url: new URL(url), init: init && { ...init, ...headers } };
    const changes = await beforeRetry({ attempt, outcome, request: copy, signal });
    return changes === undefined ? request : withChanges(request, changes);
  } catch (error) {
    if (!outcome.ok) setCause(error, outcome.error);
    throw error;
  }
}

function setCause(error: unknown, cause: unknown): void {
  if (!(error instanceof Error) || 'cause' in error || !Object.isExtensible(error)) return;
  Object.defineProperty(error, 'cause', { value: cause, configurable: true, enumerable: false, writable: true });
}

const NO_CHANGES = { url: undefined, method: undefined, headers: undefined, body: undefined };

/**
 * Returns the request with the changes that `beforeRetry` has returned.
 *
 * @throws InvalidOptionError for invalid changes.
 */
function withChanges(request: CapturedRequest, changes: RequestChanges): CapturedRequest {
  if (asRequest(changes) !== undefined) {
    const rule = 'must return an object with the changes ("url", "method", "headers", "body"), and not a Request';
    throw new InvalidOptionError(OWNER, OPTION, rule, changes);
  }
  const { url, method, headers, body } = readOptions<RequestChanges>(OWNER, changes, NO_CHANGES, OPTION);
  let changed = request;
  if (url !== undefined) changed = movedTo(changed, url);
  if (body !== undefined) changed = withBody(changed, body);
  if (headers !== undefined) changed = withFields(changed, headers);
  if (method === undefined) return changed;
  const name = checkString(OWNER, `${OPTION}.method`, method);
  return { ...changed, method: name.toUpperCase(), init: { ...changed.init, method: name } };
}

function movedTo(request: CapturedRequest, given: string | URL): CapturedRequest {
  let url: URL;
  try {
    url = new URL(given, request.url);
  } catch {
    throw new InvalidOptionError(OWNER, `${OPTION}.url`, 'must be a valid URL', given);
  }
  // A relative URL of a custom fetch function stays relative: this library does not know its origin.
  const isRelative = (address: unknown): address is string => typeof address === 'string' && /^[/.?#]/.test(address);
  const target = isRelative(request.target ?? request.input) && isRelative(given) ? given : url.href;
  const moved = { ...request, url, target };
  if (url.origin === request.url.origin) return moved;
  return without(moved, CREDENTIALS);
}

function withFields(request: CapturedRequest, fields: unknown): CapturedRequest {
  const { init, requestHeaders } = request;
  try {
    const headers = new Headers((init?.headers ?? requestHeaders ?? undefined) as HeadersInit | undefined);
    for (const [name, value] of entriesOf(fields)) {
      if (value === undefined || value === null) headers.delete(name);
      else headers.set(name, String(value));
    }
    return withHeaders(request, Object.fromEntries(headers));
  } catch (error) {
    throw new InvalidOptionError(OWNER, `${OPTION}.headers`, `must be header fields (${String(error)})`, fields);
  }
}

/** Returns the fields of headers of any form. */
function entriesOf(fields: unknown): Iterable<[string, unknown]> {
  const copy = copyHeaders(fields);
  if (typeof copy !== 'object' || copy === null) throw new TypeError('they must be an object');
  const isIterable = typeof (copy as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
  return isIterable ? (copy as Iterable<[string, unknown]>) : Object.entries(copy);
}

/** Header fields that describe a body (Fetch Standard, "request-body-header name"). */
const BODY_FIELDS = ['content-type', 'content-encoding', 'content-language', 'content-location', 'content-length'];

function withBody(request: CapturedRequest, body: unknown): CapturedRequest {
  const { duplex: _, ...others } = request.init ?? {};
  const kind = kindOfBody(body);
  const duplex = kind === 'stream' ? { duplex: 'half' } : {};
  const init = { ...others, ...duplex, body: kind === 'mutable' ? copyBody(body) : body };
  const changed = { ...request, requestBody: undefined, init };
  // Text and bytes have no type of their own, so the old Content-Type may still describe them.
  if (kind !== 'none') return isTyped(body) ? without(changed, ['content-type']) : changed;
  const old = asRequest(request.input);
  return without(old === undefined ? changed : { ...changed, input: withoutBody(old) }, BODY_FIELDS);
}

/** Whether `fetch` derives the Content-Type from the body. */
const isTyped = (body: unknown): boolean =>
  typeof body === 'object' &&
  /^\[object (FormData|URLSearchParams|Blob|File)\]$/.test(String(Object.prototype.toString.call(body)));

function without(request: CapturedRequest, names: readonly string[]): CapturedRequest {
  return withFields(request, Object.fromEntries(names.map((name) => [name, undefined])));
}
