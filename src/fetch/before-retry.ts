import type { CallContext, Operation } from '../core/call-context.js';
import { asContext, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkString, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';
import { copyHeaders } from '../core/request-init.js';
import { asRequest, type OutgoingRequest } from './request.js';
import { kindOfBody } from './request-body.js';

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
   * `Cookie`, `Proxy-Authorization` and `Host` of the old request are removed, and the key is computed again.
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

/** Changes to a request after their check. A change that was not made is undefined. */
export interface CheckedChanges {
  readonly url: ChangedUrl | undefined;
  readonly method: string | undefined;
  /** The new values of header fields by their names in lower case. A field without a value is removed. */
  readonly fields: ReadonlyMap<string, string | undefined> | undefined;
  readonly body: unknown;
}

/** A new URL, as it was given and in full. */
export interface ChangedUrl {
  readonly given: string | URL;
  readonly full: URL;
}

/**
 * Calls `beforeRetry`, and returns the request to which its changes were applied; undefined without changes. An error
 * without a cause gets that of the failed attempt as its cause.
 *
 * @param owner - the function that the caller has called, for errors.
 * @param base - the URL that a relative one is resolved against.
 * @param apply - returns the request with the changes.
 * @throws InvalidOptionError for invalid changes, and the error of `beforeRetry`.
 */
export async function askBeforeRetry<R>(
  owner: string,
  beforeRetry: BeforeRetry,
  event: BeforeRetryEvent,
  base: URL,
  apply: (changes: CheckedChanges) => R,
): Promise<R | undefined> {
  const { outcome } = event;
  try {
    const changes = await beforeRetry(event);
    return changes === undefined ? undefined : apply(checkChanges(owner, changes, base));
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

function checkChanges(owner: string, changes: RequestChanges, base: URL): CheckedChanges {
  if (asRequest(changes) !== undefined) {
    const rule = 'must return an object with the changes ("url", "method", "headers", "body"), and not a Request';
    throw new InvalidOptionError(owner, OPTION, rule, changes);
  }
  const { url, method, headers, body } = readOptions<RequestChanges>(owner, changes, NO_CHANGES, OPTION);
  return {
    url: url === undefined ? undefined : checkUrl(owner, url, base),
    method: method === undefined ? undefined : checkString(owner, `${OPTION}.method`, method),
    fields: headers === undefined ? undefined : checkFields(owner, headers),
    body,
  };
}

function checkUrl(owner: string, given: string | URL, base: URL): ChangedUrl {
  try {
    return { given, full: new URL(given, base) };
  } catch {
    throw new InvalidOptionError(owner, `${OPTION}.url`, 'must be a valid URL', given);
  }
}

function checkFields(owner: string, given: unknown): ReadonlyMap<string, string | undefined> {
  const fields = new Map<string, string | undefined>();
  try {
    for (const [name, value] of entriesOf(given)) {
      const text = value === undefined || value === null ? undefined : String(value);
      new Headers().set(name, text ?? ''); // throws for an invalid name or value
      fields.set(name.toLowerCase(), text);
    }
    return fields;
  } catch (error) {
    throw new InvalidOptionError(owner, `${OPTION}.headers`, `must be header fields (${String(error)})`, given);
  }
}

/** Returns the fields of headers of any form. */
function entriesOf(fields: unknown): readonly (readonly [string, unknown])[] {
  const copy = copyHeaders(fields);
  if (typeof copy !== 'object' || copy === null) throw new TypeError('they must be an object');
  const isIterable = typeof (copy as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
  const pairs = isIterable ? Array.from(copy as Iterable<unknown>) : Object.entries(copy);
  if (pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return pairs as [string, unknown][];
  throw new TypeError('each field must be a pair of a name and a value');
}

/** Header fields that describe a body (Fetch Standard, "request-body-header name"). */
const BODY_FIELDS = ['content-type', 'content-encoding', 'content-language', 'content-location', 'content-length'];

/** Returns the header fields of a request that do not apply to its new body. */
export function fieldsOfOldBody(body: unknown): readonly string[] {
  if (kindOfBody(body) === 'none') return BODY_FIELDS;
  // Text and bytes have no type of their own, so the old Content-Type may still describe them.
  return isTyped(body) ? ['content-length', 'content-type'] : ['content-length'];
}

/** Whether the Content-Type is derived from the body. */
const isTyped = (body: unknown): boolean =>
  typeof body === 'object' &&
  /^\[object (FormData|URLSearchParams|Blob|File)\]$/.test(String(Object.prototype.toString.call(body)));
