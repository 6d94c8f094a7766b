import { copyHeaders, type RequestInitCopy, readRequestInit } from '../core/request-init.js';

/** The arguments of one call of `fetch`, read once, so that later changes of the caller's objects have no effect. */
export interface FetchCall {
  readonly input: unknown;
  /** Undefined or null where the caller gave none. */
  readonly init: RequestInitCopy | null | undefined;
  /** The first argument, where it is a `Request` of any make. */
  readonly request: Request | undefined;
  /** The URL as the caller wrote it. */
  readonly address: string;
}

/**
 * Reads the arguments of `fetch`. What `fetch` itself would reject is left as it is.
 *
 * @throws what a getter of `init`, or the conversion of `input` to a string, throws.
 */
export function readCall(input: unknown, init: unknown): FetchCall {
  const isObject = (typeof init === 'object' && init !== null) || typeof init === 'function';
  const copy = isObject ? withOwnHeaders(readRequestInit(init)) : (init as null | undefined);
  if (isRequest(input)) return { input, init: copy, request: input, address: input.url };
  const address = String(input);
  const own = input instanceof URL ? new URL(address) : typeof input === 'object' ? address : input;
  return { input: own, init: copy, request: undefined, address };
}

function withOwnHeaders(init: RequestInitCopy): RequestInitCopy {
  if (init.headers !== undefined) init.headers = copyHeaders(init.headers);
  return init;
}

/**
 * Returns the arguments for one request to the origin: on a signal of its own, and with copies of the URL and the headers,
 * since the fetch inside may change what it is given.
 *
 * @param headers - all headers of the call.
 * @param extra - headers to add.
 */
export function outgoing(
  { input, init, request }: FetchCall,
  headers: Headers,
  signal: AbortSignal,
  extra: Readonly<Record<string, string>>,
): [input: unknown, init: object] {
  const isWhole = Object.keys(extra).length > 0 || request !== undefined;
  const own = isWhole ? { ...Object.fromEntries(headers), ...extra } : copyHeaders(init?.headers);
  return [
    input instanceof URL ? new URL(input) : input,
    { ...init, ...(own !== undefined && { headers: own }), signal },
  ];
}

/** A `Request` of any make: the platform's, undici's, a polyfill's. */
function isRequest(value: unknown): value is Request {
  const { url, method, clone } = Object(value) as Partial<Request>;
  return typeof url === 'string' && typeof method === 'string' && typeof clone === 'function';
}
