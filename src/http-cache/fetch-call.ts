import { copyHeaders, type RequestInitCopy, readRequestInit } from '../core/request-init.js';

/** The arguments of one call of `fetch`. They are read once, so that later changes by the caller have no effect. */
export interface FetchCall {
  readonly input: unknown;
  /** A copy of the second argument; undefined or null if there is none. */
  readonly init: RequestInitCopy | null | undefined;
  /** The first argument, if it is a `Request` of any implementation. */
  readonly request: Request | undefined;
  /** The URL as the caller wrote it. */
  readonly address: string;
}

/**
 * Reads the arguments of `fetch`. Arguments that `fetch` will reject are left unchanged.
 *
 * @throws the error of a getter of `init`, or of the conversion of `input` to a string.
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
 * Returns the arguments for one request to the origin: with its own signal, and with copies of the URL and the headers,
 * because the inner fetch may change its arguments.
 *
 * @param headers - all headers of the call.
 * @param extra - the headers to add.
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

/** Whether a value is a `Request` of any implementation: the platform's, undici's or a polyfill's. */
function isRequest(value: unknown): value is Request {
  const { url, method, clone } = Object(value) as Partial<Request>;
  return typeof url === 'string' && typeof method === 'string' && typeof clone === 'function';
}
