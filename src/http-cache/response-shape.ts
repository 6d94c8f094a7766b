/**
 * The properties needed to make a response that looks like one of `fetch`, with the same class (undici's for undici).
 */
export interface ResponseShape {
  readonly make: typeof Response;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
  readonly status: number;
  readonly statusText: string;
}

export type HeaderPairs = readonly (readonly [string, string])[];

/** Returns undefined for a value that is not a readable response, or whose status the constructor would reject. */
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
 * Returns a copy of a response's headers. Undefined if `Headers` rejects one of them: HTTP parsers accept a name that
 * is empty or contains a space. Such a response is not stored, because the field may be a `Cache-Control`.
 */
export function copyFields(headers: Headers): Headers | undefined {
  try {
    return new Headers([...headers]);
  } catch {
    return undefined;
  }
}

/** Makes a response. @throws the error of its constructor. */
export function makeResponse(
  shape: ResponseShape,
  body: ReadableStream | Uint8Array | null,
  headers: HeaderPairs,
): Response {
  const { make: Make, status } = shape;
  const response = new Make(body as BodyInit | null, { status, headers: headers as [string, string][] });
  return dress(response, shape);
}

/** Makes the response to `only-if-cached` without a usable stored response (RFC 9111, 5.2.1.7). */
export function gatewayTimeout(url: string, cacheStatus: string): Response {
  const given = { url, redirected: false, type: 'default', status: 504, statusText: 'Gateway Timeout' };
  return makeResponse({ make: Response, ...given }, null, [['cache-status', cacheStatus]]);
}

/** Defines the properties that the constructor of a response does not accept, also on its clones. */
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
  Object.defineProperty(response, name, { value, configurable: true });
}

/** Makes a response with another body. Undefined if the constructor of the original cannot do that. */
export function remade(shape: ResponseShape, body: ReadableStream | null, headers: HeaderPairs): Response | undefined {
  try {
    const response = makeResponse(shape, body, headers);
    return response.body === body ? response : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the body is complete, as far as it can be checked: a body that `fetch` has decoded has another length. */
export function hasItsLength(headers: Headers, body: Uint8Array | null): boolean {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') || Number(length) === (body?.byteLength ?? 0);
}

/** Ends a body that will not be read: a web stream or a Node.js stream. */
export function discardBody({ body }: Response): void {
  if (!body || body.locked) return;
  if (typeof body.cancel === 'function') body.cancel().catch(() => {});
  else (body as Partial<NodeStream>).destroy?.();
}

/** The part of a Node.js stream that is used here: `node-fetch` and `cross-fetch` have such bodies. */
export interface NodeStream {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}
