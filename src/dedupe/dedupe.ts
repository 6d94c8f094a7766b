import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, readOptions } from '../core/options.js';
import type { RequestDedupe } from '../core/request-sharing.js';
import { TOKEN } from '../http-fields/cache-control.js';
import type { DedupeRequest, Vary } from './request-key.js';
import { SharedRequests } from './shared-requests.js';

/** Options of `dedupe`. */
export interface DedupeOptions {
  /**
   * What equal requests must also have in common: the names of tracing headers, which distinguish no requests otherwise,
   * or a function that returns a further part of the key, such as the tenant of the caller. All other headers always
   * distinguish requests.
   * @defaultValue none
   */
  readonly vary?: readonly string[] | ((request: DedupeRequest) => string) | undefined;
  /**
   * The number of bytes of a body that are buffered for a caller that reads more slowly than the others: an integer ≥ 0,
   * or `Infinity`. A caller that is further behind gets the rest of its body from a request of its own.
   * @defaultValue 1048576
   */
  readonly maxBuffer?: number | undefined;
}

const OWNER = 'dedupe';

/**
 * Creates the `dedupe` option of `resilientFetch`: concurrent GET and HEAD requests share one response if they are
 * equal. While such a request waits for its response, another caller with an equal request waits for the same response.
 *
 * - Requests are equal if they have the same method and URL, the same headers except those of tracing (`traceparent`,
 *   `tracestate`, `b3`, `x-b3-*`, `sentry-trace`, `x-request-id`, `x-correlation-id`, `x-amzn-trace-id`), and the same
 *   other members of `init`, such as `dispatcher` or `credentials`; objects are compared by identity.
 * - A request with a body, with a `Range` header, or with `cache: 'no-store'` or `'reload'` is never shared. A response
 *   with `Set-Cookie` or `Vary: *` goes to one caller only; the others send their own requests.
 * - Each caller has its own `Response` and its own abort. The request is aborted when its last caller has left.
 * - Failures are shared too, and are forgotten immediately.
 *
 * The requests of one `resilientFetch` are not shared with those of another, even if both were given the same object.
 * O(headers) per call; memory: the requests in flight, and at most `maxBuffer` bytes per shared body.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const fetch = resilientFetch({ dedupe: dedupe() });
 * const [one, two] = await Promise.all([fetch('https://example.com/'), fetch('https://example.com/')]); // one request
 * console.log((await one.text()) === (await two.text())); // true
 * ```
 */
export function dedupe(options?: DedupeOptions): RequestDedupe {
  const own = readOptions<DedupeOptions>(OWNER, options, { vary: undefined, maxBuffer: undefined });
  const { maxBuffer = 2 ** 20 } = own;
  const vary = checkVary(own.vary);
  const maxBytes = checkInteger(OWNER, 'maxBuffer', maxBuffer, { min: 0, orInfinity: true });
  return { start: () => new SharedRequests(vary, maxBytes) };
}

function checkVary(vary: unknown): Vary {
  if (vary === undefined) return [];
  if (typeof vary === 'function') return vary as Vary;
  const isNames = Array.isArray(vary) && vary.every((name) => typeof name === 'string' && TOKEN.test(name));
  if (isNames) return vary.map((name: string) => name.toLowerCase());
  throw new InvalidOptionError(OWNER, 'vary', 'must be an array of header names, or a function', vary);
}
