import { checkOptionalFunction, readOptions } from '../core/options.js';
import { SimulatedError, type Targets } from './world.js';

/** Options of `simulatedFetch`. */
export interface SimulatedFetchOptions {
  /**
   * Returns the response of a request that a server has served.
   * @defaultValue a response with status 200 and the body `ok`
   */
  readonly respond?: ((request: SimulatedRequest) => Response | PromiseLike<Response>) | undefined;
}

/** A request of a simulated fetch. */
export interface SimulatedRequest {
  /** The URL; its host is the name of the server. */
  readonly url: URL;
  /** The method in upper case. */
  readonly method: string;
  /** The request headers. */
  readonly headers: Headers;
  /** The name of the server. */
  readonly server: string;
}

/**
 * Returns a `fetch` whose requests go to the servers of a simulated world: the host of the URL is the name of the
 * server, as in `http://api/users`. It resolves with real `Response` objects, so that `resilientFetch`, `cachedFetch` and
 * a load balancer's `route` run unchanged. A full queue answers with status 503, and a fault of kind `error` with 500;
 * a server that is down rejects with `TypeError: fetch failed`, as in Node.
 *
 * @example
 * ```ts
 * import { exponential, poisson, server, simulate, simulatedFetch } from 'breakwater/simulator';
 *
 * const result = await simulate({
 *   world: { api: server({ workers: 4, service: exponential('10ms') }) },
 *   load: poisson({ perSecond: 100 }),
 *   duration: '30s',
 *   candidate: ({ clock, random, world }) => {
 *     const fetch = resilientFetch({ fetch: simulatedFetch(world), clock, random });
 *     return () => fetch('http://api/');
 *   },
 * });
 * console.log(result.goodput);
 * ```
 */
export function simulatedFetch(world: Targets, options?: SimulatedFetchOptions): typeof globalThis.fetch {
  const servers = new Map(Object.entries(world).map(([name, target]) => [name.toLowerCase(), target]));
  const own = readOptions<SimulatedFetchOptions>('simulatedFetch', options, { respond: undefined });
  const respond = checkOptionalFunction('simulatedFetch', 'respond', own.respond);
  return async (input, init) => {
    const request = typeof input === 'string' || input instanceof URL ? undefined : input;
    const url = new URL(request?.url ?? (input as string | URL));
    const signal = init?.signal ?? request?.signal;
    if (signal?.aborted) throw signal.reason;
    const target = servers.get(url.hostname);
    if (target === undefined) throw fetchFailed(`getaddrinfo ENOTFOUND ${url.hostname}`, 'ENOTFOUND');
    try {
      await target.send({ signal });
    } catch (error) {
      if (!(error instanceof SimulatedError)) throw error;
      if (error.status === undefined) throw fetchFailed(error.message, error.code as string);
      return new Response(error.message, { status: error.status });
    }
    if (respond === undefined) return new Response('ok');
    const method = (init?.method ?? request?.method ?? 'GET').toUpperCase();
    const headers = new Headers(init?.headers ?? request?.headers);
    return respond({ url, method, headers, server: target.name });
  };
}

/** The error of Node's `fetch` for a connection that has failed. */
function fetchFailed(message: string, code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });
}
