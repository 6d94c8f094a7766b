import { InvalidOptionError } from '../core/errors.js';
import type { RequestInitCopy } from '../core/request-init.js';
import { requestMembers } from '../core/request-members.js';
import type { ShareableRequest } from '../core/request-sharing.js';
import { parseCacheControl } from '../http-fields/cache-control.js';
import { isTracingHeader } from '../http-fields/tracing-headers.js';

/** The request as the `vary` option of `dedupe` receives it. */
export interface DedupeRequest {
  /** The URL without its fragment. */
  readonly url: string;
  /** The method: `GET` or `HEAD`. */
  readonly method: string;
  /** A copy of the request headers. */
  readonly headers: Headers;
  /** A copy of the second argument of `fetch`; empty if there is none. */
  readonly init: Readonly<Record<PropertyKey, unknown>>;
}

/** Names of headers in lower case, or a function that returns a part of the key. */
export type Vary = readonly string[] | ((request: DedupeRequest) => string);

/** Members of `init` that are no part of the key: it has the method and the headers, and each caller its own signal. */
const OTHER_MEMBERS: ReadonlySet<PropertyKey> = /* @__PURE__ */ new Set(['method', 'headers', 'body', 'signal']);

const NONE: ReadonlySet<PropertyKey> = /* @__PURE__ */ new Set();

/** Cache modes of requests that must reach the server. */
const UNSHARED_MODES: readonly unknown[] = ['no-store', 'reload'];

/**
 * Returns a text that is equal for equal requests; undefined if the request must not be shared. O(headers).
 *
 * @throws the error of `vary`, or InvalidOptionError if it does not return a string.
 */
export function keyOf(shareable: ShareableRequest, vary: Vary): string | undefined {
  const { method, init } = shareable;
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const request =
    typeof shareable.input === 'object' && !(shareable.input instanceof URL) ? shareable.input : undefined;
  const { body, cache } = (request ?? {}) as Partial<Request>;
  if ((init?.body ?? body ?? null) !== null || UNSHARED_MODES.includes(init?.cache ?? cache)) return undefined;
  const headers = headersOf(shareable);
  if (headers === undefined || headers.has('range')) return undefined;
  if (parseCacheControl(headers.get('cache-control')).has('no-store')) return undefined;
  const url = urlOf(shareable);
  const members = requestMembers(request as Request | undefined, init, OTHER_MEMBERS).map(({ text }) => text);
  const terms = requestMembers(undefined, shareable.terms as RequestInitCopy | undefined, NONE).map(({ text }) => text);
  const [names, extra] = typeof vary === 'function' ? [[], partBy(vary, url, shareable, headers)] : [vary, ''];
  const distinguishing = [...headers].filter(([name]) => !isTracingHeader(name) || names.includes(name));
  return JSON.stringify([method, url, distinguishing, members, terms, extra]);
}

/** Returns all headers of the request; undefined if `fetch` will reject them. */
function headersOf({ init, requestHeaders }: ShareableRequest): Headers | undefined {
  try {
    return new Headers((init?.headers ?? requestHeaders) as HeadersInit | undefined);
  } catch {
    return undefined;
  }
}

/** Returns the URL without its fragment. A relative URL whose origin is a placeholder is different from all others. */
function urlOf({ url, input }: ShareableRequest): string {
  const absolute = url.href.replace(/#.*/s, '');
  return typeof input === 'string' && /^[/.?#]/.test(input) ? `${absolute} ` : absolute;
}

function partBy(
  vary: Exclude<Vary, readonly string[]>,
  url: string,
  { method, init }: ShareableRequest,
  headers: Headers,
): string {
  const part: unknown = vary({ url: url.trimEnd(), method, headers: new Headers(headers), init: { ...init } });
  if (typeof part === 'string') return part;
  throw new InvalidOptionError('dedupe', 'vary', 'must return a string', part);
}
