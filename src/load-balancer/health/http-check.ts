import { truncate } from '../../core/inspect.js';
import { checkOptionalFunction, checkString, readOptions } from '../../core/options.js';
import type { HealthCheck } from './health-check.js';

/** The options of `httpCheck`. */
export interface HttpCheckOptions {
  /** The path to request, appended to the node's own path. @defaultValue '/' */
  readonly path?: string | undefined;
  /** The HTTP method. @defaultValue 'GET' */
  readonly method?: string | undefined;
  /** Additional request headers. @defaultValue none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Returns whether a status code means that the node is healthy. @defaultValue 200 to 299 */
  readonly isHealthy?: ((status: number) => boolean) | undefined;
  /** Returns the base URL of a node, for nodes whose name is not their URL. @defaultValue the name */
  readonly url?: ((node: string) => string | URL) | undefined;
  /** The function that sends the request. @defaultValue the global `fetch`, read at each check */
  readonly fetch?: ((url: URL, init: RequestInit) => Promise<Response>) | undefined;
}

/**
 * Creates a health check that passes if the node responds to an HTTP request with a good status code. Redirects are not
 * followed, and the body is not read.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const balancer = new LoadBalancer(['http://10.0.0.1:8080', 'http://10.0.0.2:8080'], {
 *   health: { check: httpCheck({ path: '/healthz' }), interval: '2s' },
 * });
 * ```
 */
export function httpCheck(options?: HttpCheckOptions): HealthCheck {
  const owner = 'httpCheck';
  const defaults = {
    path: '/',
    method: 'GET',
    headers: {},
    isHealthy: (status: number) => status >= 200 && status <= 299,
    url: (node: string): string | URL => node,
    fetch: undefined,
  };
  const own = readOptions<HttpCheckOptions, typeof defaults>(owner, options, defaults);
  const { path, method, isHealthy, url, fetch } = own;
  const headers = { ...own.headers };
  for (const [option, value] of Object.entries({ path, method })) checkString(owner, option, value);
  for (const [option, value] of Object.entries({ isHealthy, url, fetch })) checkOptionalFunction(owner, option, value);
  return async (node, { signal }) => {
    const response = await (fetch ?? globalThis.fetch)(urlOf(url(node), path), {
      method,
      headers,
      signal,
      redirect: 'manual',
    });
    // The body is not read, and an unread body would keep its connection open.
    await response.body?.cancel();
    if (!isHealthy(response.status)) throw new Error(`${truncate(node)} answered with status ${response.status}`);
  };
}

function urlOf(node: string | URL, path: string): URL {
  return new URL(`${String(node).replace(/\/$/, '')}/${path.replace(/^\//, '')}`);
}
