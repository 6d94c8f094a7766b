import type { CallContext } from '../core/call-context.js';
import type { Outcome } from '../core/outcome.js';
import { copyHeaders } from '../core/request-init.js';
import {
  askBeforeRetry,
  type BeforeRetry,
  type ChangedUrl,
  type CheckedChanges,
  fieldsOfOldBody,
} from './before-retry.js';
import { asRequest, type CapturedRequest, FIELDS_OF_ORIGIN, withHeaders, withoutBody } from './request.js';
import { copyBody, kindOfBody } from './request-body.js';

/** Calls `beforeRetry`. Returns the changed request; the same one without changes. */
export async function changedRequest(
  beforeRetry: BeforeRetry,
  request: CapturedRequest,
  attempt: number,
  outcome: Outcome,
  { signal }: CallContext,
): Promise<CapturedRequest> {
  const { url, init } = request;
  const headers = init?.headers === undefined ? {} : { headers: copyHeaders(init.headers) };
  const copy = { ...request, url: new URL(url), init: init && { ...init, ...headers } };
  const event = { attempt, outcome, request: copy, signal };
  const changed = await askBeforeRetry('resilientFetch', beforeRetry, event, url, (changes) =>
    withChanges(request, changes),
  );
  return changed ?? request;
}

function withChanges(request: CapturedRequest, { url, method, fields, body }: CheckedChanges): CapturedRequest {
  let changed = request;
  if (url !== undefined) changed = movedTo(changed, url);
  if (body !== undefined) changed = withBody(changed, body);
  if (fields !== undefined) changed = withFields(changed, fields);
  return method === undefined
    ? changed
    : { ...changed, method: method.toUpperCase(), init: { ...changed.init, method } };
}

function movedTo(request: CapturedRequest, { given, full }: ChangedUrl): CapturedRequest {
  // A relative URL of a custom fetch function stays relative: this library does not know its origin.
  const isRelative = (address: unknown): address is string => typeof address === 'string' && /^[/.?#]/.test(address);
  const target = isRelative(request.target ?? request.input) && isRelative(given) ? given : full.href;
  const moved = { ...request, url: full, target };
  return full.origin === request.url.origin ? moved : without(moved, FIELDS_OF_ORIGIN);
}

function withBody(request: CapturedRequest, body: unknown): CapturedRequest {
  const { duplex: _, ...others } = request.init ?? {};
  const kind = kindOfBody(body);
  const duplex = kind === 'stream' ? { duplex: 'half' } : {};
  const init = { ...others, ...duplex, body: kind === 'mutable' ? copyBody(body) : body };
  const changed = { ...request, requestBody: undefined, init };
  const old = kind === 'none' ? asRequest(request.input) : undefined;
  return without(old === undefined ? changed : { ...changed, input: withoutBody(old) }, fieldsOfOldBody(body));
}

function withFields(request: CapturedRequest, fields: ReadonlyMap<string, string | undefined>): CapturedRequest {
  const { init, requestHeaders } = request;
  const headers = new Headers((init?.headers ?? requestHeaders ?? undefined) as HeadersInit | undefined);
  for (const [name, value] of fields) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  return withHeaders(request, Object.fromEntries(headers));
}

function without(request: CapturedRequest, names: readonly string[]): CapturedRequest {
  return withFields(request, new Map(names.map((name) => [name, undefined])));
}
