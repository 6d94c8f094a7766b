import { truncate } from '../../core/inspect.js';
import { checkOptionalFunction, checkString, readOptions } from '../../core/options.js';
import type { HealthCheck } from './health-check.js';

export interface HttpCheckOptions {
  /** What is asked for, after the node's own path. @defaultValue '/' */
  readonly path?: string | undefined;
  /** @defaultValue 'GET' */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Which status is good. @defaultValue 200 to 299 */
  readonly isHealthy?: ((status: number) => boolean) | undefined;
  /** The address of a node, for nodes whose name is not their URL. @defaultValue the name */
  readonly url?: ((node: string) => string | URL) | undefined;
  /** What does the fetching. @defaultValue the global `fetch`, looked up at each check */
  readonly fetch?: ((url: URL, init: RequestInit) => Promise<Response>) | undefined;
}

/**
 * A node is well when it answers a request with a good status. Redirects are not followed, and the body is not read.
 *
 * @throws InvalidOptionError for options that cannot work.
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
    // Nobody reads it, and an unread body holds its connection.
    await response.body?.cancel();
    if (!isHealthy(response.status)) throw new Error(`${truncate(node)} answered with status ${response.status}`);
  };
}

function urlOf(node: string | URL, path: string): URL {
  return new URL(`${String(node).replace(/\/$/, '')}/${path.replace(/^\//, '')}`);
}
