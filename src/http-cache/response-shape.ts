/** How to make a response that looks like one that `fetch` gave: of its make, undici's for undici's fetch. */
export interface ResponseShape {
  readonly make: typeof Response;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
  readonly status: number;
  readonly statusText: string;
}

export type HeaderPairs = readonly (readonly [string, string])[];

/** Undefined for what is no real response, has been read from, or has no status that one could be made with. */
export function shapeOf(response: unknown): ResponseShape | undefined {
  const {
    constructor: make,
    url,
    redirected,
    type,
    status,
    statusText,
    headers,
    body,
  } = Object(response) as Partial<Response>;
  const isReadable = body === null || (typeof body?.getReader === 'function' && !body.locked);
  const isReal = isReadable && typeof headers?.[Symbol.iterator] === 'function' && typeof make === 'function';
  if (!isReal || status === undefined || !(status >= 200 && status <= 599)) return undefined;
  return {
    make: make as typeof Response,
    url: url ?? '',
    redirected: redirected === true,
    type: type ?? 'default',
    status,
    statusText: statusText ?? '',
  };
}

/**
 * Returns a copy of a response's headers. Undefined if there is a field that `Headers` does not take: parsers let a name
 * through that is empty or has a space in it. Such a response is not stored, since the field may be a `Cache-Control`.
 */
export function copyFields(headers: Headers): Headers | undefined {
  try {
    return new Headers([...headers]);
  } catch {
    return undefined;
  }
}

/** @throws what its maker throws. */
export function makeResponse(
  shape: ResponseShape,
  body: ReadableStream | Uint8Array<ArrayBuffer> | null,
  headers: HeaderPairs,
): Response {
  const { make: Make, status } = shape;
  const response = new Make(body as BodyInit | null, { status, headers: headers as [string, string][] });
  return dress(response, shape);
}

/** Says that nothing stored will do, where only that was asked for (RFC 9111, 5.2.1.7). */
export function gatewayTimeout(url: string, cacheStatus: string): Response {
  const given = { url, redirected: false, type: 'default', status: 504, statusText: 'Gateway Timeout' };
  return makeResponse({ make: Response, ...given }, null, [['cache-status', cacheStatus]]);
}

/** Adds what a Response cannot be given when it is made. Its clones get it as well. */
function dress(response: Response, shape: ResponseShape): Response {
  const { url, redirected, type, statusText } = shape;
  const { clone } = Object.getPrototypeOf(response) as Response;
  define(response, 'url', url);
  define(response, 'redirected', redirected);
  define(response, 'type', type);
  define(response, 'statusText', statusText);
  define(response, 'clone', () => dress(clone.call(response), shape));
  return response;
}

function define(response: Response, name: keyof Response, value: unknown): void {
  Object.defineProperty(response, name, { value });
}

/** Undefined when the maker of the original cannot make another one. */
export function remade(shape: ResponseShape, body: ReadableStream | null, headers: HeaderPairs): Response | undefined {
  try {
    const response = makeResponse(shape, body, headers);
    return response.body === body ? response : undefined;
  } catch {
    return undefined;
  }
}

/** Whether nothing is missing, as far as that can be told: what `fetch` has decoded has another length. */
export function hasItsLength(headers: Headers, body: Uint8Array | null): boolean {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') || Number(length) === (body?.byteLength ?? 0);
}

/** Ends a body that will not be read: a web stream, or a stream of Node's. */
export function discardBody({ body }: Response): void {
  if (!body || body.locked) return;
  if (typeof body.cancel === 'function') body.cancel().catch(() => {});
  else (body as Partial<NodeStream>).destroy?.();
}

/** What matters here of the streams that `node-fetch` and `cross-fetch` have as bodies. */
export interface NodeStream {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}
